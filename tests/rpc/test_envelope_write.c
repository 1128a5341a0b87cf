/* SPDX-License-Identifier: MIT */
/*
 * test_envelope_write.c - what our codec writes, read by protobuf-c.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "freshet/rpc/v1/rpc.pb-c.h"
#include "rpc/envelope_model.h"
#include "rpc/envelope_random.h"

#define MAX_METADATA 4
#define GUARD        0xA5 /* stands where nothing may be written */

/* Memory of exactly size bytes, so that the sanitizer sees a byte written too far. */
static uint8_t *new_bytes(size_t size)
{
    uint8_t *bytes = malloc(size + (size == 0));
    assert_non_null(bytes);
    memset(bytes, GUARD, size + (size == 0));
    return bytes;
}

static void assert_agree(envelope_model_fn *agree, const uint8_t *bytes, size_t size)
{
    const char *difference = agree((struct fr_bytes){bytes, size}, ENVELOPE_STRICT);
    if (difference != NULL) {
        fail_msg("%s differs", difference);
    }
}

static void assert_bytes(ProtobufCBinaryData theirs, struct fr_bytes ours)
{
    assert_true(fr_bytes_equal((struct fr_bytes){theirs.data, theirs.len}, ours));
}

struct random_entries {
    struct fr_metadata_entry entries[MAX_METADATA];
    char keys[MAX_METADATA][RANDOM_TEXT_BYTES];
    size_t count;
};

static void make_entries(struct random_entries *self)
{
    self->count = fr_random_below(MAX_METADATA + 1);
    for (size_t i = 0; i < self->count; i++) {
        random_text(self->keys[i]);
        self->entries[i] = (struct fr_metadata_entry){fr_bytes_of(self->keys[i]), random_bytes()};
    }
}

/* ---- requests ---- */

/* One element of a batch, owned by the caller. */
static uint8_t *write_request(uint64_t id, uint64_t timeout_us, struct fr_bytes method, struct fr_metadata metadata,
                              struct fr_bytes payload, size_t *ret_size)
{
    size_t rest_size = fr_wire_rest_size(method, metadata, payload.size);
    uint8_t *rest = new_bytes(rest_size);
    uint8_t *room = fr_wire_put_rest(rest, method, metadata, payload.size);
    assert_ptr_equal(room + payload.size, rest + rest_size); /* the payload comes last */
    if (payload.size > 0) {
        memcpy(room, payload.data, payload.size);
    }
    *ret_size = fr_wire_request_size(id, timeout_us, rest_size);
    uint8_t *bytes = new_bytes(*ret_size);
    assert_ptr_equal(fr_wire_put_request(bytes, id, timeout_us, (struct fr_bytes){rest, rest_size}),
                     bytes + *ret_size);
    free(rest);
    return bytes;
}

static void protobuf_c_reads_the_requests_that_we_write(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 5000; round++) {
        char method[RANDOM_TEXT_BYTES];
        struct random_entries metadata;
        random_text(method);
        make_entries(&metadata);
        uint64_t id = random_number(), timeout_us = random_number();
        struct fr_bytes payload = random_bytes();
        size_t size;
        uint8_t *bytes = write_request(id, timeout_us, fr_bytes_of(method),
                                       (struct fr_metadata){metadata.entries, metadata.count}, payload, &size);
        assert_agree(envelope_model_request, bytes, size);
        Freshet__Rpc__V1__RequestBatch *read = freshet__rpc__v1__request_batch__unpack(NULL, size, bytes);
        assert_non_null(read);
        assert_int_equal(read->n_request, 1);
        const Freshet__Rpc__V1__Request *request = read->request[0];
        assert_int_equal(request->id, id);
        assert_string_equal(request->method, method);
        assert_int_equal(request->timeout_us, timeout_us);
        assert_bytes(request->payload, payload);
        assert_int_equal(request->n_metadata, metadata.count);
        for (size_t i = 0; i < metadata.count; i++) {
            assert_string_equal(request->metadata[i]->key, metadata.keys[i]);
            assert_bytes(request->metadata[i]->value, metadata.entries[i].value);
        }
        assert_int_equal(protobuf_c_message_get_packed_size(&read->base), size); /* nothing but known fields */
        freshet__rpc__v1__request_batch__free_unpacked(read, NULL);
        free(bytes);
    }
}

static void a_request_with_nothing_set_is_an_empty_element(void **state)
{
    (void)state;
    size_t size;
    uint8_t *bytes =
        write_request(0, 0, (struct fr_bytes){0}, (struct fr_metadata){0}, (struct fr_bytes){0}, &size);
    assert_int_equal(size, 2);
    assert_memory_equal(bytes, "\x0a\x00", 2);
    free(bytes);
}

/* ---- the other fields of a batch ---- */

