/* SPDX-License-Identifier: MIT */
/*
 * test_relay.c - marks of committed writes reach Redis, are cleared only then, and only in the version that did.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "cached/relay.h"
#include "support/redis_server.h"
#include "support/wait.h"

static struct fr_redis_server server;

#define KEYS 1000

struct fixture {
    char folder[64], url[160];
    struct fr_store *store;
    struct fr_store_connection *connection;
    struct fr_loop *loop;
    struct fr_shared_cache *shared;
    struct fr_relay *relay;
    struct fr_wait wait;
    uint64_t ups, downs, published, announced; /* guarded by wait */
    struct fr_event_id last_announced;         /* guarded by wait */
    uint64_t numbers[KEYS];                    /* guarded by wait; of the first event of user:<index> */
    uint64_t newest[KEYS];                     /* guarded by wait; the newest version published for user:<index> */
};

static void check(enum fr_code code, const struct fr_error *error)
{
    if (code != FR_OK) {
        fail_msg("%s: %s", fr_code_name(code), error->message);
    }
}

static void on_connection(void *argument, bool connected)
{
    struct fixture *self = argument;
    fr_wait_lock(&self->wait);
    self->ups += connected;
    self->downs += !connected;
    fr_wait_unlock_changed(&self->wait);
}

static void on_invalidation(void *argument, const struct fr_invalidation_event *event)
{
    struct fixture *self = argument;
    char text[64];
    snprintf(text, sizeof text, "%.*s", (int)event->key.size, (const char *)event->key.data);
    unsigned long index = strtoul(strchr(text, ':') + 1, NULL, 10);
    FR_ASSERT(index < KEYS);
    fr_wait_lock(&self->wait);
    self->published++;
    self->numbers[index] = self->numbers[index] == 0 ? event->number : self->numbers[index];
    self->newest[index] = event->version > self->newest[index] ? event->version : self->newest[index];
    fr_wait_unlock_changed(&self->wait);
}

static void on_announced(void *argument, struct fr_event_id newest)
{
    struct fixture *self = argument;
    fr_wait_lock(&self->wait);
    self->announced++;
    self->last_announced = newest;
    fr_wait_unlock_changed(&self->wait);
}

static void run(struct fixture *self, const char *sql)
{
    struct fr_error error;
    check(fr_store_run(self->connection, sql, NULL, 0, NULL, NULL, NULL, &error), &error);
}

/* Until Redis has the subscription: what is published before reaches nobody. */
static void wait_subscribed(struct fixture *self)
{
    redisContext *redis = redisConnect("127.0.0.1", server.port);
    uint64_t begin_us = fr_clock_now_us();
    assert_true(redis != NULL && redis->err == 0);
    for (bool subscribed = false; !subscribed;) {
        redisReply *reply = redisCommand(redis, "PUBSUB NUMSUB %s:cache-invalidation", self->folder + strlen("/tmp/"));
        assert_true(reply != NULL && reply->type == REDIS_REPLY_ARRAY && reply->elements == 2);
        subscribed = reply->element[1]->integer > 0;
        freeReplyObject(reply);
        assert_true(fr_clock_now_us() - begin_us < FR_TEST_PATIENCE_US);
    }
    redisFree(redis);
}

