/* SPDX-License-Identifier: MIT */
/*
 * test_envelope.c - the codec held against protobuf-c, and what it must do with bytes that are no batch.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "freshet/rpc/v1/rpc.pb-c.h"
#include "rpc/envelope_model.h"

#define MAX_CALLS    6
#define MAX_METADATA 4

typedef const char *agree_fn(struct fr_bytes bytes, enum envelope_strictness strictness);

static void assert_agree(agree_fn *agree, struct fr_bytes bytes, enum envelope_strictness strictness)
{
    const char *difference = agree(bytes, strictness);
    if (difference != NULL) {
        for (size_t i = 0; i < bytes.size && i < 400; i++) {
            printf("%02x", bytes.data[i]);
        }
        fail_msg("%s differs", difference);
    }
}

/* ---- random batches ---- */

/* Often one of the values at which something changes. */
static uint64_t random_number(void)
{
    static const uint64_t edges[] = {0, 0, 0, 1, 127, 128, 16383, 16384, UINT32_MAX, UINT64_C(1) << 32, UINT64_MAX};
    return fr_random_below(2) == 0 ? edges[fr_random_below(sizeof edges / sizeof edges[0])]
                                   : fr_random_u64() >> fr_random_below(64);
}

/* Random bytes from a pool; texts come from the first half, which has no NUL. */
static uint8_t pool[2048];

static int fill_pool(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof pool; i++) {
        pool[i] = i < sizeof pool / 2 ? (uint8_t)('a' + fr_random_below(26)) : (uint8_t)fr_random_u64();
    }
    return 0;
}

static size_t random_size(void)
{
    return fr_random_below(3) == 0 ? 0 : fr_random_below(fr_random_below(8) == 0 ? 600 : 20);
}

static struct fr_bytes random_bytes(void)
{
    return (struct fr_bytes){pool + sizeof pool / 2 + fr_random_below(400), random_size()};
}

static void random_text(char text[640])
{
    size_t size = random_size();
    memcpy(text, pool + fr_random_below(400), size);
    text[size] = '\0';
}

static ProtobufCBinaryData as_binary(struct fr_bytes bytes)
{
    return (ProtobufCBinaryData){bytes.size, (uint8_t *)bytes.data};
}

struct random_metadata {
    Freshet__Rpc__V1__Metadata entries[MAX_METADATA];
    Freshet__Rpc__V1__Metadata *pointers[MAX_METADATA];
    char keys[MAX_METADATA][640];
    size_t count;
};

static void make_metadata(struct random_metadata *self)
{
    self->count = fr_random_below(MAX_METADATA + 1);
    for (size_t i = 0; i < self->count; i++) {
        random_text(self->keys[i]);
        self->entries[i] = (Freshet__Rpc__V1__Metadata)FRESHET__RPC__V1__METADATA__INIT;
        self->entries[i].key = self->keys[i];
        self->entries[i].value = as_binary(random_bytes());
        self->pointers[i] = &self->entries[i];
    }
}

/* Packs and, one time in three, appends a field that this version does not know. */
static struct fr_bytes packed(const ProtobufCMessage *message)
{
    static uint8_t *bytes;
    static const uint8_t unknown[][8] = { /* the size, then the field */
        {3, 0x80 | 0x78, 1, 5},                  /* field 31, a varint */
        {6, 0x80 | 0x7A, 1, 3, 'x', 'y', 'z'},   /* field 31, bytes */
        {6, 0x80 | 0x7D, 1, 1, 2, 3, 4},         /* field 31, fixed32 */
    };
    free(bytes);
    size_t size = protobuf_c_message_get_packed_size(message);
    bytes = malloc(size + 16);
    assert_non_null(bytes);
    protobuf_c_message_pack(message, bytes);
    if (fr_random_below(3) == 0) {
        const uint8_t *extra = unknown[fr_random_below(sizeof unknown / sizeof unknown[0])];
        memcpy(bytes + size, extra + 1, extra[0]);
        size += extra[0];
    }
    return (struct fr_bytes){bytes, size};
}

static struct fr_bytes random_request_batch(void)
{
    static Freshet__Rpc__V1__Request requests[MAX_CALLS];
    static struct random_metadata metadata[MAX_CALLS];
    static char methods[MAX_CALLS][640];
    Freshet__Rpc__V1__Request *pointers[MAX_CALLS];
    uint64_t cancel[3] = {1, UINT64_MAX, random_number()};
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
    batch.n_cancel = fr_random_below(4);
    batch.cancel = cancel;
    batch.max_reply_bytes = (uint32_t)random_number();
    return packed(&batch.base);
}

