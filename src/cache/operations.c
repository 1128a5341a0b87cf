/* SPDX-License-Identifier: MIT */
/*
 * operations.c - GET (by gets.c), LEASE, FILL and INVALIDATE, each a request on the command connection.
 *
 * Every operation with a script is one allocation that holds its request and copies of its arguments, so that a script
 * which Redis has forgotten can be sent again by its text.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "base/random.h"
#include "cache/record.h"
#include "cache/script_call.h"
#include "cache/shared_cache_state.h"

/* LEASE or FILL. */
struct operation {
    struct fr_script_call call;
    struct fr_shared_cache *cache;
    void *argument;
    union {
        fr_shared_value_done *value;
        fr_fill_done *fill;
    } done;
    bool by_text; /* sent by EVAL already */
    uint8_t token[8], version[8], incarnation[8];
    char kind[4], duration[24], soft[24];
    uint8_t bytes[]; /* the full key, then FILL's payload field */
};

/* INVALIDATE and PUBLISH, sent together. */
struct invalidation {
    struct fr_script_call invalidate, publish;
    struct fr_shared_cache *cache;
    fr_invalidate_done *done;
    void *argument;
    bool by_text;
    bool forgotten;    /* Redis did not know one of the scripts */
    unsigned answered; /* of the two calls of this round */
    unsigned ran, refused;
    struct fr_event_id event; /* of the publish that ran last */
    uint8_t version[8];
    uint8_t time[FR_INVALIDATION_TIME_BYTES];
    uint8_t bytes[]; /* the full key */
};

static struct fr_bytes bytes_of(const void *data, size_t size)
{
    return (struct fr_bytes){.data = data, .size = size};
}

/* Writes the key with its namespace to out, which has room for it. */
static struct fr_bytes full_key(const struct fr_shared_cache *self, const struct fr_key *key, uint8_t *out)
{
    memcpy(out, self->prefix, self->prefix_size);
    memcpy(out + self->prefix_size, key->text, key->size);
    return bytes_of(out, self->prefix_size + key->size);
}

void fr_shared_cache_get(struct fr_shared_cache *self, const struct fr_key *key, fr_shared_value_done *done,
                         void *argument)
{
    fr_gets_add(&self->gets, bytes_of(self->prefix, self->prefix_size), key, done, argument);
}

/* true: sent again by its text, as Redis has forgotten the script. */
static bool send_again(struct operation *self, const redisReply *reply)
{
    if (self->by_text || !fr_script_unknown(reply)) {
        return false;
    }
    self->by_text = true;
    return fr_script_call_send(&self->call, &self->cache->commands, true);
}

static struct fr_shared_value read_lease(const redisReply *reply, uint64_t incarnation)
{
    struct fr_shared_value value = {.code = FR_UNAVAILABLE};
    if (reply == NULL || reply->type != REDIS_REPLY_ARRAY || reply->elements != 3 ||
        reply->element[0]->type != REDIS_REPLY_INTEGER || reply->element[1]->type != REDIS_REPLY_INTEGER) {
        return value;
    }
    value.code = FR_OK;
    value.granted = reply->element[0]->integer == FR_LEASE_GRANTED;
    value.wait = reply->element[0]->integer == FR_LEASE_WAIT;
    value.floor = (uint64_t)reply->element[1]->integer;
    if (!fr_shared_value_show(&value, reply->element[2], incarnation) && !value.granted && !value.wait) {
        value.code = FR_UNAVAILABLE; /* a value that nobody of ours wrote */
    }
    return value;
}

static void lease_done(struct fr_redis_request *request, const redisReply *reply)
{
    struct operation *self = FR_CONTAINER(request, struct operation, call.request);
    if (send_again(self, reply)) {
        return;
    }
    struct fr_shared_value value = read_lease(reply, self->cache->commands.incarnation);
    fr_redis_connection_judge(&self->cache->commands, reply);
    self->done.value(self->argument, &value);
    free(self);
}

/* With room for the key and extra more bytes; NULL: no memory. */
static struct operation *operation_new(struct fr_shared_cache *self, enum fr_script script,
                                       const struct fr_key *key, size_t extra, void *argument)
{
    struct operation *operation = malloc(sizeof *operation + self->prefix_size + key->size + extra);
    if (operation != NULL) {
        *operation = (struct operation){.cache = self, .argument = argument};
        operation->call.script = script;
        operation->call.key = full_key(self, key, operation->bytes);
        fr_fixed64_encode(self->commands.incarnation, operation->incarnation);
    }
    return operation;
}