static int open_fixture(void **state)
{
    struct fixture *self = calloc(1, sizeof *self);
    struct fr_error error;
    assert_non_null(self);
    fr_wait_init(&self->wait);
    strcpy(self->folder, "/tmp/freshet-relay-XXXXXX");
    assert_non_null(mkdtemp(self->folder));
    snprintf(self->url, sizeof self->url, "sqlite:%s/test.db", self->folder);
    check(fr_store_open(self->url, &self->store, &error), &error);
    check(fr_store_connect(self->store, &self->connection, &error), &error);
    check(fr_store_migrate(self->connection, "CREATE TABLE users(id TEXT PRIMARY KEY, age INTEGER, version INTEGER);",
                           &error),
          &error);
    check(fr_store_track(self->connection, "users", "user", "id", &error), &error);
    check(fr_loop_new(&self->loop, &error), &error);
    struct fr_shared_cache_options options = {.url = server.url,
                                              .name_space = self->folder + strlen("/tmp/"),
                                              .command_timeout_us = 5 * FR_SECOND_US,
                                              .on_invalidation = on_invalidation,
                                              .on_connection = on_connection,
                                              .argument = self};
    check(fr_shared_cache_new(self->loop, &options, &self->shared, &error), &error);
    assert_true(fr_wait_for(&self->wait, &self->ups, 1, FR_TEST_PATIENCE_US));
    wait_subscribed(self);
    *state = self;
    return 0;
}

static void start_relay(struct fixture *self)
{
    struct fr_error error;
    check(fr_relay_new(self->store, self->loop, self->shared, &self->relay, &error), &error);
}

static void remove_folder(const char *path)
{
    DIR *folder = opendir(path);
    assert_non_null(folder);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        if (entry->d_name[0] != '.') {
            unlinkat(dirfd(folder), entry->d_name, 0);
        }
    }
    closedir(folder);
    assert_int_equal(rmdir(path), 0);
}

static int close_fixture(void **state)
{
    struct fixture *self = *state;
    fr_relay_free(self->relay);
    fr_shared_cache_free(self->shared);
    fr_loop_free(self->loop);
    fr_store_connection_free(self->connection);
    fr_store_free(self->store);
    remove_folder(self->folder);
    fr_wait_fini(&self->wait);
    free(self);
    return 0;
}

/* Writes the row of an index and gives its mark. */
static struct fr_store_marks write_user(struct fixture *self, unsigned index)
{
    struct fr_store_marks marks = {0};
    struct fr_error error;
    char id[16];
    snprintf(id, sizeof id, "%u", index);
    struct fr_store_value parameter = fr_store_text(id);
    check(fr_store_begin(self->connection, &error), &error);
    check(fr_store_run(self->connection,
                       "INSERT INTO users(id, age) VALUES ($1, 1) ON CONFLICT(id) DO UPDATE SET age = age + 1",
                       &parameter, 1, NULL, NULL, NULL, &error),
          &error);
    check(fr_store_commit(self->connection, &marks, &error), &error);
    assert_int_equal(marks.count, 1);
    return marks;
}

/* The same by a process that dies before it announces anything. Returns the version. */
static uint64_t write_and_crash(struct fixture *self, unsigned index)
{
    struct fr_store_marks marks = write_user(self, index);
    uint64_t version = marks.items[0].version;
    fr_store_marks_fini(&marks);
    return version;
}

static size_t dirty_count(struct fixture *self)
{
    struct fr_store_marks marks;
    struct fr_error error;
    check(fr_store_dirty(self->connection, 10000, &marks, &error), &error);
    size_t count = marks.count;
    fr_store_marks_fini(&marks);
    return count;
}

/* The database has no events to wait on, so this asks until it is as wanted. */
static void wait_clean(struct fixture *self)
{
    uint64_t begin_us = fr_clock_now_us();
    while (dirty_count(self) > 0) {
        assert_true(fr_clock_now_us() - begin_us < FR_TEST_PATIENCE_US);
        (void)fr_wait_for(&self->wait, &self->published, UINT64_MAX, FR_MILLISECOND_US);
    }
}

static void wait_published(struct fixture *self, unsigned index, uint64_t version)
{
    assert_true(fr_wait_for(&self->wait, &self->newest[index], version, FR_TEST_PATIENCE_US));
}

static void an_announced_mark_is_published_and_cleared(void **state)
{
    struct fixture *f = *state;
    start_relay(f);
    for (unsigned i = 1; i <= 20; i++) {
        struct fr_store_marks marks = write_user(f, i);
        uint64_t version = marks.items[0].version;
        fr_relay_announce(f->relay, &marks, on_announced, f);
        assert_int_equal(marks.count, 0);
        assert_true(fr_wait_for(&f->wait, &f->announced, i, FR_TEST_PATIENCE_US));
        wait_published(f, i, version);
    }
    wait_clean(f);
}

