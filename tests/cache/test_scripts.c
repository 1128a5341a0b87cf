/* SPDX-License-Identifier: MIT */
/*
 * test_scripts.c - random operations on a few keys: the scripts and the model must agree on every answer and
 * on every record, on every number and on every event. FRESHET_SEED and FRESHET_STEPS choose another run.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "record_model.h"
#include "support/redis_server.h"

#define KEYS     3
#define BATCH    250 /* steps on the way at once */
#define VERSIONS 12  /* few, so that they meet */
#define TOKENS   4
#define HOUR_US  "3600000000"
#define PASSING_MS 100000u  /* lives of records: less than a lease, */
#define LASTING_MS 7200000u /* and more */
#define REPLIES  3 /* of one step: the operation, GET, PTTL */
#define CHANNEL  "events"
#define COUNTER  "number"

enum operation { OP_LEASE, OP_FILL, OP_INVALIDATE, OP_PUBLISH, OP_QUESTION, OP_FORGET, OP_DELETE, OP_PLANT, OP_COUNT };

struct step {
    enum operation operation;
    unsigned key;
    struct model_lease lease; /* the answer that the model gives */
    bool done;                /* the same for FILL and INVALIDATE */
    struct fr_invalidation_event event; /* of PUBLISH, but for its number */
    struct model after;
};

struct run {
    redisContext *redis, *subscriber;
    char shas[FR_SCRIPT_COUNT][FR_SCRIPT_SHA_BYTES + 1];
    uint64_t state; /* of the random numbers */
    struct model models[KEYS];
    uint64_t number, begun_us; /* what the counter holds, as far as replies were checked; 0: it is not there */
    struct step steps[BATCH];
    size_t counts[OP_COUNT];
    size_t answers[3], filled, raised, begun, outlived;
    char life[2][64]; /* run_id and master_replid */
};

static struct fr_redis_server server;

/* xorshift64* (Vigna 2016): the same numbers on every machine for one seed. */
static uint64_t draw(struct run *self, uint64_t bound)
{
    self->state ^= self->state >> 12;
    self->state ^= self->state << 25;
    self->state ^= self->state >> 27;
    return (self->state * UINT64_C(0x2545f4914f6cdd1d) >> 33) % bound;
}

static uint64_t draw_incarnation(struct run *self)
{
    return draw(self, 10) == 0 ? UINT64_C(0xfedcba9876543210) : UINT64_C(0x0000000a0d002580);
}

static struct fr_bytes draw_payload(struct run *self)
{
    static const uint8_t bytes[400] = {1, 2, 0, 255, '\n', 'x'};
    static const size_t sizes[] = {0, 1, 5, 127, 128, 400};
    return (struct fr_bytes){.data = bytes, .size = sizes[draw(self, 6)]};
}

static void send_lease(struct run *self, struct step *step)
{
    uint8_t token[8], incarnation[8], min_version[8];
    uint64_t token_number = 1 + draw(self, TOKENS), incarnation_number = draw_incarnation(self);
    uint64_t min_number = draw(self, 4) != 0 ? 0 : draw(self, 4) == 0 ? FR_VERSION_MAX : draw(self, VERSIONS);
    bool ended = draw(self, 2) == 0;
    fr_fixed64_encode(token_number, token);
    fr_fixed64_encode(incarnation_number, incarnation);
    fr_fixed64_encode(min_number, min_version);
    bool had_value = self->models[step->key].record.kind != FR_VALUE_NONE;
    step->lease = model_lease(&self->models[step->key], token_number, ended ? MODEL_PAST : MODEL_FAR,
                              incarnation_number, min_number);
    self->outlived += had_value && self->models[step->key].record.kind == FR_VALUE_NONE && !ended;
    redisAppendCommand(self->redis, "EVALSHA %s 1 k%u %b %s %b %b", self->shas[FR_SCRIPT_LEASE], step->key,
                       token, sizeof token, ended ? "0" : HOUR_US, incarnation, sizeof incarnation, min_version,
                       sizeof min_version);
}