void fr_shared_cache_lease(struct fr_shared_cache *self, const struct fr_key *key, const struct fr_lease *lease,
                           fr_shared_value_done *done, void *argument)
{
    struct operation *operation = operation_new(self, FR_SCRIPT_LEASE, key, 0, argument);
    if (operation != NULL) {
        operation->done.value = done;
        operation->call.request.done = lease_done;
        uint64_t min_version = lease->min_version < FR_VERSION_MAX ? lease->min_version : FR_VERSION_MAX;
        fr_fixed64_encode(lease->token, operation->token);
        fr_fixed64_encode(min_version, operation->version);
        snprintf(operation->duration, sizeof operation->duration, "%" PRIu64, lease->duration_us);
        operation->call.arguments[0] = bytes_of(operation->token, 8);
        operation->call.arguments[1] = fr_bytes_of(operation->duration);
        operation->call.arguments[2] = bytes_of(operation->incarnation, 8);
        operation->call.arguments[3] = bytes_of(operation->version, 8);
        operation->call.count = 4;
        if (fr_script_call_send(&operation->call, &self->commands, false)) {
            return;
        }
        free(operation);
    }
    done(argument, &(struct fr_shared_value){.code = FR_UNAVAILABLE});
}

static void fill_done(struct fr_redis_request *request, const redisReply *reply)
{
    struct operation *self = FR_CONTAINER(request, struct operation, call.request);
    if (send_again(self, reply)) {
        return;
    }
    bool answered = reply != NULL && reply->type == REDIS_REPLY_INTEGER;
    fr_redis_connection_judge(&self->cache->commands, reply);
    self->done.fill(self->argument, answered ? FR_OK : FR_UNAVAILABLE, answered && reply->integer == 1);
    free(self);
}

/* Spread over the last tenth, downwards: a record never outlives what was asked for. */
static uint64_t spread_ttl_ms(uint64_t ttl_us)
{
    uint64_t ttl_ms = (ttl_us - fr_random_below(ttl_us / 10 + 1)) / 1000;
    return ttl_ms > 0 ? ttl_ms : 1;
}

static struct operation *fill_new(struct fr_shared_cache *self, const struct fr_key *key,
                                  enum fr_value_kind kind, struct fr_bytes payload, void *argument)
{
    struct fr_buffer field = {.size = 0};
    if (kind == FR_VALUE_FOUND) {
        fr_record_encode_payload(payload, &field);
    }
    struct operation *operation =
        field.failed ? NULL : operation_new(self, FR_SCRIPT_FILL, key, field.size, argument);
    if (operation != NULL) {
        uint8_t *copy = operation->bytes + operation->call.key.size;
        if (field.size > 0) {
            memcpy(copy, field.data, field.size);
        }
        operation->call.arguments[6] = bytes_of(copy, field.size);
        snprintf(operation->kind, sizeof operation->kind, "%u", (unsigned)kind);
        operation->call.arguments[1] = fr_bytes_of(operation->kind);
    }
    fr_buffer_fini(&field);
    return operation;
}

void fr_shared_cache_fill(struct fr_shared_cache *self, const struct fr_key *key, const struct fr_fill *fill,
                          fr_fill_done *done, void *argument)
{
    FR_ASSERT(fill->kind == FR_VALUE_FOUND || fill->kind == FR_VALUE_NOT_FOUND);
    struct operation *operation =
        fill->version > FR_VERSION_MAX ? NULL : fill_new(self, key, fill->kind, fill->payload, argument);
    if (operation != NULL) {
        operation->done.fill = done;
        operation->call.request.done = fill_done;
        fr_fixed64_encode(fill->token, operation->token);
        fr_fixed64_encode(fill->version, operation->version);
        snprintf(operation->duration, sizeof operation->duration, "%" PRIu64, spread_ttl_ms(fill->hard_us));
        snprintf(operation->soft, sizeof operation->soft, "%" PRIu64, fill->soft_us);
        operation->call.arguments[0] = bytes_of(operation->token, 8);
        operation->call.arguments[2] = bytes_of(operation->version, 8);
        operation->call.arguments[3] = bytes_of(operation->incarnation, 8);
        operation->call.arguments[4] = fr_bytes_of(operation->duration);
        operation->call.arguments[5] = fr_bytes_of(operation->soft);
        operation->call.count = 7;
        if (fr_script_call_send(&operation->call, &self->commands, false)) {
            return;
        }
        free(operation);
    }
    done(argument, FR_UNAVAILABLE, false);
}