static void an_announcement_tells_the_last_of_its_events(void **state)
{
    struct fixture *f = *state;
    struct fr_store_marks marks = {0};
    struct fr_error error;
    start_relay(f);
    check(fr_store_begin(f->connection, &error), &error);
    run(f, "INSERT INTO users(id, age) VALUES ('1', 1), ('2', 1), ('3', 1)");
    check(fr_store_commit(f->connection, &marks, &error), &error);
    assert_int_equal(marks.count, 3);
    fr_relay_announce(f->relay, &marks, on_announced, f);
    assert_true(fr_wait_for(&f->wait, &f->announced, 1, FR_TEST_PATIENCE_US));
    assert_true(f->last_announced.incarnation != 0);
    for (unsigned i = 1; i <= 3; i++) {
        wait_published(f, i, 1);
        assert_true(f->last_announced.number >= f->numbers[i]);
    }
    /* With nothing to announce there is no event. */
    fr_relay_announce(f->relay, &(struct fr_store_marks){0}, on_announced, f);
    assert_true(fr_wait_for(&f->wait, &f->announced, 2, FR_TEST_PATIENCE_US));
    assert_int_equal(f->last_announced.number, 0);
}

static void marks_left_by_a_crash_are_carried_out_by_the_next_relay(void **state)
{
    struct fixture *f = *state;
    uint64_t versions[10];
    for (unsigned i = 0; i < 10; i++) {
        versions[i] = write_and_crash(f, i);
    }
    assert_int_equal(dirty_count(f), 10);
    start_relay(f);
    for (unsigned i = 0; i < 10; i++) {
        wait_published(f, i, versions[i]);
    }
    wait_clean(f);
}

static void marks_left_by_another_program_are_found_while_the_relay_runs(void **state)
{
    struct fixture *f = *state;
    start_relay(f);
    for (unsigned i = 0; i < 3; i++) {
        wait_published(f, 7, write_and_crash(f, 7));
        wait_clean(f);
    }
}

static void more_marks_than_one_poll_takes_are_all_carried_out(void **state)
{
    struct fixture *f = *state;
    struct fr_error error;
    uint64_t last = 0;
    check(fr_store_begin(f->connection, &error), &error);
    run(f, "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 999) "
           "INSERT INTO users(id, age) SELECT CAST(i AS TEXT), 1 FROM n");
    struct fr_store_marks marks;
    check(fr_store_commit(f->connection, &marks, &error), &error);
    assert_int_equal(marks.count, KEYS);
    last = marks.items[KEYS - 1].version;
    fr_store_marks_fini(&marks);
    start_relay(f);
    wait_clean(f);
    uint64_t all = KEYS;
    assert_true(fr_wait_for(&f->wait, &f->published, all, FR_TEST_PATIENCE_US));
    for (unsigned i = 0; i < KEYS; i++) {
        assert_true(f->newest[i] > 0 && f->newest[i] <= last);
    }
}

static void take_value(void *context, const struct fr_metric_sample *sample)
{
    assert_string_equal(sample->metric->name, "freshet_relay_oldest_mark_age_us");
    *(int64_t *)context = sample->value;
}

static void wait_oldest(struct fixture *self, struct fr_metrics *metrics, int64_t from_us, int64_t to_us)
{
    int64_t age_us = -1;
    for (uint64_t end_us = fr_clock_now_us() + FR_TEST_PATIENCE_US; age_us < from_us || age_us > to_us;) {
        assert_true(fr_clock_now_us() < end_us);
        (void)fr_wait_for(&self->wait, &self->published, UINT64_MAX, FR_MILLISECOND_US);
        fr_metrics_visit(metrics, take_value, &age_us);
    }
}