static struct fr_bytes random_response_batch(void)
{
    static Freshet__Rpc__V1__Response responses[MAX_CALLS];
    static struct random_metadata metadata[MAX_CALLS];
    static char messages[MAX_CALLS][640];
    Freshet__Rpc__V1__Response *pointers[MAX_CALLS];
    Google__Protobuf__Any detail = GOOGLE__PROTOBUF__ANY__INIT, *detail_pointer = &detail;
    uint64_t pending[2] = {random_number(), 7};
    Freshet__Rpc__V1__ResponseBatch batch = FRESHET__RPC__V1__RESPONSE_BATCH__INIT;
    detail.type_url = (char *)"type.googleapis.com/google.protobuf.Empty";
    detail.value = as_binary(random_bytes());
    batch.n_response = fr_random_below(MAX_CALLS + 1);
    for (size_t i = 0; i < batch.n_response; i++) {
        Freshet__Rpc__V1__Response *response = pointers[i] = &responses[i];
        *response = (Freshet__Rpc__V1__Response)FRESHET__RPC__V1__RESPONSE__INIT;
        random_text(messages[i]);
        make_metadata(&metadata[i]);
        response->id = random_number();
        response->code = (uint32_t)random_number();
        response->message = messages[i];
        response->n_metadata = metadata[i].count;
        response->metadata = metadata[i].pointers;
        response->n_details = fr_random_below(2);
        response->details = &detail_pointer;
        response->retry_after_us = random_number();
        response->payload = as_binary(random_bytes());
    }
    batch.response = pointers;
    batch.n_pending = fr_random_below(3);
    batch.pending = pending;
    batch.draining = (protobuf_c_boolean)fr_random_below(2);
    return packed(&batch.base);
}

/* ---- decoding ---- */

static void decode_reads_what_protobuf_c_wrote(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 5000; round++) {
        assert_agree(envelope_model_request, random_request_batch(), ENVELOPE_STRICT);
        assert_agree(envelope_model_response, random_response_batch(), ENVELOPE_STRICT);
    }
}

/* In memory of exactly its size, so that the sanitizer sees a byte read too far. */
static void agree_on_copy(agree_fn *agree, struct fr_bytes bytes, enum envelope_strictness strictness)
{
    uint8_t *copy = malloc(bytes.size + (bytes.size == 0));
    assert_non_null(copy);
    memcpy(copy, bytes.data, bytes.size);
    assert_agree(agree, (struct fr_bytes){copy, bytes.size}, strictness);
    free(copy);
}

static void a_batch_cut_anywhere_is_refused_or_a_valid_shorter_one(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 25; round++) {
        struct fr_bytes batch = random_request_batch();
        uint8_t kept[16384];
        size_t size = batch.size < sizeof kept ? batch.size : sizeof kept;
        memcpy(kept, batch.data, size);
        for (size_t cut = 0; cut < size; cut++) {
            agree_on_copy(envelope_model_request, (struct fr_bytes){kept, cut}, ENVELOPE_STRICT);
        }
        batch = random_response_batch();
        size = batch.size < sizeof kept ? batch.size : sizeof kept;
        memcpy(kept, batch.data, size);
        for (size_t cut = 0; cut < size; cut++) {
            agree_on_copy(envelope_model_response, (struct fr_bytes){kept, cut}, ENVELOPE_STRICT);
        }
    }
}

static void damage(uint8_t *data, size_t size)
{
    for (uint64_t hits = 1 + fr_random_below(3); hits > 0 && size > 0; hits--) {
        uint8_t *byte = &data[fr_random_below(size)];
        *byte = fr_random_below(2) == 0 ? (uint8_t)(*byte ^ (1u << fr_random_below(8))) : (uint8_t)fr_random_u64();
    }
}

static void damaged_batches_are_read_as_protobuf_c_reads_them_or_refused(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 20000; round++) {
        bool request = round % 2 == 0;
        struct fr_bytes batch = request ? random_request_batch() : random_response_batch();
        damage((uint8_t *)batch.data, batch.size);
        agree_on_copy(request ? envelope_model_request : envelope_model_response, batch, ENVELOPE_LENIENT);
    }
}

