/* SPDX-License-Identifier: MIT */
/*
 * test_gets.c - many GETs of one turn of the loop, against a real Redis.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cache/shared_cache_state.h"
#include "cache_fixture.h"

#define LEASE_US (10 * FR_SECOND_US)
#define MOST     100

static struct fr_redis_server server;

struct many;

struct got {
    struct many *of;
    struct fr_key key;
    unsigned times;
    enum fr_code code;
    enum fr_value_kind kind;
    char payload[16];
};

/* Asked for in one task. */
struct many {
    struct fr_task task;
    struct fixture *fixture;
    bool lost, again; /* the connection ends in the same turn; each asks once more when it has ended */
    unsigned count;
    uint64_t ended;         /* guarded by the fixture's wait */
    uint64_t ended_at_once; /* of them, when all were asked for */
    uint64_t asked;
    struct got got[MOST];
};

static void got(void *argument, const struct fr_shared_value *value)
{
    struct got *self = argument;
    struct many *of = self->of;
    self->code = value->code;
    self->kind = value->kind;
    snprintf(self->payload, sizeof self->payload, "%.*s", (int)value->payload.size,
             value->payload.data != NULL ? (const char *)value->payload.data : "");
    if (self->times++ == 0 && of->again) {
        fr_shared_cache_get(of->fixture->cache, &self->key, got, self);
        return;
    }
    fr_wait_lock(&of->fixture->wait);
    of->ended++;
    fr_wait_unlock_changed(&of->fixture->wait);
}

static void ask(struct fr_task *task)
{
    struct many *self = (struct many *)task;
    for (unsigned i = 0; i < self->count; i++) {
        fr_shared_cache_get(self->fixture->cache, &self->got[i].key, got, &self->got[i]);
    }
    if (self->lost) {
        fr_redis_connection_drop(&self->fixture->cache->commands, "the test says so");
    }
    fr_wait_lock(&self->fixture->wait);
    self->ended_at_once = self->ended;
    self->asked = 1;
    fr_wait_unlock_changed(&self->fixture->wait);
}

static void get_many(struct many *self, struct fixture *f)
{
    self->fixture = f;
    self->task.run = ask;
    for (unsigned i = 0; i < self->count; i++) {
        self->got[i].of = self;
    }
    fr_loop_post(f->loop, &self->task);
    assert_true(fr_wait_for(&f->wait, &self->asked, 1, FR_TEST_PATIENCE_US));
    assert_true(fr_wait_for(&f->wait, &self->ended, self->count, FR_TEST_PATIENCE_US));
    for (unsigned i = 0; i < self->count; i++) {
        assert_int_equal(self->got[i].times, 1 + self->again);
    }
}

static struct many of_keys(unsigned count)
{
    struct many many = {.count = count};
    for (unsigned i = 0; i < count; i++) {
        char id[16];
        snprintf(id, sizeof id, "%u", i);
        many.got[i].key = fixture_key(id);
    }
    return many;
}

static unsigned long long mgets(struct fixture *f)
{
    redisReply *reply = fixture_redis(f, "INFO commandstats");
    const char *at = strstr(reply->str, "cmdstat_mget:calls=");
    unsigned long long calls = at != NULL ? strtoull(at + strlen("cmdstat_mget:calls="), NULL, 10) : 0;
    freeReplyObject(reply);
    return calls;
}

static int open_fixture(void **state)
{
    static struct fixture fixture;
    fixture_open(&fixture, &server, &(struct fixture_options){.name_space = "blue"});
    fixture_wait_up(&fixture, 1);
    *state = &fixture;
    return 0;
}

static int close_fixture(void **state)
{
    fixture_close(*state);
    return 0;
}

/* Values, keys that are not there, and strangers' values, each told to who asked for it. */
static void each_is_told_its_own(void **state)
{
    struct fixture *f = *state;
    for (unsigned i = 0; i < MOST; i += 3) {
        char id[16], name[16];
        snprintf(id, sizeof id, "%u", i);
        snprintf(name, sizeof name, "name %u", i);
        do_lease(f, id, 71, LEASE_US);
        do_fill(f, id, 71, 5, name);
    }
    freeReplyObject(fixture_redis(f, "LPUSH blue:user:1 x"));
    freeReplyObject(fixture_redis(f, "SET blue:user:4 foreign"));
    for (unsigned count = 1; count <= MOST; count = count < 2 * FR_GETS_MAX_KEYS + 2 ? count + 1 : count + 10) {
        struct many many = of_keys(count);
        unsigned long long before = mgets(f);
        get_many(&many, f);
        assert_int_equal(mgets(f) - before, (count + FR_GETS_MAX_KEYS - 1) / FR_GETS_MAX_KEYS);
        for (unsigned i = 0; i < count; i++) {
            char name[16];
            snprintf(name, sizeof name, "name %u", i);
            assert_int_equal(many.got[i].code, FR_OK);
            assert_int_equal(many.got[i].kind, i % 3 == 0 ? FR_VALUE_FOUND : FR_VALUE_NONE);
            assert_string_equal(many.got[i].payload, i % 3 == 0 ? name : "");
        }
    }
}