/* By the clock of whoever wrote it; a write whose time nobody knows (an older program's) has no age. */
static void the_age_of_the_oldest_mark_is_told(void **state)
{
    struct fixture *f = *state;
    struct fr_error error;
    struct fr_metrics *metrics;
    start_relay(f);
    check(fr_metrics_new(&metrics, &error), &error);
    check(fr_relay_metrics_add(metrics, f->relay, &error), &error);
    fr_redis_server_kill(&server);
    assert_true(fr_wait_for(&f->wait, &f->downs, 1, FR_TEST_PATIENCE_US));
    wait_oldest(f, metrics, 0, 0);
    write_and_crash(f, 2);
    run(f, "INSERT INTO dirty(kind, reference, version) VALUES ('user', '1', 1)");
    run(f, "UPDATE dirty SET time_us = time_us - 3600000000 WHERE reference = '2'");
    write_and_crash(f, 3);
    wait_oldest(f, metrics, INT64_C(3600) * 1000000, INT64_C(3660) * 1000000);
    fr_redis_server_restart(&server);
    assert_true(fr_wait_for(&f->wait, &f->ups, 2, FR_TEST_PATIENCE_US));
    wait_clean(f);
    wait_oldest(f, metrics, 0, 0);
    fr_metrics_remove_source(metrics, f->relay);
    fr_metrics_free(metrics);
}

static void nothing_is_cleared_while_redis_is_down(void **state)
{
    struct fixture *f = *state;
    start_relay(f);
    fr_redis_server_kill(&server);
    assert_true(fr_wait_for(&f->wait, &f->downs, 1, FR_TEST_PATIENCE_US));
    uint64_t left = write_and_crash(f, 1);
    for (unsigned i = 1; i <= 5; i++) {
        struct fr_store_marks marks = write_user(f, 2);
        fr_relay_announce(f->relay, &marks, on_announced, f);
        assert_true(fr_wait_for(&f->wait, &f->announced, i, FR_TEST_PATIENCE_US)); /* ends all the same */
        assert_int_equal(dirty_count(f), 2);
    }
    /* Several polls: the time is over when nothing was published in it. */
    assert_false(fr_wait_for(&f->wait, &f->published, 1, 500 * FR_MILLISECOND_US));
    assert_int_equal(dirty_count(f), 2);
    fr_redis_server_restart(&server);
    assert_true(fr_wait_for(&f->wait, &f->ups, 2, FR_TEST_PATIENCE_US));
    wait_clean(f);
    assert_true(left > 0);
    run(f, "DELETE FROM users");
    wait_clean(f);
}

static void an_open_relay_ends_while_redis_is_down(void **state)
{
    struct fixture *f = *state;
    start_relay(f);
    fr_redis_server_kill(&server);
    assert_true(fr_wait_for(&f->wait, &f->downs, 1, FR_TEST_PATIENCE_US));
    struct fr_store_marks marks = write_user(f, 3);
    fr_relay_announce(f->relay, &marks, on_announced, f);
    fr_relay_free(f->relay);
    f->relay = NULL;
    assert_int_equal(f->announced, 1);
    assert_int_equal(dirty_count(f), 1);
    fr_redis_server_restart(&server);
}

/* The row is written again after its announcement was made and before the mark of the first write is cleared. */
static void a_mark_raised_meanwhile_survives_the_clearing(void **state)
{
    struct fixture *f = *state;
    start_relay(f);
    for (unsigned round = 0; round < 200; round++) {
        struct fr_store_marks marks = write_user(f, 5);
        fr_relay_announce(f->relay, &marks, NULL, NULL);
        uint64_t version = write_and_crash(f, 5);
        if (round % 20 == 0) {
            wait_published(f, 5, version); /* never announced: only its mark can have brought it there */
        }
    }
    wait_published(f, 5, write_and_crash(f, 5));
    wait_clean(f);
}

