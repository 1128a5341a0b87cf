/* SPDX-License-Identifier: MIT */
/*
 * test_read_your_writes.c - whoever waited for the event of a write reads nothing older, whatever becomes of the event.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>

#include "base/clock.h"
#include "library_fixture.h"
#include "relay.h"

#define ROUNDS 200

static struct fr_redis_server server;
static struct database database;

static int reset(void **state)
{
    (void)state;
    library_reset(&database, &server);
    return 0;
}

static void open_cache(struct library *self, bool near)
{
    library_open(self, &database, &server, &(struct library_options){.near = near});
}

/* A write of another process, as this one is told of it. */
struct write {
    struct fr_task task;
    struct library *by;
    struct fr_key key;
    uint64_t version;
    uint64_t ended; /* guarded by wait */
    struct fr_event_id event;
};

static void on_invalidated(void *argument, enum fr_code code, struct fr_event_id event)
{
    struct write *self = argument;
    FR_ASSERT(code == FR_OK && event.number != 0);
    fr_wait_lock(self->by->wait);
    self->event = event;
    self->ended++;
    fr_wait_unlock_changed(self->by->wait);
}

static void invalidate(struct fr_task *task)
{
    struct write *self = (struct write *)task;
    fr_shared_cache_invalidate(fr_cache_shared(self->by->cache),
                               &(struct fr_invalidation){.key = &self->key, .version = self->version}, on_invalidated, self);
}

static struct fr_event_id write_by(struct library *by, unsigned row, uint64_t version)
{
    struct write write = {.task.run = invalidate, .by = by, .key = library_key(row), .version = version};
    library_set_row(&database, row, version);
    fr_loop_post(fr_cache_loop(by->cache), &write.task);
    FR_ASSERT(fr_wait_for(by->wait, &write.ended, 1, FR_TEST_PATIENCE_US));
    return write.event;
}

struct hearing {
    struct fr_cache_wait wait; /* first */
    struct library *library;
    uint64_t ended; /* guarded by the library's wait */
};

static void on_heard(struct fr_cache_wait *wait)
{
    struct hearing *self = (struct hearing *)wait;
    fr_wait_lock(self->library->wait);
    self->ended++;
    fr_wait_unlock_changed(self->library->wait);
}

static void begin_hearing(struct hearing *self, struct library *library, struct fr_event_id event)
{
    *self = (struct hearing){.wait.done = on_heard, .library = library};
    fr_cache_after(library->cache, event, &self->wait);
}

static void wait_heard(struct library *library, struct fr_event_id event)
{
    struct hearing hearing;
    begin_hearing(&hearing, library, event);
    FR_ASSERT(fr_wait_for(library->wait, &hearing.ended, 1, FR_TEST_PATIENCE_US));
}

static void expect_version(struct library *self, unsigned row, uint64_t version)
{
    assert_int_equal(library_get(self, row).version, version);
}

static void who_waited_reads_what_another_process_wrote(void **state)
{
    (void)state;
    struct library a, b;
    open_cache(&a, true);
    open_cache(&b, false);
    library_set_row(&database, 1, 1);
    for (uint64_t version = 2; version < ROUNDS; version++) {
        expect_version(&a, 1, version - 1);
        wait_heard(&a, write_by(&b, 1, version));
        expect_version(&a, 1, version);
    }
    library_close(&b);
    library_close(&a);
}

static void an_invalidation_ends_when_its_own_cache_has_heard_it(void **state)
{
    (void)state;
    struct library a;
    open_cache(&a, true);
    for (uint64_t version = 1; version < ROUNDS; version++) {
        library_write(&a, 1, version);
        fr_wait_lock(a.wait);
        uint64_t heard = a.heard;
        fr_wait_unlock_changed(a.wait);
        assert_int_equal(heard, version);
    }
    library_close(&a);
}

static bool near_serves(struct library *self)
{
    struct fr_cache_statistics now;
    fr_cache_statistics(self->cache, &now);
    return now.near_serves;
}

static void open_behind_relay(struct library *self, struct relay *relay, const struct library_options *options)
{
    char url[64];
    struct library_options all = *options;
    relay_start(relay, server.port);
    snprintf(url, sizeof url, "redis://127.0.0.1:%u", relay->port);
    all.url = url;
    library_open(self, &database, &server, &all);
    FR_ASSERT(fr_wait_for(self->wait, &self->ups, 1, FR_TEST_PATIENCE_US));
}

/* A near cache that serves, and whose subscription can be silenced. */
static void open_near_behind_relay(struct library *self, struct relay *relay)
{
    open_behind_relay(self, relay, &(struct library_options){.near = true});
    for (uint64_t end_us = fr_clock_now_us() + FR_TEST_PATIENCE_US; !near_serves(self);) {
        assert_true(fr_clock_now_us() < end_us);
    }
}