static void protobuf_c_reads_the_session_that_we_write(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 200; round++) {
        uint64_t session = random_number();
        bool collect = round % 2 == 0;
        uint8_t *bytes = new_bytes(FR_WIRE_SESSION_MAX_BYTES);
        size_t size = (size_t)(fr_wire_put_session(bytes, session, collect) - bytes);
        assert_in_range(size, 1, FR_WIRE_SESSION_MAX_BYTES);
        assert_agree(envelope_model_request, bytes, size);
        Freshet__Rpc__V1__RequestBatch *read = freshet__rpc__v1__request_batch__unpack(NULL, size, bytes);
        assert_non_null(read);
        assert_int_equal(read->session, session);
        assert_int_equal(read->collect != 0, collect);
        freshet__rpc__v1__request_batch__free_unpacked(read, NULL);
        free(bytes);
    }
}

static void ids_are_written_as_protobuf_c_writes_them(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 1000; round++) {
        uint64_t ids[100];
        size_t count = fr_random_below(fr_random_below(4) == 0 ? 101 : 4);
        for (size_t i = 0; i < count; i++) {
            ids[i] = random_number();
        }
        Freshet__Rpc__V1__RequestBatch requests = FRESHET__RPC__V1__REQUEST_BATCH__INIT;
        Freshet__Rpc__V1__ResponseBatch responses = FRESHET__RPC__V1__RESPONSE_BATCH__INIT;
        requests.cancel = responses.pending = ids;
        requests.n_cancel = responses.n_pending = count;
        const ProtobufCMessage *messages[] = {&requests.base, &responses.base};
        const enum fr_wire_ids_field fields[] = {FR_WIRE_CANCEL, FR_WIRE_PENDING};
        for (unsigned i = 0; i < 2; i++) {
            size_t size = protobuf_c_message_get_packed_size(messages[i]);
            uint8_t *theirs = new_bytes(size), *ours = new_bytes(size);
            protobuf_c_message_pack(messages[i], theirs);
            assert_int_equal(fr_wire_ids_size(ids, count), size);
            assert_ptr_equal(fr_wire_put_ids(ours, fields[i], ids, count), ours + size);
            assert_int_equal(memcmp(ours, theirs, size), 0);
            free(theirs);
            free(ours);
        }
    }
}

static void no_ids_take_no_bytes(void **state)
{
    (void)state;
    uint8_t nothing = GUARD;
    assert_int_equal(fr_wire_ids_size(NULL, 0), 0);
    assert_ptr_equal(fr_wire_put_ids(&nothing, FR_WIRE_PENDING, NULL, 0), &nothing);
    assert_int_equal(nothing, GUARD);
}

/* A message as the channel builds it: requests, cancelled ids, the session. */
static void the_parts_of_a_request_batch_stand_in_any_order_behind_each_other(void **state)
{
    (void)state;
    const uint64_t cancel[] = {3, 300};
    size_t size;
    uint8_t *request = write_request(7, 50, fr_bytes_of("a/b"), (struct fr_metadata){0}, fr_bytes_of("x"), &size);
    size_t room = 2 * size + fr_wire_ids_size(cancel, 2) + FR_WIRE_SESSION_MAX_BYTES;
    uint8_t *bytes = new_bytes(room), *to = bytes;
    memcpy(to, request, size);
    to = fr_wire_put_ids(to + size, FR_WIRE_CANCEL, cancel, 2);
    to = fr_wire_put_session(to, UINT64_C(0x0102030405060708), true);
    memcpy(to, request, size);
    to += size;
    assert_ptr_equal(to, bytes + room);
    assert_agree(envelope_model_request, bytes, room);
    Freshet__Rpc__V1__RequestBatch *read = freshet__rpc__v1__request_batch__unpack(NULL, room, bytes);
    assert_non_null(read);
    assert_int_equal(read->n_request, 2);
    assert_int_equal(read->request[1]->timeout_us, 50);
    assert_int_equal(read->n_cancel, 2);
    assert_int_equal(read->cancel[1], 300);
    assert_int_equal(read->session, UINT64_C(0x0102030405060708));
    assert_true(read->collect);
    freshet__rpc__v1__request_batch__free_unpacked(read, NULL);
    free(request);
    free(bytes);
}

/* ---- responses ---- */

/* The metadata and details of one answer, as they were put and as they are to be read. */
struct random_extras {
    struct fr_buffer encoded;
    struct random_entries metadata, details;
};

static void make_extras(struct random_extras *self)
{
    self->encoded = (struct fr_buffer){0};
    make_entries(&self->metadata);
    make_entries(&self->details);
    size_t metadata = 0, details = 0;
    /* Mixed: a handler adds them in any order. */
    while (metadata < self->metadata.count || details < self->details.count) {
        if (details == self->details.count || (metadata < self->metadata.count && fr_random_below(2) == 0)) {
            const struct fr_metadata_entry *entry = &self->metadata.entries[metadata++];
            fr_wire_put_metadata(&self->encoded, entry->key, entry->value);
        } else {
            const struct fr_metadata_entry *entry = &self->details.entries[details++];
            fr_wire_put_detail(&self->encoded, entry->key, entry->value);
        }
    }
}