static void send_fill(struct run *self, struct step *step)
{
    uint8_t token[8], version[8], incarnation[8];
    struct model *model = &self->models[step->key];
    /* Mostly the right token and life, or nearly every fill would be refused. */
    uint64_t token_number = draw(self, 4) == 0 ? draw(self, TOKENS + 1) : model->record.token;
    uint64_t incarnation_number = draw(self, 4) == 0 ? draw_incarnation(self) : model->record.incarnation;
    uint64_t version_number = draw(self, VERSIONS);
    enum fr_value_kind kind = draw(self, 3) == 0 ? FR_VALUE_NOT_FOUND : FR_VALUE_FOUND;
    bool soft = draw(self, 2) == 0, lasting = draw(self, 2) == 0;
    struct fr_bytes payload = kind == FR_VALUE_FOUND ? draw_payload(self) : (struct fr_bytes){.size = 0};
    struct fr_buffer field = {.size = 0};
    if (kind == FR_VALUE_FOUND) {
        fr_record_encode_payload(payload, &field);
    }
    fr_fixed64_encode(token_number, token);
    fr_fixed64_encode(version_number, version);
    fr_fixed64_encode(incarnation_number, incarnation);
    step->done = model_fill(model, token_number, kind, version_number, incarnation_number,
                            soft ? MODEL_FAR : 0, payload);
    model->lasting = step->done ? lasting : model->lasting;
    redisAppendCommand(self->redis, "EVALSHA %s 1 k%u %b %u %b %b %u %s %b", self->shas[FR_SCRIPT_FILL],
                       step->key, token, sizeof token, (unsigned)kind, version, sizeof version, incarnation,
                       sizeof incarnation, lasting ? LASTING_MS : PASSING_MS, soft ? HOUR_US : "0",
                       field.size > 0 ? (char *)field.data : "", field.size);
    fr_buffer_fini(&field);
}

static void send_invalidate(struct run *self, struct step *step)
{
    uint8_t version[8];
    uint64_t number = draw(self, VERSIONS);
    fr_fixed64_encode(number, version);
    step->done = model_invalidate(&self->models[step->key], number);
    redisAppendCommand(self->redis, "EVALSHA %s 1 k%u %b", self->shas[FR_SCRIPT_INVALIDATE], step->key,
                       version, sizeof version);
}

static void send_publish(struct run *self, struct step *step)
{
    static const char key[] = "user:a-key-that-is-longer-than-one-byte-of-its-length-can-tell-"
                              "01234567890123456789012345678901234567890123456789012345678901234567890123456789";
    uint8_t version[8], time[FR_INVALIDATION_TIME_BYTES];
    uint64_t high = draw(self, 1u << 26), low = draw(self, 1u << 27);
    step->event = (struct fr_invalidation_event){
        .version = high << 27 | low,
        .key = {.data = (const uint8_t *)key, .size = 1 + draw(self, sizeof key - 1)},
        .commit_time_us = draw(self, 3) * UINT64_C(850000000000000),
    };
    fr_fixed64_encode(step->event.version, version);
    size_t time_size = fr_invalidation_time_encode(step->event.commit_time_us, time);
    redisAppendCommand(self->redis, "EVALSHA %s 1 " COUNTER " " CHANNEL " %b %b %b", self->shas[FR_SCRIPT_PUBLISH],
                       version, sizeof version, step->event.key.data, step->event.key.size, time, time_size);
}

/* Time passes, or Redis gets another life, for the record that is there. */
static void send_plant(struct run *self, struct step *step)
{
    struct fr_record *record = &self->models[step->key].record;
    switch (draw(self, 3)) {
    case 0:
        record->lease_end_us = record->lease_end_us != 0 ? MODEL_PAST : 0;
        break;
    case 1:
        record->soft_expiry_us = record->soft_expiry_us != 0 ? MODEL_PAST : 0;
        break;
    default:
        record->incarnation = draw_incarnation(self);
        break;
    }
    struct fr_buffer bytes = {.size = 0};
    fr_record_encode(record, &bytes);
    redisAppendCommand(self->redis, "SET k%u %b KEEPTTL", step->key, bytes.data, bytes.size);
    fr_buffer_fini(&bytes);
}