static uint64_t drops(struct library *self)
{
    struct fr_cache_statistics now;
    uint64_t total = 0;
    fr_cache_statistics(self->cache, &now);
    for (unsigned cause = 0; cause < FR_DROP_CAUSES; cause++) {
        total += now.drops[cause];
    }
    return total;
}

static void an_event_that_never_comes_is_not_waited_for_once_nothing_near_is_served(void **state)
{
    (void)state;
    struct library a, b;
    struct relay relay;
    open_near_behind_relay(&a, &relay);
    open_cache(&b, false);
    library_set_row(&database, 1, 5);
    expect_version(&a, 1, 5);
    expect_version(&a, 1, 5);
    relay_silence(&relay);
    wait_heard(&a, write_by(&b, 1, 6));
    expect_version(&a, 1, 6);
    library_close(&b);
    library_close(&a);
    relay_stop(&relay);
}

static void an_invalidation_that_its_cache_does_not_hear_ends_when_all_was_dropped(void **state)
{
    (void)state;
    struct library a;
    struct relay relay;
    open_near_behind_relay(&a, &relay);
    uint64_t before = drops(&a);
    relay_silence(&relay);
    library_write(&a, 1, 6);
    assert_true(drops(&a) > before);
    library_close(&a);
    relay_stop(&relay);
}

/* No event closes the load that began before the write, as none is heard. */
static void who_waited_does_not_join_a_load_that_began_before_the_write(void **state)
{
    (void)state;
    struct library a, b;
    struct answer early, late;
    open_cache(&a, false);
    open_cache(&b, false);
    library_set_row(&database, 1, 5);
    library_hold(&a, true);
    library_start(&a, 1, NULL, &early);
    library_wait_loads(&a, 1);
    wait_heard(&a, write_by(&b, 1, 6));
    library_start(&a, 1, NULL, &late);
    library_wait_coalesced(&a, 1);
    library_hold(&a, false);
    library_release_as(&a, 5);
    library_wait(&early);
    assert_int_equal(early.version, 5);
    library_wait(&late);
    assert_int_equal(late.version, 6);
    library_close(&b);
    library_close(&a);
}

/* Redis took the fill, then the write; what the origin has not heard yet is proof for those who came before alone. */
static void who_comes_while_an_origin_awaits_its_fill_gets_what_was_written_since(void **state)
{
    (void)state;
    struct library origin, other;
    struct relay relay;
    struct answer early, late;
    open_behind_relay(&origin, &relay, &(struct library_options){.role = FR_READ_ORIGIN,
                                                                 .command_timeout_us = FR_TEST_PATIENCE_US});
    open_cache(&other, false);
    library_set_row(&database, 1, 5);
    library_hold(&origin, true);
    library_start(&origin, 1, NULL, &early);
    library_wait_loads(&origin, 1);
    relay_hold(&relay, true);
    library_hold(&origin, false);
    library_release(&origin);
    library_expect_get(&other, 1, FR_SOURCE_REDIS, 5);
    library_write(&other, 1, 6);
    library_start(&origin, 1, NULL, &late);
    library_wait_coalesced(&origin, 1);
    relay_hold(&relay, false);
    library_wait(&early);
    library_expect(&early, FR_SOURCE_ORIGIN, 5);
    library_wait(&late);
    library_expect(&late, FR_SOURCE_ORIGIN, 6);
    library_close(&other);
    library_close(&origin);
    relay_stop(&relay);
}

static void freeing_the_cache_ends_the_wait(void **state)
{
    (void)state;
    struct library a;
    struct hearing hearing;
    open_cache(&a, true);
    begin_hearing(&hearing, &a, (struct fr_event_id){FR_VERSION_MAX, 1});
    library_close(&a);
    assert_int_equal(hearing.ended, 1);
}

#define FACT(name) cmocka_unit_test_setup(name, reset)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FACT(who_waited_reads_what_another_process_wrote),
        FACT(an_invalidation_ends_when_its_own_cache_has_heard_it),
        FACT(an_event_that_never_comes_is_not_waited_for_once_nothing_near_is_served),
        FACT(an_invalidation_that_its_cache_does_not_hear_ends_when_all_was_dropped),
        FACT(who_waited_does_not_join_a_load_that_began_before_the_write),
        FACT(who_comes_while_an_origin_awaits_its_fill_gets_what_was_written_since),
        FACT(freeing_the_cache_ends_the_wait),
    };
    fr_redis_server_start(&server, NULL);
    fr_wait_init(&database.wait);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    fr_wait_fini(&database.wait);
    fr_redis_server_stop(&server);
    return failed;
}
