/* SPDX-License-Identifier: MIT */
/*
 * envelope_random.c - random batches, written by protobuf-c, and what they are made of.
 */
#include "rpc/envelope_random.h"

#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "freshet/rpc/v1/rpc.pb-c.h"

#define MAX_CALLS    6
#define MAX_METADATA (FR_METADATA_MAX_ENTRIES + 6)
#define MAX_DETAILS  (FR_MAX_DETAILS + 4)
#define MAX_IDS      5
#define EXTRA_BYTES  64

/* Texts come from the first half, which has no NUL. */
static uint8_t pool[2048];

int envelope_random_init(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof pool; i++) {
        pool[i] = i < sizeof pool / 2 ? (uint8_t)('a' + fr_random_below(26)) : (uint8_t)fr_random_u64();
    }
    return 0;
}

uint64_t random_number(void)
{
    static const uint64_t edges[] = {0, 0, 0, 1, 127, 128, 16383, 16384, UINT32_MAX, UINT64_C(1) << 32, UINT64_MAX};
    return fr_random_below(2) == 0 ? edges[fr_random_below(sizeof edges / sizeof edges[0])]
                                   : fr_random_u64() >> fr_random_below(64);
}

static size_t random_size(void)
{
    return fr_random_below(3) == 0 ? 0 : fr_random_below(fr_random_below(8) == 0 ? 600 : 20);
}

/* Mostly few; now and then more than are kept. */
static size_t random_count(size_t most)
{
    return fr_random_below(fr_random_below(40) == 0 ? most + 1 : 5);
}

struct fr_bytes random_bytes(void)
{
    return (struct fr_bytes){pool + sizeof pool / 2 + fr_random_below(400), random_size()};
}

void random_text(char text[RANDOM_TEXT_BYTES])
{
    size_t size = random_size();
    memcpy(text, pool + fr_random_below(400), size);
    text[size] = '\0';
}

ProtobufCBinaryData as_binary(struct fr_bytes bytes)
{
    return (ProtobufCBinaryData){bytes.size, (uint8_t *)bytes.data};
}

struct random_metadata {
    Freshet__Rpc__V1__Metadata entries[MAX_METADATA];
    Freshet__Rpc__V1__Metadata *pointers[MAX_METADATA];
    char keys[MAX_METADATA][RANDOM_TEXT_BYTES];
    size_t count;
};

static void make_metadata(struct random_metadata *self)
{
    self->count = random_count(MAX_METADATA);
    for (size_t i = 0; i < self->count; i++) {
        random_text(self->keys[i]);
        self->entries[i] = (Freshet__Rpc__V1__Metadata)FRESHET__RPC__V1__METADATA__INIT;
        self->entries[i].key = self->keys[i];
        self->entries[i].value = as_binary(random_bytes());
        self->pointers[i] = &self->entries[i];
    }
}

struct random_details {
    Google__Protobuf__Any entries[MAX_DETAILS];
    Google__Protobuf__Any *pointers[MAX_DETAILS];
    char type_urls[MAX_DETAILS][RANDOM_TEXT_BYTES];
    size_t count;
};

static void make_details(struct random_details *self)
{
    self->count = random_count(MAX_DETAILS);
    for (size_t i = 0; i < self->count; i++) {
        random_text(self->type_urls[i]);
        self->entries[i] = (Google__Protobuf__Any)GOOGLE__PROTOBUF__ANY__INIT;
        self->entries[i].type_url = self->type_urls[i];
        self->entries[i].value = as_binary(random_bytes());
        self->pointers[i] = &self->entries[i];
    }
}

static size_t make_ids(uint64_t ids[MAX_IDS])
{
    for (size_t i = 0; i < MAX_IDS; i++) {
        ids[i] = random_number();
    }
    return fr_random_below(MAX_IDS + 1);
}

/* One field at the end of a batch. A size, then the bytes. */
struct extra {
    uint8_t size, bytes[12];
};

/* Packs and, one time in three, appends some of extras. */
static struct fr_bytes packed(const ProtobufCMessage *message, const struct extra *extras, size_t count)
{
    static uint8_t *bytes;
    free(bytes);
    size_t size = protobuf_c_message_get_packed_size(message);
    bytes = malloc(size + EXTRA_BYTES);
    if (bytes == NULL) {
        abort();
    }
    protobuf_c_message_pack(message, bytes);
    for (uint64_t more = fr_random_below(3) == 0 ? 1 + fr_random_below(4) : 0; more > 0; more--) {
        const struct extra *extra = &extras[fr_random_below(count)];
        memcpy(bytes + size, extra->bytes, extra->size);
        size += extra->size;
    }
    return (struct fr_bytes){bytes, size};
}