static void clearing_an_older_version_leaves_the_mark(void **state)
{
    struct fixture *f = *state;
    struct fr_error error;
    struct fr_store_marks old = write_user(f, 6);
    uint64_t newer = write_and_crash(f, 6);
    check(fr_store_clear(f->connection, old.items, old.count, &error), &error);
    fr_store_marks_fini(&old);
    assert_int_equal(dirty_count(f), 1);
    start_relay(f);
    wait_published(f, 6, newer);
    wait_clean(f);
}

static void a_mark_that_no_key_can_have_is_cleared(void **state)
{
    struct fixture *f = *state;
    char sql[1200], reference[1001];
    memset(reference, 'r', 1000);
    reference[1000] = '\0';
    snprintf(sql, sizeof sql, "INSERT INTO dirty(kind, reference, version) VALUES ('user', '%s', 1)", reference);
    run(f, sql);
    start_relay(f);
    wait_clean(f);
    assert_int_equal(f->published, 0);
}

/* Until as many marks are left. */
static void wait_dirty(struct fixture *self, size_t count)
{
    uint64_t begin_us = fr_clock_now_us();
    while (dirty_count(self) != count) {
        assert_true(fr_clock_now_us() - begin_us < FR_TEST_PATIENCE_US);
        (void)fr_wait_for(&self->wait, &self->published, UINT64_MAX, FR_MILLISECOND_US);
    }
}

/* No version can be so high, so Redis is never asked. As a signed number it is below all others: the oldest marks. */
static void plant_bad_marks(struct fixture *self, unsigned count)
{
    char sql[200];
    snprintf(sql, sizeof sql,
             "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %u) "
             "INSERT INTO dirty(kind, reference, version) SELECT 'user', 'bad-' || i, -i FROM n",
             count);
    run(self, sql);
}

static void a_refused_mark_keeps_no_other_from_being_cleared(void **state)
{
    struct fixture *f = *state;
    plant_bad_marks(f, 1);
    for (unsigned i = 1; i <= 10; i++) {
        write_and_crash(f, i);
    }
    start_relay(f);
    wait_dirty(f, 1);
    for (unsigned i = 11; i <= 20; i++) {
        uint64_t version = write_and_crash(f, i);
        wait_published(f, i, version);
        wait_dirty(f, 1);
    }
    assert_int_equal(f->published, 20); /* none again and again */
}

static void more_refused_marks_than_one_poll_takes_hide_no_other(void **state)
{
    struct fixture *f = *state;
    plant_bad_marks(f, 600);
    uint64_t version = write_and_crash(f, 1);
    start_relay(f);
    wait_published(f, 1, version);
    wait_published(f, 2, write_and_crash(f, 2));
    wait_dirty(f, 600);
    run(f, "UPDATE dirty SET version = 1"); /* put right */
    wait_clean(f);
}

static size_t occurrences(const char *text, const char *of)
{
    size_t count = 0;
    for (const char *at = text; (at = strstr(at, of)) != NULL; at += strlen(of)) {
        count++;
    }
    return count;
}

static void a_refused_mark_is_tried_again_and_logged_once(void **state)
{
    struct fixture *f = *state;
    char command[200], log[8192];
    int output[2], before = dup(STDERR_FILENO);
    const char *name_space = f->folder + strlen("/tmp/");
    redisContext *redis = redisConnect("127.0.0.1", server.port);
    snprintf(command, sizeof command, "SET %s:cache-invalidation:number none", name_space);
    freeReplyObject(redisCommand(redis, command));
    assert_int_equal(pipe(output), 0);
    dup2(output[1], STDERR_FILENO);
    uint64_t version = write_and_crash(f, 1);
    start_relay(f);
    /* Several tries: the time is over when nothing was published in it. */
    bool published = fr_wait_for(&f->wait, &f->published, 1, FR_SECOND_US);
    snprintf(command, sizeof command, "DEL %s:cache-invalidation:number", name_space);
    freeReplyObject(redisCommand(redis, command));
    redisFree(redis);
    wait_published(f, 1, version);
    wait_clean(f);
    dup2(before, STDERR_FILENO);
    close(before);
    close(output[1]);
    ssize_t size = read(output[0], log, sizeof log - 1);
    close(output[0]);
    assert_false(published);
    assert_true(size > 0);
    log[size] = '\0';
    assert_int_equal(occurrences(log, "invalidation refused kind=user reference=1 "), 1);
}