static void random_bytes_never_crash_the_decoder(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 50000; round++) {
        uint8_t noise[40];
        size_t size = fr_random_below(sizeof noise + 1);
        for (size_t i = 0; i < size; i++) {
            /* Small numbers make likelier tags and lengths. */
            noise[i] = (uint8_t)(fr_random_below(2) == 0 ? fr_random_below(48) : fr_random_u64());
        }
        agree_on_copy(envelope_model_request, (struct fr_bytes){noise, size}, ENVELOPE_LENIENT);
        agree_on_copy(envelope_model_response, (struct fr_bytes){noise, size}, ENVELOPE_LENIENT);
    }
}

/* ---- encoding ---- */

static void protobuf_c_reads_the_requests_that_encode_wrote(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 5000; round++) {
        char method[640], keys[MAX_METADATA][640];
        struct fr_metadata_entry entries[MAX_METADATA];
        struct fr_metadata metadata = {entries, fr_random_below(MAX_METADATA + 1)};
        random_text(method);
        for (size_t i = 0; i < metadata.count; i++) {
            random_text(keys[i]);
            entries[i] = (struct fr_metadata_entry){fr_bytes_of(keys[i]), random_bytes()};
        }
        struct fr_wire_request request = {.id = random_number(),
                                          .method = fr_bytes_of(method),
                                          .timeout_us = random_number(),
                                          .payload = random_bytes()};
        size_t size = fr_wire_request_size(&request, metadata);
        uint8_t *bytes = malloc(size);
        assert_non_null(bytes);
        fr_wire_put_request(&request, metadata, bytes);
        assert_agree(envelope_model_request, (struct fr_bytes){bytes, size}, ENVELOPE_STRICT);
        Freshet__Rpc__V1__RequestBatch *read = freshet__rpc__v1__request_batch__unpack(NULL, size, bytes);
        assert_non_null(read);
        assert_int_equal(read->n_request, 1);
        assert_int_equal(read->request[0]->id, request.id);
        assert_string_equal(read->request[0]->method, method);
        assert_int_equal(read->request[0]->timeout_us, request.timeout_us);
        assert_int_equal(read->request[0]->payload.len, request.payload.size);
        assert_int_equal(read->request[0]->n_metadata, metadata.count);
        assert_int_equal(protobuf_c_message_get_packed_size(&read->base), size); /* nothing but known fields */
        freshet__rpc__v1__request_batch__free_unpacked(read, NULL);
        free(bytes);
    }
}

static void protobuf_c_reads_the_responses_that_encode_wrote(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 5000; round++) {
        char message[640], key[640];
        struct fr_buffer metadata = {0};
        size_t count = fr_random_below(MAX_METADATA + 1);
        random_text(message);
        for (size_t i = 0; i < count; i++) {
            random_text(key);
            fr_wire_put_metadata(&metadata, fr_bytes_of(key), random_bytes());
        }
        struct fr_wire_response response = {.id = random_number(),
                                            .code = (uint32_t)random_number(),
                                            .message = fr_bytes_of(message),
                                            .retry_after_us = random_number(),
                                            .payload = random_bytes(),
                                            .encoded_metadata = fr_buffer_bytes(&metadata)};
        size_t size = fr_wire_response_size(&response);
        uint8_t *bytes = malloc(size + FR_WIRE_DRAINING_BYTES);
        assert_non_null(bytes);
        fr_wire_put_response(&response, bytes);
        fr_wire_put_draining(bytes + size);
        assert_agree(envelope_model_response, (struct fr_bytes){bytes, size + FR_WIRE_DRAINING_BYTES},
                     ENVELOPE_STRICT);
        Freshet__Rpc__V1__ResponseBatch *read =
            freshet__rpc__v1__response_batch__unpack(NULL, size + FR_WIRE_DRAINING_BYTES, bytes);
        assert_non_null(read);
        assert_true(read->draining);
        assert_int_equal(read->n_response, 1);
        assert_int_equal(read->response[0]->id, response.id);
        assert_int_equal(read->response[0]->code, response.code);
        assert_string_equal(read->response[0]->message, message);
        assert_int_equal(read->response[0]->retry_after_us, response.retry_after_us);
        assert_int_equal(read->response[0]->n_metadata, count);
        assert_int_equal(protobuf_c_message_get_packed_size(&read->base), size + FR_WIRE_DRAINING_BYTES);
        freshet__rpc__v1__response_batch__free_unpacked(read, NULL);
        fr_buffer_fini(&metadata);
        free(bytes);
    }
}

/* ---- the rules one by one ---- */

static enum fr_code decode(const char *bytes, size_t size, struct fr_wire_request_batch *ret_batch)
{
    memset(ret_batch, 0, sizeof *ret_batch);
    return fr_wire_decode_request_batch((struct fr_bytes){(const uint8_t *)bytes, size}, ret_batch, NULL);
}

