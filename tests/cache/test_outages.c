/* SPDX-License-Identifier: MIT */
/*
 * test_outages.c - Redis killed, stopped, locked, demoted or not there at all.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "cache_fixture.h"

#define LEASE_US (10 * FR_SECOND_US)

static struct fr_redis_server server, locked;

static void wait_down(struct fixture *f, uint64_t times)
{
    assert_true(fr_wait_for(&f->wait, &f->downs, times, FR_TEST_PATIENCE_US));
}

static void forget_plain(struct fixture *f)
{
    redisFree(f->redis);
    f->redis = NULL;
}

static void assert_unavailable(struct fixture *f)
{
    assert_int_equal(do_get(f, "1").code, FR_UNAVAILABLE);
    assert_int_equal(do_lease(f, "1", 71, LEASE_US).code, FR_UNAVAILABLE);
    struct outcome fill = do_fill(f, "1", 71, 5, "Ada");
    assert_int_equal(fill.code, FR_UNAVAILABLE);
    assert_false(fill.stored);
    assert_int_equal(do_invalidate(f, "1", 6).code, FR_UNAVAILABLE);
}

static void assert_works(struct fixture *f)
{
    assert_true(fr_shared_cache_connected(f->cache));
    assert_true(do_lease(f, "fresh", 71, LEASE_US).granted);
    assert_true(do_fill(f, "fresh", 71, 5, "Ada").stored);
    assert_int_equal(do_get(f, "fresh").kind, FR_VALUE_FOUND);
}

static void a_killed_redis_ends_operations_at_once_and_comes_back(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f, &server, &(struct fixture_options){.name_space = NULL});
    fixture_wait_up(&f, 1);
    for (unsigned round = 1; round <= 3; round++) {
        assert_works(&f);
        fr_redis_server_kill(&server);
        wait_down(&f, round);
        assert_false(fr_shared_cache_connected(f.cache));
        uint64_t begun_us = fr_clock_now_us();
        assert_unavailable(&f);
        assert_true(fr_clock_now_us() - begun_us < 2 * FR_SECOND_US);
        fr_redis_server_restart(&server);
        fixture_wait_up(&f, round + 1);
    }
    assert_works(&f);
    assert_int_equal(f.downs, 3);
    fixture_close(&f);
}

static void a_redis_that_is_not_there_yet_is_awaited(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f, &server, &(struct fixture_options){.name_space = NULL});
    fixture_wait_up(&f, 1);
    struct fr_shared_cache *first = f.cache;
    fr_redis_server_kill(&server);
    f.cache = fixture_second_cache(&f, "late");
    assert_unavailable(&f);
    fr_redis_server_restart(&server);
    fixture_wait_up(&f, 3);
    assert_works(&f);
    assert_int_equal(f.downs, 1); /* the second was never up before */
    fr_shared_cache_free(first);
    fixture_close(&f);
}

/* The INFO that follows the greeting was answered, so that nothing is under way: its time-out would end the others. */
static void wait_sampled(struct fixture *f)
{
    struct fr_redis_info info;
    uint64_t never = 0;
    for (uint64_t end_us = fr_clock_now_us() + FR_TEST_PATIENCE_US; !fr_shared_cache_redis_info(f->cache, &info);) {
        assert_true(fr_clock_now_us() < end_us);
        fr_wait_for(&f->wait, &never, 1, FR_MILLISECOND_US);
    }
}

static void a_stopped_redis_ends_operations_within_the_time_out(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f, &server, &(struct fixture_options){.command_timeout_us = 100 * FR_MILLISECOND_US});
    fixture_wait_up(&f, 1);
    wait_sampled(&f);
    fr_redis_server_pause(&server);
    uint64_t begun_us = fr_clock_now_us();
    assert_int_equal(do_get(&f, "1").code, FR_UNAVAILABLE);
    uint64_t took_us = fr_clock_now_us() - begun_us;
    assert_true(took_us >= 100 * FR_MILLISECOND_US);
    assert_true(took_us < 5 * FR_SECOND_US);
    wait_down(&f, 1);
    assert_unavailable(&f);
    fr_redis_server_resume(&server);
    fixture_wait_up(&f, 2);
    assert_works(&f);
    fixture_close(&f);
}

struct hanging {
    struct fr_task task;
    struct fixture *fixture;
    struct fr_key key;
    uint64_t sent, ended; /* guarded by the fixture's wait */
    enum fr_code code;
};

static void hanging_ended(void *argument, enum fr_code code, struct fr_event_id event)
{
    struct hanging *self = argument;
    (void)event;
    self->code = code;
    /* A caller may well try again from here; it must end too, and not reach a connection that is going. */
    if (self->ended++ == 0) {
        fr_shared_cache_invalidate(self->fixture->cache, &(struct fr_invalidation){.key = &self->key, .version = 7}, hanging_ended, self);
    }
}

static void send_hanging(struct fr_task *task)
{
    struct hanging *self = (struct hanging *)task;
    fr_shared_cache_invalidate(self->fixture->cache, &(struct fr_invalidation){.key = &self->key, .version = 6}, hanging_ended, self);
    fr_wait_lock(&self->fixture->wait);
    self->sent++;
    fr_wait_unlock_changed(&self->fixture->wait);
}

static void freeing_ends_open_operations(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f, &server, &(struct fixture_options){.subscribe = true});
    fixture_wait_up(&f, 1);
    fr_redis_server_pause(&server);
    struct hanging hanging = {.task.run = send_hanging, .fixture = &f, .key = fixture_key("1")};
    fr_loop_post(f.loop, &hanging.task);
    assert_true(fr_wait_for(&f.wait, &hanging.sent, 1, FR_TEST_PATIENCE_US));
    forget_plain(&f);
    fixture_close(&f);
    assert_int_equal(hanging.ended, 2);
    assert_int_equal(hanging.code, FR_UNAVAILABLE);
    fr_redis_server_resume(&server);
}