static void a_strangers_value_at_the_key_keeps_no_mark(void **state)
{
    struct fixture *f = *state;
    redisContext *redis = redisConnect("127.0.0.1", server.port);
    freeReplyObject(redisCommand(redis, "LPUSH %s:user:1 x", f->folder + strlen("/tmp/")));
    redisFree(redis);
    uint64_t version = write_and_crash(f, 1);
    start_relay(f);
    wait_published(f, 1, version);
    wait_clean(f);
}

static int start_server(void **state)
{
    (void)state;
    fr_redis_server_start(&server, NULL);
    return 0;
}

static int stop_server(void **state)
{
    (void)state;
    fr_redis_server_stop(&server);
    return 0;
}

#define SOON_US (3 * FR_SECOND_US) /* below FR_STORE_PATIENCE_US: nobody has waited for the lock as others do */

#define WRITES  200           /* whose marks cannot be cleared: together they must not wait either */

static void a_database_locked_by_others_keeps_no_mark_from_being_published(void **state)
{
    struct fixture *f = *state;
    struct fr_error error;
    struct fr_store *store;
    struct fr_store_connection *locker;
    struct fr_store_marks marks[WRITES], last;
    check(fr_store_open(f->url, &store, &error), &error);
    check(fr_store_connect(store, &locker, &error), &error);
    for (unsigned i = 0; i < WRITES; i++) {
        marks[i] = write_user(f, i);
    }
    check(fr_store_begin(locker, &error), &error);
    start_relay(f);
    for (unsigned i = 0; i < WRITES; i++) {
        fr_relay_announce(f->relay, &marks[i], on_announced, f);
    }
    assert_true(fr_wait_for(&f->wait, &f->published, WRITES, SOON_US));
    check(fr_store_run(locker, "INSERT INTO users(id, age) VALUES ('900', 1)", NULL, 0, NULL, NULL, NULL, &error), &error);
    check(fr_store_commit(locker, &last, &error), &error);
    check(fr_store_begin(locker, &error), &error);
    fr_store_marks_fini(&last);
    assert_true(fr_wait_for(&f->wait, &f->newest[900], 1, SOON_US));
    fr_store_connection_free(locker);
    fr_store_free(store);
    wait_clean(f);
}

#define FACT(name) cmocka_unit_test_setup_teardown(name, open_fixture, close_fixture)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FACT(an_announced_mark_is_published_and_cleared),
        FACT(an_announcement_tells_the_last_of_its_events),
        FACT(marks_left_by_a_crash_are_carried_out_by_the_next_relay),
        FACT(marks_left_by_another_program_are_found_while_the_relay_runs),
        FACT(more_marks_than_one_poll_takes_are_all_carried_out),
        FACT(the_age_of_the_oldest_mark_is_told),
        FACT(nothing_is_cleared_while_redis_is_down),
        FACT(an_open_relay_ends_while_redis_is_down),
        FACT(a_mark_raised_meanwhile_survives_the_clearing),
        FACT(clearing_an_older_version_leaves_the_mark),
        FACT(a_mark_that_no_key_can_have_is_cleared),
        FACT(a_refused_mark_keeps_no_other_from_being_cleared),
        FACT(more_refused_marks_than_one_poll_takes_hide_no_other),
        FACT(a_refused_mark_is_tried_again_and_logged_once),
        FACT(a_strangers_value_at_the_key_keeps_no_mark),
        FACT(a_database_locked_by_others_keeps_no_mark_from_being_published),
    };
    return cmocka_run_group_tests(tests, start_server, stop_server);
}