static void assert_extras(const Freshet__Rpc__V1__Response *read, const struct random_extras *extras)
{
    assert_int_equal(read->n_metadata, extras->metadata.count);
    for (size_t i = 0; i < extras->metadata.count; i++) {
        assert_string_equal(read->metadata[i]->key, extras->metadata.keys[i]);
        assert_bytes(read->metadata[i]->value, extras->metadata.entries[i].value);
    }
    assert_int_equal(read->n_details, extras->details.count);
    for (size_t i = 0; i < extras->details.count; i++) {
        assert_string_equal(read->details[i]->type_url, extras->details.keys[i]);
        assert_bytes(read->details[i]->value, extras->details.entries[i].value);
    }
}

static void protobuf_c_reads_the_responses_that_we_write(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 5000; round++) {
        char message[RANDOM_TEXT_BYTES];
        struct random_extras extras;
        random_text(message);
        make_extras(&extras);
        struct fr_wire_response response = {.id = random_number(),
                                            .code = (uint32_t)random_number(),
                                            .message = fr_bytes_of(message),
                                            .retry_after_us = random_number(),
                                            .payload = random_bytes(),
                                            .encoded = fr_buffer_bytes(&extras.encoded)};
        size_t size = fr_wire_response_size(&response);
        uint8_t *bytes = new_bytes(size + FR_WIRE_DRAINING_BYTES);
        assert_ptr_equal(fr_wire_put_response(bytes, &response), bytes + size);
        assert_ptr_equal(fr_wire_put_draining(bytes + size), bytes + size + FR_WIRE_DRAINING_BYTES);
        size += FR_WIRE_DRAINING_BYTES;
        assert_agree(envelope_model_response, bytes, size);
        Freshet__Rpc__V1__ResponseBatch *read = freshet__rpc__v1__response_batch__unpack(NULL, size, bytes);
        assert_non_null(read);
        assert_true(read->draining);
        assert_int_equal(read->n_response, 1);
        assert_int_equal(read->response[0]->id, response.id);
        assert_int_equal(read->response[0]->code, response.code);
        assert_string_equal(read->response[0]->message, message);
        assert_int_equal(read->response[0]->retry_after_us, response.retry_after_us);
        assert_bytes(read->response[0]->payload, response.payload);
        assert_extras(read->response[0], &extras);
        assert_int_equal(protobuf_c_message_get_packed_size(&read->base), size);
        freshet__rpc__v1__response_batch__free_unpacked(read, NULL);
        fr_buffer_fini(&extras.encoded);
        free(bytes);
    }
}

static void a_payload_without_data_leaves_its_room_at_the_end(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 500; round++) {
        struct fr_bytes payload = random_bytes();
        struct fr_wire_response response = {
            .id = random_number(), .code = (uint32_t)random_number(), .payload = payload};
        size_t size = fr_wire_response_size(&response);
        uint8_t *copied = new_bytes(size), *left = new_bytes(size);
        fr_wire_put_response(copied, &response);
        response.payload.data = NULL;
        assert_int_equal(fr_wire_response_size(&response), size);
        assert_ptr_equal(fr_wire_put_response(left, &response), left + size);
        for (size_t i = size - payload.size; i < size; i++) {
            assert_int_equal(left[i], GUARD);
        }
        if (payload.size > 0) {
            memcpy(left + size - payload.size, payload.data, payload.size);
        }
        assert_memory_equal(left, copied, size);
        free(copied);
        free(left);
    }
}

static void a_response_with_nothing_set_is_an_empty_element(void **state)
{
    (void)state;
    const struct fr_wire_response response = {0};
    uint8_t bytes[2];
    assert_int_equal(fr_wire_response_size(&response), 2);
    assert_ptr_equal(fr_wire_put_response(bytes, &response), bytes + 2);
    assert_memory_equal(bytes, "\x0a\x00", 2);
}

static void a_failed_buffer_takes_no_metadata_and_no_details(void **state)
{
    (void)state;
    struct fr_buffer buffer = {.failed = true};
    fr_wire_put_metadata(&buffer, fr_bytes_of("k"), fr_bytes_of("v"));
    fr_wire_put_detail(&buffer, fr_bytes_of("t"), fr_bytes_of("v"));
    assert_int_equal(buffer.size, 0);
    assert_true(buffer.failed);
    fr_buffer_fini(&buffer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(protobuf_c_reads_the_requests_that_we_write),
        cmocka_unit_test(a_request_with_nothing_set_is_an_empty_element),
        cmocka_unit_test(protobuf_c_reads_the_session_that_we_write),
        cmocka_unit_test(ids_are_written_as_protobuf_c_writes_them),
        cmocka_unit_test(no_ids_take_no_bytes),
        cmocka_unit_test(the_parts_of_a_request_batch_stand_in_any_order_behind_each_other),
        cmocka_unit_test(protobuf_c_reads_the_responses_that_we_write),
        cmocka_unit_test(a_payload_without_data_leaves_its_room_at_the_end),
        cmocka_unit_test(a_response_with_nothing_set_is_an_empty_element),
        cmocka_unit_test(a_failed_buffer_takes_no_metadata_and_no_details),
    };
    return cmocka_run_group_tests(tests, envelope_random_init, NULL);
}
