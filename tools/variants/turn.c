/* SPDX-License-Identifier: MIT */
/*
 * turn.c - one variant's turn.
 *
 * Everything is new in each turn: Redis is empty, server and client are new processes. So what a process has by chance,
 * such as where its memory lies, is another one in every round and shows in the spread.
 */
#include "variants/turn.h"

#include <stdlib.h>
#include <string.h>

#include <users/v1/users.pb-c.h>

#include "variants/child.h"
#include "variants/redis_ask.h"

#define ARENA_BYTES   ((size_t)64 << 10)
#define WARM_UP_SHARE 5 /* of the time of a level, before it */
#define SIZED_KEYS    1000 /* at most so many are asked of Redis */
#define KEY_BYTES     (16 + 2 * DATASET_ID_BYTES)

/* As long as each other, so that keys are. */
static const char *const name_spaces[PACK_CODECS] = {
    [PACK_PROTOBUF] = "v0", [PACK_JSON] = "v1", [PACK_JANSSON] = "v2"};

struct turn {
    const struct turn_options *options;
    const struct turn_data *data;
    enum pack_codec_index codec;
    struct variant *variant;
    struct child server, client;
    char address[SERVER_ADDRESS_BYTES];
};

static enum fr_code sum_up(struct turn_data *self, unsigned keys, struct fr_arena *arena, struct fr_error *reterr)
{
    struct ProtobufCMessage *message;
    for (unsigned i = 0; i < keys; i++) {
        enum fr_code code = dataset_message(self->dataset, self->type, i, arena, &message, reterr);
        if (code != FR_OK) {
            return code;
        }
        self->sums[i] = pack_sum(PACK_JSON, self->type, message, false);
        self->strict_sums[i] = pack_sum(PACK_JSON, self->type, message, true);
        fr_arena_reset(arena);
    }
    return FR_OK;
}

enum fr_code turn_data_init(struct turn_data *self, const struct dataset *dataset, const struct turn_options *options,
                            struct fr_error *reterr)
{
    struct fr_arena *arena = fr_arena_new(ARENA_BYTES);
    *self = (struct turn_data){.dataset = dataset,
                               .sums = calloc(options->keys, sizeof self->sums[0]),
                               .strict_sums = calloc(options->keys, sizeof self->strict_sums[0])};
    enum fr_code code = arena == NULL || self->sums == NULL || self->strict_sums == NULL ? fr_error_no_memory(reterr)
                                                                                         : FR_OK;
    if (code == FR_OK) {
        code = pack_type_new(options->schema, dataset->message, dataset->descriptor, &self->type, reterr);
    }
    if (code == FR_OK) {
        code = pack_type_new(options->schema, REQUEST_MESSAGE, &users__v1__get_user_request__descriptor,
                             &self->request_type, reterr);
    }
    if (code == FR_OK) {
        code = sum_up(self, options->keys, arena, reterr);
    }
    fr_arena_free(arena);
    return code;
}

void turn_data_fini(struct turn_data *self)
{
    pack_type_free(self->type);
    pack_type_free(self->request_type);
    free(self->sums);
    free(self->strict_sums);
    *self = (struct turn_data){0};
}

static enum fr_code lost(const struct turn *self, const char *which, struct fr_error *reterr)
{
    return fr_error_set(reterr, FR_INTERNAL, "the %s of variant %s has ended", which, pack_codec_at(self->codec).name);
}

static enum fr_code start_server(struct turn *self, struct fr_error *reterr)
{
    const struct server_options options = {.codec = self->codec,
                                           .dataset = self->data->dataset,
                                           .type = self->data->type,
                                           .request_type = self->data->request_type,
                                           .redis_url = self->options->redis_url,
                                           .name_space = name_spaces[self->codec],
                                           .database_url = self->options->database_url};
    struct server_ready ready;
    enum fr_code code = child_start(&self->server, server_run, &options, reterr);
    if (code != FR_OK) {
        return code;
    }
    if (!child_receive(self->server.fd, &ready, sizeof ready)) {
        return lost(self, "server", reterr);
    }
    memcpy(self->address, ready.address, sizeof self->address);
    return ready.code == FR_OK ? FR_OK : fr_error_set(reterr, ready.code, "%s", ready.message);
}