#define DECODE(literal, ret_batch) decode(literal, sizeof(literal) - 1, ret_batch)

static void an_empty_batch_is_one(void **state)
{
    (void)state;
    struct fr_wire_request_batch batch;
    assert_int_equal(DECODE("", &batch), FR_OK);
    assert_int_equal(batch.count, 0);
    assert_null(batch.requests);
    assert_int_equal(batch.max_reply_bytes, FR_MAX_BATCH_BYTES);
    fr_wire_request_batch_fini(&batch);
    assert_int_equal(DECODE("\x0a\x00", &batch), FR_OK); /* one empty request */
    assert_int_equal(batch.count, 1);
    fr_wire_request_batch_fini(&batch);
}

static void the_last_of_repeated_fields_wins(void **state)
{
    (void)state;
    struct fr_wire_request_batch batch;
    assert_int_equal(DECODE("\x0a\x0b\x08\x01\x12\x01" "a\x08\x02\x12\x02" "bc"
                            "\x28\x05\x28\x07\x18\x01\x18\x00",
                            &batch),
                     FR_OK);
    assert_int_equal(batch.max_reply_bytes, 7);
    assert_false(batch.collect);
    assert_int_equal(batch.requests[0].id, 2);
    assert_true(fr_bytes_equal(batch.requests[0].method, fr_bytes_of("bc")));
    fr_wire_request_batch_fini(&batch);
}

static void unknown_fields_are_passed_over(void **state)
{
    (void)state;
    struct fr_wire_request_batch batch;
    assert_int_equal(DECODE("\xf8\x01\x05" "\x0a\x09\xfa\x01\x02hi\xf8\x01\x05\x09" "\x09", &batch), FR_INTERNAL);
    assert_int_equal(DECODE("\xf8\x01\x05" "\x0a\x0a\xfa\x01\x02hi\xf8\x01\x05\x08\x07" "\xfd\x01" "abcd"
                            "\xf9\x01" "abcdefgh",
                            &batch),
                     FR_OK);
    assert_int_equal(batch.count, 1);
    assert_int_equal(batch.requests[0].id, 7);
    fr_wire_request_batch_fini(&batch);
}

static void a_known_field_of_another_type_is_passed_over(void **state)
{
    (void)state;
    struct fr_wire_request_batch batch;
    /* request as a varint, session as a varint, method as a varint */
    assert_int_equal(DECODE("\x08\x05\x10\x09\x0a\x04\x10\x07\x08\x03", &batch), FR_OK);
    assert_int_equal(batch.count, 1);
    assert_int_equal(batch.session, 0);
    assert_int_equal(batch.requests[0].id, 3);
    assert_int_equal(batch.requests[0].method.size, 0);
    fr_wire_request_batch_fini(&batch);
}