static unsigned long long mgets_of(struct fixture *f, unsigned keys)
{
    struct many many = of_keys(keys);
    unsigned long long before = mgets(f);
    get_many(&many, f);
    return mgets(f) - before;
}

static void large_values_take_more_commands_as_long_as_they_come(void **state)
{
    enum { KEYS = 32, VALUE_BYTES = 100000, ROUNDS = 100 };
    struct fixture *f = *state;
    for (unsigned i = 0; i < KEYS; i++) {
        freeReplyObject(fixture_redis(f, "SETRANGE blue:user:%u %u x", i, VALUE_BYTES - 1));
    }
    assert_int_equal(mgets_of(f, KEYS), 1);
    for (unsigned round = 0; round < ROUNDS; round++) {
        mgets_of(f, KEYS);
    }
    assert_in_range(mgets_of(f, KEYS), KEYS * VALUE_BYTES / FR_GETS_REPLY_BYTES / 2, KEYS / 2);
    freeReplyObject(fixture_redis(f, "FLUSHALL"));
    for (unsigned round = 0; round < ROUNDS; round++) {
        mgets_of(f, KEYS);
    }
    assert_int_equal(mgets_of(f, KEYS), 1);
}

/* It may have been lost since the reply was too large for the time of a command. */
static void after_a_lost_command_keys_go_one_at_a_time(void **state)
{
    struct fixture *f = *state;
    struct many many = of_keys(FR_GETS_MAX_KEYS + 1); /* of which all but one were sent */
    many.lost = true;
    get_many(&many, f);
    fixture_wait_up(f, 2);
    assert_int_equal(mgets_of(f, 2), 2);
}

static void long_keys_take_more_commands(void **state)
{
    struct fixture *f = *state;
    struct many many = {.count = MOST};
    for (unsigned i = 0; i < MOST; i++) {
        char id[FR_KEY_MAX_BYTES - 4];
        memset(id, 'k', sizeof id);
        snprintf(id + sizeof id - 4, 4, "%03u", i);
        many.got[i].key = fixture_key(id);
    }
    do_lease(f, many.got[99].key.text + strlen("user:"), 71, LEASE_US);
    do_fill(f, many.got[99].key.text + strlen("user:"), 71, 5, "Ada");
    unsigned long long before = mgets(f);
    get_many(&many, f);
    unsigned in_one = FR_GETS_MAX_BYTES / (unsigned)(strlen("blue:") + many.got[0].key.size);
    assert_true(in_one < FR_GETS_MAX_KEYS);
    assert_int_equal(mgets(f) - before, (MOST + in_one - 1) / in_one);
    for (unsigned i = 0; i < MOST; i++) {
        assert_int_equal(many.got[i].code, FR_OK);
        assert_int_equal(many.got[i].kind, i == 99 ? FR_VALUE_FOUND : FR_VALUE_NONE);
    }
}

/* Some were sent, some had not left yet; who asks again meanwhile is told at once, too. */
static void a_connection_that_is_lost_in_the_same_turn_ends_all(void **state)
{
    struct fixture *f = *state;
    for (unsigned round = 0; round < 4; round++) {
        struct many many = of_keys(round < 2 ? FR_GETS_MAX_KEYS + 7 : 7);
        many.lost = true;
        many.again = round % 2 == 1;
        get_many(&many, f);
        assert_int_equal(many.ended_at_once, many.count); /* not with the next connection */
        for (unsigned i = 0; i < many.count; i++) {
            assert_int_equal(many.got[i].code, FR_UNAVAILABLE);
        }
        fixture_wait_up(f, 2 + round);
        struct many after = of_keys(3);
        get_many(&after, f);
        assert_int_equal(after.got[2].code, FR_OK);
    }
}

/* Those that ask again from within an answer leave with the next turn. */
static void who_asks_again_from_an_answer_is_answered(void **state)
{
    struct many many = of_keys(MOST);
    many.again = true;
    get_many(&many, *state);
    assert_int_equal(many.got[MOST - 1].code, FR_OK);
}

/* One reply is that of all keys; it says that this Redis has become the wrong one. */
static void an_error_is_that_of_each(void **state)
{
    struct fixture *f = *state;
    struct many many = of_keys(3);
    freeReplyObject(fixture_redis(f, "CONFIG SET replica-serve-stale-data no"));
    freeReplyObject(fixture_redis(f, "REPLICAOF 127.0.0.1 1"));
    get_many(&many, f);
    freeReplyObject(fixture_redis(f, "REPLICAOF NO ONE"));
    for (unsigned i = 0; i < many.count; i++) {
        assert_int_equal(many.got[i].code, FR_UNAVAILABLE);
    }
    fixture_wait_up(f, 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_fixture, close_fixture)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_is_told_its_own),
        TEST(large_values_take_more_commands_as_long_as_they_come),
        TEST(after_a_lost_command_keys_go_one_at_a_time),
        TEST(long_keys_take_more_commands),
        TEST(a_connection_that_is_lost_in_the_same_turn_ends_all),
        TEST(who_asks_again_from_an_answer_is_answered),
        TEST(an_error_is_that_of_each),
    };
    fr_redis_server_start(&server, NULL);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    fr_redis_server_stop(&server);
    return failed;
}