static void freeing_before_anything_connected_is_fine(void **state)
{
    (void)state;
    struct fixture f;
    for (unsigned i = 0; i < 20; i++) {
        fixture_open(&f, &server, &(struct fixture_options){.subscribe = true});
        fixture_close(&f);
    }
    char url[64];
    snprintf(url, sizeof url, "redis://localhost:%u", server.port);
    fixture_open(&f, &server, &(struct fixture_options){.subscribe = true, .url = url});
    fixture_close(&f);
}

static void a_host_name_is_looked_up(void **state)
{
    (void)state;
    struct fixture f;
    char url[64];
    snprintf(url, sizeof url, "redis://localhost:%u", server.port);
    fixture_open(&f, &server, &(struct fixture_options){.url = url});
    fixture_wait_up(&f, 1);
    assert_works(&f);
    fixture_close(&f);
}

static void a_password_and_a_database_are_used(void **state)
{
    (void)state;
    struct fixture f;
    char url[160];
    snprintf(url, sizeof url, "%s/2", locked.url);
    fixture_open(&f, &locked, &(struct fixture_options){.url = url});
    fixture_wait_up(&f, 1);
    assert_works(&f);
    freeReplyObject(fixture_redis(&f, "SELECT 2"));
    assert_int_equal(fixture_redis_integer(&f, "EXISTS user:fresh"), 1);
    fixture_close(&f);
}

/* What is logged until it holds text, or everything that came before the deadline. */
static void read_log(int fd, const char *text, char *out, size_t capacity)
{
    size_t size = 0;
    uint64_t deadline_us = fr_clock_now_us() + FR_TEST_PATIENCE_US;
    out[0] = '\0';
    while (strstr(out, text) == NULL && size + 1 < capacity && fr_clock_now_us() < deadline_us) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        if (poll(&ready, 1, 100) == 1) {
            ssize_t got = read(fd, out + size, capacity - 1 - size);
            size += got > 0 ? (size_t)got : 0;
            out[size] = '\0';
        }
    }
}

static void a_wrong_password_is_logged_clearly_and_never_connects(void **state)
{
    (void)state;
    struct fixture f;
    char url[64], log[4096];
    int output[2], before = dup(STDERR_FILENO);
    snprintf(url, sizeof url, "redis://:wrongsecret@127.0.0.1:%u", locked.port);
    assert_int_equal(pipe(output), 0);
    dup2(output[1], STDERR_FILENO);
    fixture_open(&f, &locked, &(struct fixture_options){.url = url});
    read_log(output[0], "WRONGPASS", log, sizeof log);
    dup2(before, STDERR_FILENO);
    assert_non_null(strstr(log, "redis not connected")); /* what never was cannot be lost */
    assert_non_null(strstr(log, "refuses AUTH"));
    assert_non_null(strstr(log, "WRONGPASS"));
    assert_null(strstr(log, "wrongsecret"));
    assert_unavailable(&f);
    assert_false(fr_shared_cache_connected(f.cache));
    assert_int_equal(f.ups + f.downs, 0);
    fixture_close(&f);
    close(before);
    close(output[0]);
    close(output[1]);
}

static void a_missing_password_never_connects(void **state)
{
    (void)state;
    struct fixture f;
    char url[64];
    snprintf(url, sizeof url, "redis://127.0.0.1:%u", locked.port);
    fixture_open(&f, &locked, &(struct fixture_options){.url = url});
    assert_unavailable(&f);
    assert_int_equal(f.ups, 0);
    fixture_close(&f);
}

static void a_demoted_redis_is_left_and_a_promoted_one_starts_cold(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f, &server, &(struct fixture_options){.name_space = NULL});
    fixture_wait_up(&f, 1);
    assert_works(&f);
    freeReplyObject(fixture_redis(&f, "REPLICAOF 127.0.0.1 1"));
    assert_int_equal(do_lease(&f, "1", 71, LEASE_US).code, FR_UNAVAILABLE);
    wait_down(&f, 1);
    freeReplyObject(fixture_redis(&f, "REPLICAOF NO ONE"));
    fixture_wait_up(&f, 2);
    struct outcome before = do_get(&f, "fresh");
    assert_int_equal(before.code, FR_OK);
    assert_int_equal(before.kind, FR_VALUE_NONE);
    assert_works(&f);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_killed_redis_ends_operations_at_once_and_comes_back),
        cmocka_unit_test(a_redis_that_is_not_there_yet_is_awaited),
        cmocka_unit_test(a_stopped_redis_ends_operations_within_the_time_out),
        cmocka_unit_test(freeing_ends_open_operations),
        cmocka_unit_test(freeing_before_anything_connected_is_fine),
        cmocka_unit_test(a_host_name_is_looked_up),
        cmocka_unit_test(a_password_and_a_database_are_used),
        cmocka_unit_test(a_wrong_password_is_logged_clearly_and_never_connects),
        cmocka_unit_test(a_missing_password_never_connects),
        cmocka_unit_test(a_demoted_redis_is_left_and_a_promoted_one_starts_cold),
    };
    fr_redis_server_start(&server, NULL);
    fr_redis_server_start(&locked, "open sesame");
    snprintf(locked.url, sizeof locked.url, "redis://:open%%20sesame@127.0.0.1:%u", locked.port);
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    fr_redis_server_stop(&locked);
    fr_redis_server_stop(&server);
    return failures;
}