#define UNKNOWN_FIELDS                                                                                      \
    {3, {0x80 | 0x78, 1, 5}},                                  /* field 31, a varint */                     \
        {6, {0x80 | 0x7A, 1, 3, 'x', 'y', 'z'}},               /* bytes */                                  \
        {6, {0x80 | 0x7D, 1, 1, 2, 3, 4}},                     /* fixed32 */                                \
        {10, {0x80 | 0x79, 1, 1, 2, 3, 4, 5, 6, 7, 8}},        /* fixed64 */

struct fr_bytes random_request_batch(void)
{
    static Freshet__Rpc__V1__Request requests[MAX_CALLS];
    static struct random_metadata metadata[MAX_CALLS];
    static char methods[MAX_CALLS][RANDOM_TEXT_BYTES];
    static const struct extra extras[] = {
        UNKNOWN_FIELDS
        {2, {0x20, 9}},          /* one id to cancel, not packed */
        {3, {0x20, 0x96, 1}},    /* another one */
        {5, {0x22, 3, 1, 0x96, 1}}, /* two packed */
        {2, {0x22, 0}},          /* none packed */
    };
    Freshet__Rpc__V1__Request *pointers[MAX_CALLS];
    uint64_t cancel[MAX_IDS];
    Freshet__Rpc__V1__RequestBatch batch = FRESHET__RPC__V1__REQUEST_BATCH__INIT;
    batch.n_request = fr_random_below(MAX_CALLS + 1);
    for (size_t i = 0; i < batch.n_request; i++) {
        Freshet__Rpc__V1__Request *request = pointers[i] = &requests[i];
        *request = (Freshet__Rpc__V1__Request)FRESHET__RPC__V1__REQUEST__INIT;
        random_text(methods[i]);
        make_metadata(&metadata[i]);
        request->id = random_number();
        request->method = methods[i];
        request->timeout_us = random_number();
        request->n_metadata = metadata[i].count;
        request->metadata = metadata[i].pointers;
        request->payload = as_binary(random_bytes());
    }
    batch.request = pointers;
    batch.session = random_number();
    batch.collect = (protobuf_c_boolean)fr_random_below(2);
    batch.n_cancel = make_ids(cancel);
    batch.cancel = cancel;
    batch.max_reply_bytes = (uint32_t)random_number();
    return packed(&batch.base, extras, sizeof extras / sizeof extras[0]);
}

struct fr_bytes random_response_batch(void)
{
    static Freshet__Rpc__V1__Response responses[MAX_CALLS];
    static struct random_metadata metadata[MAX_CALLS];
    static struct random_details details[MAX_CALLS];
    static char messages[MAX_CALLS][RANDOM_TEXT_BYTES];
    static const struct extra extras[] = {
        UNKNOWN_FIELDS
        {2, {0x10, 9}},          /* one pending id, not packed */
        {3, {0x10, 0x96, 1}},    /* another one */
        {5, {0x12, 3, 1, 0x96, 1}}, /* two packed */
        {2, {0x12, 0}},          /* none packed */
    };
    Freshet__Rpc__V1__Response *pointers[MAX_CALLS];
    uint64_t pending[MAX_IDS];
    Freshet__Rpc__V1__ResponseBatch batch = FRESHET__RPC__V1__RESPONSE_BATCH__INIT;
    batch.n_response = fr_random_below(MAX_CALLS + 1);
    for (size_t i = 0; i < batch.n_response; i++) {
        Freshet__Rpc__V1__Response *response = pointers[i] = &responses[i];
        *response = (Freshet__Rpc__V1__Response)FRESHET__RPC__V1__RESPONSE__INIT;
        random_text(messages[i]);
        make_metadata(&metadata[i]);
        make_details(&details[i]);
        response->id = random_number();
        response->code = (uint32_t)random_number();
        response->message = messages[i];
        response->n_metadata = metadata[i].count;
        response->metadata = metadata[i].pointers;
        response->n_details = details[i].count;
        response->details = details[i].pointers;
        response->retry_after_us = random_number();
        response->payload = as_binary(random_bytes());
    }
    batch.response = pointers;
    batch.n_pending = make_ids(pending);
    batch.pending = pending;
    batch.draining = (protobuf_c_boolean)fr_random_below(2);
    return packed(&batch.base, extras, sizeof extras / sizeof extras[0]);
}