static void malformed_bytes_are_refused_as_internal(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
    } cases[] = {
        {"\x00\x01", 2},                                     /* field number 0 */
        {"\x0b\x0c", 2},                                     /* a group */
        {"\xfb\x01\xfc\x01", 4},                             /* an unknown group */
        {"\x0c", 1},                                         /* its end alone */
        {"\x0e\x01", 2},                                     /* wire type 6 */
        {"\x0f\x01", 2},                                     /* wire type 7 */
        {"\x0a", 1},                                         /* no length */
        {"\x0a\x05" "abcd", 6},                              /* too long by one */
        {"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11},  /* a length of 2^64 - 1 */
        {"\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 11},  /* a varint of 65 bits */
        {"\x18\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00", 12}, /* of 11 bytes */
        {"\x80\x80\x80\x80\x10\x00", 6},                     /* field number 2^29 */
        {"\x11" "1234567", 8},                               /* fixed64 of 7 bytes */
        {"\x0a\x02\x08\x80", 4},                             /* within a request */
        {"\x0a\x04\x22\x02\x0a\x09", 6},                     /* within its metadata */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fr_wire_request_batch batch;
        bool draining;
        struct fr_bytes bytes = {(const uint8_t *)cases[i].bytes, cases[i].size};
        assert_int_equal(decode(cases[i].bytes, cases[i].size, &batch), FR_INTERNAL);
        assert_int_equal(fr_wire_decode_response_batch(bytes, NULL, NULL, &draining, NULL), FR_INTERNAL);
    }
}

static void a_batch_holds_4096_calls_and_no_more(void **state)
{
    (void)state;
    static char bytes[2 * (FR_MAX_BATCH_CALLS + 1)];
    struct fr_wire_request_batch batch;
    for (size_t i = 0; i < sizeof bytes; i += 2) {
        bytes[i] = 0x0a;
    }
    assert_int_equal(decode(bytes, sizeof bytes - 2, &batch), FR_OK);
    assert_int_equal(batch.count, FR_MAX_BATCH_CALLS);
    fr_wire_request_batch_fini(&batch);
    assert_int_equal(decode(bytes, sizeof bytes, &batch), FR_RESOURCE_EXHAUSTED);
}

/* One request whose encoded body has exactly size bytes. */
static bool too_large_at(size_t size)
{
    struct fr_wire_request request = {.id = 1, .payload = {0}};
    uint8_t *payload = calloc(1, size);
    assert_non_null(payload);
    request.payload = (struct fr_bytes){payload, size - 2 - 1 - 4}; /* id; tag and length of the payload */
    size_t whole = fr_wire_request_size(&request, (struct fr_metadata){0});
    uint8_t *bytes = malloc(whole);
    assert_non_null(bytes);
    fr_wire_put_request(&request, (struct fr_metadata){0}, bytes);
    struct fr_wire_request_batch batch;
    assert_int_equal(decode((const char *)bytes, whole, &batch), FR_OK);
    assert_int_equal(batch.requests[0].encoded.size, size);
    bool too_large = batch.requests[0].too_large;
    assert_int_equal(batch.requests[0].id, 1); /* so that it can be answered */
    fr_wire_request_batch_fini(&batch);
    free(bytes);
    free(payload);
    return too_large;
}

static void a_request_over_4_mib_is_flagged(void **state)
{
    (void)state;
    assert_false(too_large_at(FR_MAX_MESSAGE_BYTES - 1));
    assert_false(too_large_at(FR_MAX_MESSAGE_BYTES));
    assert_true(too_large_at(FR_MAX_MESSAGE_BYTES + 1));
}

static void decoding_copies_nothing(void **state)
{
    (void)state;
    static const char bytes[] = "\x0a\x0b\x12\x03" "a/b\x7a\x04" "data";
    struct fr_wire_request_batch batch;
    assert_int_equal(DECODE(bytes, &batch), FR_OK);
    assert_ptr_equal(batch.requests[0].method.data, bytes + 4);
    assert_ptr_equal(batch.requests[0].payload.data, bytes + 9);
    assert_ptr_equal(batch.requests[0].encoded.data, bytes + 2);
    fr_wire_request_batch_fini(&batch);
}

static void metadata_beyond_the_limit_is_counted_and_not_kept(void **state)
{
    (void)state;
    struct fr_buffer metadata = {0};
    for (unsigned i = 0; i < FR_METADATA_MAX_ENTRIES + 5; i++) {
        fr_wire_put_metadata(&metadata, fr_bytes_of("k"), fr_bytes_of("v"));
    }
    struct fr_metadata_entry entries[FR_METADATA_MAX_ENTRIES];
    assert_int_equal(fr_wire_metadata(fr_buffer_bytes(&metadata), entries), FR_METADATA_MAX_ENTRIES);
    fr_buffer_fini(&metadata);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decode_reads_what_protobuf_c_wrote),
        cmocka_unit_test(a_batch_cut_anywhere_is_refused_or_a_valid_shorter_one),
        cmocka_unit_test(damaged_batches_are_read_as_protobuf_c_reads_them_or_refused),
        cmocka_unit_test(random_bytes_never_crash_the_decoder),
        cmocka_unit_test(protobuf_c_reads_the_requests_that_encode_wrote),
        cmocka_unit_test(protobuf_c_reads_the_responses_that_encode_wrote),
        cmocka_unit_test(an_empty_batch_is_one),
        cmocka_unit_test(the_last_of_repeated_fields_wins),
        cmocka_unit_test(unknown_fields_are_passed_over),
        cmocka_unit_test(a_known_field_of_another_type_is_passed_over),
        cmocka_unit_test(malformed_bytes_are_refused_as_internal),
        cmocka_unit_test(a_batch_holds_4096_calls_and_no_more),
        cmocka_unit_test(a_request_over_4_mib_is_flagged),
        cmocka_unit_test(decoding_copies_nothing),
        cmocka_unit_test(metadata_beyond_the_limit_is_counted_and_not_kept),
    };
    return cmocka_run_group_tests(tests, fill_pool, NULL);
}