static enum fr_code start_client(struct turn *self, struct fr_error *reterr)
{
    const struct client_options options = {.codec = self->codec,
                                           .dataset = self->data->dataset,
                                           .type = self->data->type,
                                           .request_type = self->data->request_type,
                                           .address = self->address,
                                           .concurrency = self->options->concurrency,
                                           .keys = self->options->keys,
                                           .sums = self->data->sums,
                                           .strict_sums = self->data->strict_sums};
    return child_start(&self->client, client_run, &options, reterr);
}

static enum fr_code order(struct turn *self, struct client_order given, struct client_outcome *outcome,
                          struct fr_error *reterr)
{
    if (self->options->stopped()) {
        return fr_error_set(reterr, FR_CANCELLED, "interrupted");
    }
    if (!child_send(self->client.fd, &given, sizeof given) || !child_receive(self->client.fd, outcome, sizeof *outcome)) {
        return lost(self, "client", reterr);
    }
    return outcome->code == FR_OK ? FR_OK
                                  : fr_error_set(reterr, outcome->code, "variant %s: %s",
                                                 pack_codec_at(self->codec).name, outcome->message);
}

static void processor_times(const struct turn *self, uint64_t ret_ns[3])
{
    ret_ns[0] = process_cpu_ns(self->client.pid);
    ret_ns[1] = process_cpu_ns(self->server.pid);
    ret_ns[2] = process_cpu_ns(self->options->redis_pid);
}

static enum fr_code run_level(struct turn *self, enum level level, struct fr_error *reterr)
{
    static struct client_outcome outcome; /* large */
    uint64_t before[3], after[3];
    struct client_order given = {.level = level, .every_key = true};
    enum fr_code code = order(self, given, &outcome, reterr);
    if (code == FR_OK) {
        self->variant->value_bytes = (double)outcome.value_bytes / (double)outcome.calls;
        self->variant->request_bytes = (double)outcome.request_bytes / (double)outcome.calls;
        given = (struct client_order){.level = level, .time_us = self->options->time_us / WARM_UP_SHARE};
        code = order(self, given, &outcome, reterr);
    }
    if (code != FR_OK) {
        return code;
    }
    given.time_us = self->options->time_us;
    processor_times(self, before);
    code = order(self, given, &outcome, reterr);
    processor_times(self, after);
    if (code == FR_OK) {
        for (unsigned i = 0; i < 3; i++) {
            after[i] -= before[i];
        }
        point_add(&self->variant->levels[level], &outcome, after);
    }
    return code;
}

static enum fr_code size_keys(struct turn *self, struct fr_error *reterr)
{
    const struct dataset *dataset = self->data->dataset;
    unsigned count = self->options->keys < SIZED_KEYS ? self->options->keys : SIZED_KEYS;
    uint64_t sum = 0;
    for (unsigned i = 0; i < count; i++) {
        char id[DATASET_ID_BYTES], key[KEY_BYTES];
        uint64_t bytes;
        dataset_id(dataset, i, id);
        snprintf(key, sizeof key, "%s:%s:%s", name_spaces[self->codec], dataset->name, id);
        enum fr_code code = redis_memory(self->options->redis, key, &bytes, reterr);
        if (code != FR_OK) {
            return code;
        }
        sum += bytes;
    }
    self->variant->redis_bytes = (double)sum / count;
    self->variant->sized = true;
    return FR_OK;
}

static enum fr_code run_levels(struct turn *self, struct fr_error *reterr)
{
    for (enum level level = 0; level < LEVELS; level++) {
        enum fr_code code = run_level(self, level, reterr);
        if (code == FR_OK && level == LEVEL_REDIS && !self->variant->sized) {
            code = size_keys(self, reterr);
        }
        if (code != FR_OK) {
            return code;
        }
    }
    struct samples *memory = &self->variant->server_memory_bytes;
    if (memory->count < ROUNDS_MOST) {
        memory->values[memory->count++] = (double)process_memory_bytes(self->server.pid);
    }
    return FR_OK;
}

enum fr_code turn_run(const struct turn_options *options, const struct turn_data *data, enum pack_codec_index codec,
                      struct variant *variant, struct fr_error *reterr)
{
    struct turn self = {.options = options, .data = data, .codec = codec, .variant = variant};
    enum fr_code result = redis_forget_all(options->redis, reterr);
    if (result == FR_OK) {
        result = start_server(&self, reterr);
    }
    if (result == FR_OK) {
        result = start_client(&self, reterr);
    }
    if (result == FR_OK) {
        result = run_levels(&self, reterr);
    }
    child_end(&self.client, result != FR_OK);
    child_end(&self.server, result != FR_OK);
    return result;
}