static void send_step(struct run *self, struct step *step)
{
    *step = (struct step){.key = (unsigned)draw(self, KEYS)};
    struct model *model = &self->models[step->key];
    uint64_t dice = draw(self, 100);
    step->operation = dice < 30   ? OP_LEASE
                      : dice < 57 ? OP_FILL
                      : dice < 74 ? OP_INVALIDATE
                      : dice < 80 ? OP_PUBLISH
                      : dice < 84 ? OP_QUESTION
                      : dice < 86 ? OP_FORGET
                      : dice < 89 ? OP_DELETE
                                  : OP_PLANT;
    if (step->operation == OP_PLANT && !model->present) {
        step->operation = OP_DELETE;
    }
    switch (step->operation) {
    case OP_LEASE:
        send_lease(self, step);
        break;
    case OP_FILL:
        send_fill(self, step);
        break;
    case OP_INVALIDATE:
        send_invalidate(self, step);
        break;
    case OP_PUBLISH:
        send_publish(self, step);
        break;
    case OP_QUESTION:
        redisAppendCommand(self->redis, "EVALSHA %s 1 " COUNTER, self->shas[FR_SCRIPT_QUESTION]);
        break;
    case OP_FORGET:
        redisAppendCommand(self->redis, "DEL " COUNTER);
        break;
    case OP_PLANT:
        send_plant(self, step);
        break;
    default:
        *model = (struct model){.present = false};
        redisAppendCommand(self->redis, "DEL k%u", step->key);
        break;
    }
    step->after = *model;
    redisAppendCommand(self->redis, "GET k%u", step->key);
    redisAppendCommand(self->redis, "PTTL k%u", step->key);
}

static redisReply *next_reply(redisContext *redis)
{
    void *reply = NULL;
    assert_int_equal(redisGetReply(redis, &reply), REDIS_OK);
    if (((redisReply *)reply)->type == REDIS_REPLY_ERROR) {
        fail_msg("%s", ((redisReply *)reply)->str);
    }
    return reply;
}

static uint64_t coarse(uint64_t time_us, uint64_t now_us)
{
    return time_us == 0 ? 0 : time_us <= now_us ? MODEL_PAST : MODEL_FAR;
}

static void compare_record(const struct fr_record *wanted, const redisReply *reply)
{
    struct fr_record got;
    uint64_t now_us = fr_clock_wall_us();
    assert_int_equal(reply->type, REDIS_REPLY_STRING);
    assert_true(
        fr_record_decode((struct fr_bytes){.data = (uint8_t *)reply->str, .size = (size_t)reply->len}, &got));
    assert_int_equal(got.kind, wanted->kind);
    assert_int_equal(got.version, wanted->version);
    assert_int_equal(got.floor, wanted->floor);
    assert_true(got.token == wanted->token);
    assert_true(got.incarnation == wanted->incarnation);
    assert_true(coarse(got.lease_end_us, now_us) == wanted->lease_end_us);
    assert_true(coarse(got.soft_expiry_us, now_us) == wanted->soft_expiry_us);
    assert_true(fr_bytes_equal(got.payload, wanted->payload));
}

/* The next number, or Redis's clock where there was none: it is on this machine. */
static void compare_number(struct run *self, uint64_t number, unsigned step)
{
    if (self->number == 0) {
        assert_in_range(number, self->begun_us - FR_SECOND_US, fr_clock_wall_us() + FR_SECOND_US);
        self->begun++;
    } else {
        assert_int_equal(number, self->number + step);
    }
    self->number = number;
}

static void compare_event(struct run *self, struct fr_invalidation_event event)
{
    struct fr_buffer bytes = {.size = 0};
    redisReply *message = next_reply(self->subscriber);
    event.number = self->number;
    fr_invalidation_event_encode(&event, &bytes);
    assert_int_equal(message->elements, 3);
    assert_int_equal(message->element[2]->len, bytes.size);
    assert_memory_equal(message->element[2]->str, bytes.data, bytes.size);
    freeReplyObject(message);
    fr_buffer_fini(&bytes);
}