static void invalidation_end(struct invalidation *self, enum fr_code code)
{
    if (code == FR_OK) {
        atomic_fetch_add_explicit(&self->cache->invalidations_sent, 1, memory_order_relaxed);
    }
    self->done(self->argument, code, code == FR_OK ? self->event : (struct fr_event_id){0});
    free(self);
}

/* Sends both. Where only the first could be sent, its answer ends the operation. */
static bool send_pair(struct invalidation *self, bool by_text)
{
    self->by_text = by_text;
    self->forgotten = false;
    self->ran = self->refused = self->answered = 0;
    if (!fr_script_call_send(&self->invalidate, &self->cache->commands, by_text)) {
        return false;
    }
    if (!fr_script_call_send(&self->publish, &self->cache->commands, by_text)) {
        self->answered = 1;
    }
    return true;
}

/*
 * A PUBLISH may have run where its INVALIDATE was not known. The announcement must come after, so both are
 * sent again: a second INVALIDATE does nothing and a second announcement does no harm.
 */
static void pair_answered(struct invalidation *self, const redisReply *reply)
{
    self->forgotten = self->forgotten || fr_script_unknown(reply);
    self->ran += reply != NULL && reply->type == REDIS_REPLY_INTEGER;
    self->refused += reply != NULL && reply->type == REDIS_REPLY_ERROR;
    fr_redis_connection_judge(&self->cache->commands, reply);
    if (++self->answered < 2) {
        return;
    }
    if (self->forgotten && !self->by_text && send_pair(self, true)) {
        return;
    }
    invalidation_end(self, self->ran == 2      ? FR_OK
                           : self->refused > 0 ? FR_FAILED_PRECONDITION
                                               : FR_UNAVAILABLE);
}

static void invalidate_answered(struct fr_redis_request *request, const redisReply *reply)
{
    pair_answered(FR_CONTAINER(request, struct invalidation, invalidate.request), reply);
}

static void publish_answered(struct fr_redis_request *request, const redisReply *reply)
{
    struct invalidation *self = FR_CONTAINER(request, struct invalidation, publish.request);
    if (reply != NULL && reply->type == REDIS_REPLY_INTEGER) {
        self->event = (struct fr_event_id){(uint64_t)reply->integer, self->cache->commands.incarnation};
    }
    pair_answered(self, reply);
}

static struct invalidation *invalidation_new(struct fr_shared_cache *cache, const struct fr_invalidation *of)
{
    const struct fr_key *key = of->key;
    struct invalidation *self = malloc(sizeof *self + cache->prefix_size + key->size);
    if (self == NULL) {
        return NULL;
    }
    *self = (struct invalidation){.cache = cache};
    fr_fixed64_encode(of->version, self->version);
    size_t time_size = fr_invalidation_time_encode(of->commit_time_us, self->time);
    struct fr_bytes full = full_key(cache, key, self->bytes);
    self->invalidate.script = FR_SCRIPT_INVALIDATE;
    self->invalidate.request.done = invalidate_answered;
    self->invalidate.key = full;
    self->invalidate.arguments[0] = bytes_of(self->version, 8);
    self->invalidate.count = 1;
    self->publish.script = FR_SCRIPT_PUBLISH;
    self->publish.request.done = publish_answered;
    self->publish.key = fr_bytes_of(cache->counter);
    self->publish.arguments[0] = fr_bytes_of(cache->channel);
    self->publish.arguments[1] = bytes_of(self->version, 8);
    self->publish.arguments[2] = bytes_of(self->bytes + cache->prefix_size, key->size);
    self->publish.arguments[3] = bytes_of(self->time, time_size);
    self->publish.count = 4;
    return self;
}

void fr_shared_cache_invalidate(struct fr_shared_cache *self, const struct fr_invalidation *invalidation,
                                fr_invalidate_done *done, void *argument)
{
    if (invalidation->version > FR_VERSION_MAX) {
        done(argument, FR_INVALID_ARGUMENT, (struct fr_event_id){0});
        return;
    }
    struct invalidation *pair = invalidation_new(self, invalidation);
    if (pair != NULL) {
        pair->done = done;
        pair->argument = argument;
        if (send_pair(pair, false)) {
            return;
        }
        free(pair);
    }
    done(argument, FR_UNAVAILABLE, (struct fr_event_id){0});
}

uint64_t fr_shared_cache_invalidations_sent(const struct fr_shared_cache *self)
{
    return atomic_load_explicit(&self->invalidations_sent, memory_order_relaxed);
}