static void compare_answer(struct run *self, const struct step *step, const redisReply *reply)
{
    if (step->operation == OP_LEASE) {
        assert_int_equal(reply->elements, 3);
        assert_int_equal(reply->element[0]->integer, step->lease.answer);
        assert_int_equal(reply->element[1]->integer, step->lease.floor);
        if (step->lease.serves) {
            compare_record(&step->lease.value, reply->element[2]);
        } else {
            assert_int_equal(reply->element[2]->len, 0);
        }
        self->answers[step->lease.answer]++;
    } else if (step->operation == OP_FILL || step->operation == OP_INVALIDATE) {
        assert_int_equal(reply->integer, step->done);
        self->filled += step->operation == OP_FILL && step->done;
        self->raised += step->operation == OP_INVALIDATE && step->done;
    }
    if (step->operation == OP_PUBLISH) {
        compare_number(self, (uint64_t)reply->integer, 1);
        compare_event(self, step->event);
    } else if (step->operation == OP_QUESTION) {
        assert_int_equal(reply->elements, 3);
        compare_number(self, (uint64_t)reply->element[0]->integer, 0);
        assert_string_equal(reply->element[1]->str, self->life[0]);
        assert_string_equal(reply->element[2]->str, self->life[1]);
    } else if (step->operation == OP_FORGET) {
        self->number = 0;
    }
    self->counts[step->operation]++;
}

static void check_step(struct run *self, const struct step *step)
{
    redisReply *replies[REPLIES];
    for (unsigned i = 0; i < REPLIES; i++) {
        replies[i] = next_reply(self->redis);
    }
    compare_answer(self, step, replies[0]);
    if (step->after.present) {
        compare_record(&step->after.record, replies[1]);
        assert_in_range(replies[2]->integer, 1, LASTING_MS);
    } else {
        assert_int_equal(replies[1]->type, REDIS_REPLY_NIL);
    }
    for (unsigned i = 0; i < REPLIES; i++) {
        freeReplyObject(replies[i]);
    }
}

static void read_life(struct run *self)
{
    static const char *const names[] = {"\nrun_id:", "\nmaster_replid:"};
    redisReply *reply = redisCommand(self->redis, "INFO");
    for (unsigned i = 0; i < 2; i++) {
        const char *found = strstr(reply->str, names[i]);
        assert_non_null(found);
        assert_int_equal(sscanf(found + strlen(names[i]), "%63[0-9a-f]", self->life[i]), 1);
    }
    freeReplyObject(reply);
}

static redisContext *connect_redis(void)
{
    redisContext *redis = redisConnect("127.0.0.1", server.port);
    assert_true(redis != NULL && redis->err == 0);
    return redis;
}

static void load_scripts(struct run *self)
{
    for (unsigned i = 0; i < FR_SCRIPT_COUNT; i++) {
        redisReply *reply = redisCommand(self->redis, "SCRIPT LOAD %s", fr_script_text(i));
        assert_int_equal(reply->len, FR_SCRIPT_SHA_BYTES);
        memcpy(self->shas[i], reply->str, FR_SCRIPT_SHA_BYTES + 1);
        freeReplyObject(reply);
    }
}

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text != NULL && text[0] != '\0' ? strtoull(text, NULL, 10) : otherwise;
}

static void the_scripts_do_what_the_model_does(void **state)
{
    (void)state;
    static struct run run;
    uint64_t seed = from_environment("FRESHET_SEED", 20240607),
             steps = from_environment("FRESHET_STEPS", 20000);
    print_message("FRESHET_SEED=%llu FRESHET_STEPS=%llu\n", (unsigned long long)seed,
                  (unsigned long long)steps);
    run.state = seed * 2 + 1; /* never 0 */
    run.begun_us = fr_clock_wall_us();
    run.redis = connect_redis();
    run.subscriber = connect_redis();
    freeReplyObject(redisCommand(run.subscriber, "SUBSCRIBE " CHANNEL));
    read_life(&run);
    load_scripts(&run);
    for (uint64_t at = 0; at < steps; at += BATCH) {
        for (unsigned i = 0; i < BATCH; i++) {
            send_step(&run, &run.steps[i]);
        }
        for (unsigned i = 0; i < BATCH; i++) {
            check_step(&run, &run.steps[i]);
        }
    }
    redisFree(run.redis);
    redisFree(run.subscriber);
    /* The run is worth something only if it went everywhere. */
    for (unsigned i = 0; i < OP_COUNT; i++) {
        assert_true(run.counts[i] > steps / 100);
    }
    for (unsigned i = 0; i < 3; i++) {
        assert_true(run.answers[i] > steps / 200);
    }
    assert_true(run.filled > steps / 50 && run.raised > steps / 50 && run.begun > steps / 200 &&
                run.outlived > steps / 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_scripts_do_what_the_model_does)};
    fr_redis_server_start(&server, NULL);
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    fr_redis_server_stop(&server);
    return failures;
}
