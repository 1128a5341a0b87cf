/* SPDX-License-Identifier: MIT */
/*
 * test_envelope.c - reading the envelope, held against protobuf-c, and what it must do with bytes that are no batch.
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
#include "rpc/envelope_model.h"
#include "rpc/envelope_random.h"

static void assert_agree(envelope_model_fn *agree, struct fr_bytes bytes, enum envelope_strictness strictness)
{
    const char *difference = agree(bytes, strictness);
    if (difference != NULL) {
        for (size_t i = 0; i < bytes.size && i < 400; i++) {
            printf("%02x", bytes.data[i]);
        }
        fail_msg("%s differs", difference);
    }
}

/* ---- against protobuf-c ---- */

static void reading_gives_what_protobuf_c_wrote(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 5000; round++) {
        assert_agree(envelope_model_request, random_request_batch(), ENVELOPE_STRICT);
        assert_agree(envelope_model_response, random_response_batch(), ENVELOPE_STRICT);
    }
}

/* In memory of exactly its size, so that the sanitizer sees a byte read too far. */
static void agree_on_copy(envelope_model_fn *agree, struct fr_bytes bytes, enum envelope_strictness strictness)
{
    uint8_t *copy = malloc(bytes.size + (bytes.size == 0));
    assert_non_null(copy);
    memcpy(copy, bytes.data, bytes.size);
    assert_agree(agree, (struct fr_bytes){copy, bytes.size}, strictness);
    free(copy);
}

static void agree_on_every_cut(envelope_model_fn *agree, struct fr_bytes batch)
{
    uint8_t kept[8192];
    size_t size = batch.size < sizeof kept ? batch.size : sizeof kept;
    memcpy(kept, batch.data, size);
    for (size_t cut = 0; cut < size; cut++) {
        agree_on_copy(agree, (struct fr_bytes){kept, cut}, ENVELOPE_STRICT);
    }
}

static void a_batch_cut_anywhere_is_refused_or_a_valid_shorter_one(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 25; round++) {
        agree_on_every_cut(envelope_model_request, random_request_batch());
        agree_on_every_cut(envelope_model_response, random_response_batch());
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

static void random_bytes_never_crash_the_reader(void **state)
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

/* ---- the rules one by one ---- */

static enum fr_code read_batch(const char *bytes, size_t size, struct fr_wire_request_batch *ret_batch)
{
    memset(ret_batch, 0, sizeof *ret_batch);
    return fr_wire_read_request_batch((struct fr_bytes){(const uint8_t *)bytes, size}, ret_batch, NULL);
}

#define READ(literal, ret_batch) read_batch(literal, sizeof(literal) - 1, ret_batch)

static struct fr_wire_request next_request(struct fr_wire_request_batch *batch)
{
    struct fr_wire_request request;
    assert_int_equal(fr_wire_next_request(&batch->requests, &request), FR_WIRE_ITEM);
    return request;
}

static void assert_no_more(struct fr_wire_request_batch *batch)
{
    struct fr_wire_request request;
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(fr_wire_next_request(&batch->requests, &request), FR_WIRE_END);
    }
}

static void an_empty_batch_is_one(void **state)
{
    (void)state;
    struct fr_wire_request_batch batch;
    assert_int_equal(READ("", &batch), FR_OK);
    assert_int_equal(batch.count, 0);
    assert_int_equal(batch.cancel_count, 0);
    assert_int_equal(batch.max_reply_bytes, FR_MAX_BATCH_BYTES);
    assert_no_more(&batch);
    assert_int_equal(read_batch(NULL, 0, &batch), FR_OK);
    assert_no_more(&batch);
    assert_int_equal(READ("\x0a\x00", &batch), FR_OK); /* one empty request */
    assert_int_equal(batch.count, 1);
    assert_int_equal(next_request(&batch).id, 0);
    assert_no_more(&batch);
}

static void the_last_of_repeated_fields_wins(void **state)
{
    (void)state;
    struct fr_wire_request_batch batch;
    assert_int_equal(READ("\x0a\x0b\x08\x01\x12\x01" "a\x08\x02\x12\x02" "bc"
                          "\x28\x05\x28\x07\x18\x01\x18\x00",
                          &batch),
                     FR_OK);
    assert_int_equal(batch.max_reply_bytes, 7);
    assert_false(batch.collect);
    struct fr_wire_request request = next_request(&batch);
    assert_int_equal(request.id, 2);
    assert_true(fr_bytes_equal(request.method, fr_bytes_of("bc")));
}

static void unknown_fields_are_passed_over(void **state)
{
    (void)state;
    struct fr_wire_request_batch batch;
    assert_int_equal(READ("\xf8\x01\x05" "\x0a\x09\xfa\x01\x02hi\xf8\x01\x05\x09" "\x09", &batch), FR_INTERNAL);
    assert_int_equal(READ("\xf8\x01\x05" "\x0a\x0a\xfa\x01\x02hi\xf8\x01\x05\x08\x07" "\xfd\x01" "abcd"
                          "\xf9\x01" "abcdefgh",
                          &batch),
                     FR_OK);
    assert_int_equal(batch.count, 1);
    assert_int_equal(next_request(&batch).id, 7);
    assert_no_more(&batch);
}

static void a_known_field_of_another_type_is_passed_over(void **state)
{
    (void)state;
    struct fr_wire_request_batch batch;
    /* request as a varint, session as a varint, method as a varint, cancel as a fixed64 */
    assert_int_equal(READ("\x08\x05\x10\x09\x0a\x04\x10\x07\x08\x03\x21" "abcdefgh", &batch), FR_OK);
    assert_int_equal(batch.count, 1);
    assert_int_equal(batch.session, 0);
    assert_int_equal(batch.cancel_count, 0);
    struct fr_wire_request request = next_request(&batch);
    assert_int_equal(request.id, 3);
    assert_int_equal(request.method.size, 0);
}

struct malformed {
    const char *bytes;
    size_t size;
};

#define MALFORMED(literal) {literal, sizeof(literal) - 1}

static void malformed_bytes_are_refused_as_internal(void **state)
{
    (void)state;
    static const struct malformed cases[] = {
        MALFORMED("\x00\x01"),                                     /* field number 0 */
        MALFORMED("\x0b\x0c"),                                     /* a group */
        MALFORMED("\xfb\x01\xfc\x01"),                             /* an unknown group */
        MALFORMED("\x0c"),                                         /* its end alone */
        MALFORMED("\x0e\x01"),                                     /* wire type 6 */
        MALFORMED("\x0f\x01"),                                     /* wire type 7 */
        MALFORMED("\x0a"),                                         /* no length */
        MALFORMED("\x0a\x05" "abcd"),                              /* too long by one */
        MALFORMED("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), /* a length of 2^64 - 1 */
        MALFORMED("\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"), /* a varint of 65 bits */
        MALFORMED("\x18\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00"), /* of 11 bytes */
        MALFORMED("\x80\x80\x80\x80\x10\x00"),                     /* field number 2^29 */
        MALFORMED("\x11" "1234567"),                               /* fixed64 of 7 bytes */
        MALFORMED("\x1d" "123"),                                   /* fixed32 of 3 bytes */
        MALFORMED("\x12\x01\x80\x22\x01\x80"),                     /* an unfinished id among packed ones */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fr_wire_request_batch batch;
        struct fr_wire_response_batch responses;
        struct fr_error error = {0};
        struct fr_bytes bytes = {(const uint8_t *)cases[i].bytes, cases[i].size};
        assert_int_equal(read_batch(cases[i].bytes, cases[i].size, &batch), FR_INTERNAL);
        assert_int_equal(fr_wire_read_response_batch(bytes, &responses, &error), FR_INTERNAL);
        assert_int_equal(error.code, FR_INTERNAL);
        assert_string_not_equal(error.message, "");
    }
}

static void what_is_malformed_within_an_element_shows_when_it_is_reached(void **state)
{
    (void)state;
    static const struct malformed cases[] = {
        MALFORMED("\x0a\x02\x08\x01\x0a\x02\x08\x80"),         /* an unfinished id */
        MALFORMED("\x0a\x02\x08\x01\x0a\x04\x22\x02\x0a\x09"), /* within the metadata */
        MALFORMED("\x0a\x02\x08\x01\x0a\x02\x7a\x01"),         /* a payload too long by one */
        MALFORMED("\x0a\x02\x08\x01\x0a\x02\x00\x01"),         /* field number 0 */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fr_wire_request_batch batch;
        struct fr_wire_request request;
        assert_int_equal(read_batch(cases[i].bytes, cases[i].size, &batch), FR_OK);
        assert_int_equal(batch.count, 2);
        assert_int_equal(next_request(&batch).id, 1);
        assert_int_equal(fr_wire_next_request(&batch.requests, &request), FR_WIRE_MALFORMED);

        struct fr_wire_response_batch responses;
        struct fr_wire_response response;
        struct fr_bytes bytes = {(const uint8_t *)cases[i].bytes, cases[i].size};
        assert_int_equal(fr_wire_read_response_batch(bytes, &responses, NULL), FR_OK);
        assert_int_equal(fr_wire_next_response(&responses.responses, &response), FR_WIRE_ITEM);
        assert_int_equal(fr_wire_next_response(&responses.responses, &response), FR_WIRE_MALFORMED);
    }
    struct fr_wire_response_batch responses;
    struct fr_wire_response response;
    static const char detail[] = "\x0a\x04\x2a\x02\x12\x09";
    assert_int_equal(fr_wire_read_response_batch((struct fr_bytes){(const uint8_t *)detail, 6}, &responses, NULL),
                     FR_OK);
    assert_int_equal(fr_wire_next_response(&responses.responses, &response), FR_WIRE_MALFORMED);
}

static void a_refused_batch_leaves_the_result_alone(void **state)
{
    (void)state;
    struct fr_wire_request_batch batch = {.session = 5, .count = 6};
    struct fr_wire_response_batch responses = {.draining = true, .count = 6};
    struct fr_bytes bytes = {(const uint8_t *)"\x0a\x00\x00", 3};
    assert_int_equal(fr_wire_read_request_batch(bytes, &batch, NULL), FR_INTERNAL);
    assert_int_equal(fr_wire_read_response_batch(bytes, &responses, NULL), FR_INTERNAL);
    assert_int_equal(batch.session, 5);
    assert_int_equal(batch.count, 6);
    assert_true(responses.draining);
    assert_int_equal(responses.count, 6);
}

static void a_batch_holds_4096_calls_and_no_more(void **state)
{
    (void)state;
    static char bytes[2 * (FR_MAX_BATCH_CALLS + 1)];
    struct fr_wire_request_batch batch;
    struct fr_wire_response_batch responses;
    for (size_t i = 0; i < sizeof bytes; i += 2) {
        bytes[i] = 0x0a;
    }
    assert_int_equal(read_batch(bytes, sizeof bytes - 2, &batch), FR_OK);
    assert_int_equal(batch.count, FR_MAX_BATCH_CALLS);
    assert_int_equal(read_batch(bytes, sizeof bytes, &batch), FR_RESOURCE_EXHAUSTED);
    /* Late answers may come in any number. */
    struct fr_bytes whole = {(const uint8_t *)bytes, sizeof bytes};
    assert_int_equal(fr_wire_read_response_batch(whole, &responses, NULL), FR_OK);
    assert_int_equal(responses.count, FR_MAX_BATCH_CALLS + 1);
}

static void a_reply_limit_over_16_mib_is_16_mib(void **state)
{
    (void)state;
    struct fr_wire_request_batch batch;
    assert_int_equal(READ("\x28\x80\x80\x80\x08", &batch), FR_OK);
    assert_int_equal(batch.max_reply_bytes, FR_MAX_BATCH_BYTES);
    assert_int_equal(READ("\x28\x81\x80\x80\x08", &batch), FR_OK);
    assert_int_equal(batch.max_reply_bytes, FR_MAX_BATCH_BYTES);
    assert_int_equal(READ("\x28\xff\xff\xff\x07", &batch), FR_OK);
    assert_int_equal(batch.max_reply_bytes, FR_MAX_BATCH_BYTES - 1);
    assert_int_equal(READ("\x28\x00", &batch), FR_OK);
    assert_int_equal(batch.max_reply_bytes, FR_MAX_BATCH_BYTES);
}

/* One request whose encoded body has exactly size bytes. */
static bool too_large_at(size_t size)
{
    size_t payload_size = size - 2 - 1 - 4; /* id; tag and length of the payload */
    size_t rest_size = fr_wire_rest_size((struct fr_bytes){0}, (struct fr_metadata){0}, payload_size);
    size_t whole = fr_wire_request_size(1, 0, rest_size);
    uint8_t *rest = calloc(1, rest_size), *bytes = malloc(whole);
    assert_non_null(rest);
    assert_non_null(bytes);
    fr_wire_put_rest(rest, (struct fr_bytes){0}, (struct fr_metadata){0}, payload_size);
    fr_wire_put_request(bytes, 1, 0, (struct fr_bytes){rest, rest_size});
    struct fr_wire_request_batch batch;
    assert_int_equal(read_batch((const char *)bytes, whole, &batch), FR_OK);
    struct fr_wire_request request = next_request(&batch);
    assert_int_equal(request.encoded.size, size);
    assert_int_equal(request.id, 1); /* so that it can be answered */
    free(bytes);
    free(rest);
    return request.too_large;
}

static void a_request_over_4_mib_is_flagged(void **state)
{
    (void)state;
    assert_false(too_large_at(FR_MAX_MESSAGE_BYTES - 1));
    assert_false(too_large_at(FR_MAX_MESSAGE_BYTES));
    assert_true(too_large_at(FR_MAX_MESSAGE_BYTES + 1));
}

static void reading_copies_nothing(void **state)
{
    (void)state;
    static const char bytes[] = "\x0a\x0b\x12\x03" "a/b\x7a\x04" "data";
    struct fr_wire_request_batch batch;
    assert_int_equal(READ(bytes, &batch), FR_OK);
    struct fr_wire_request request = next_request(&batch);
    assert_ptr_equal(request.method.data, bytes + 4);
    assert_ptr_equal(request.payload.data, bytes + 9);
    assert_ptr_equal(request.encoded.data, bytes + 2);
}

static void metadata_and_details_beyond_the_limit_are_counted_and_not_kept(void **state)
{
    (void)state;
    struct fr_buffer pairs = {0};
    for (unsigned i = 0; i < FR_METADATA_MAX_ENTRIES + 5; i++) {
        fr_wire_put_metadata(&pairs, fr_bytes_of("k"), fr_bytes_of("v"));
        fr_wire_put_detail(&pairs, fr_bytes_of("t"), fr_bytes_of("v"));
    }
    struct fr_metadata_entry entries[FR_METADATA_MAX_ENTRIES];
    struct fr_detail details[FR_MAX_DETAILS];
    assert_int_equal(fr_wire_metadata(fr_buffer_bytes(&pairs), entries), FR_METADATA_MAX_ENTRIES);
    assert_int_equal(fr_wire_details(fr_buffer_bytes(&pairs), details), FR_MAX_DETAILS);

    struct fr_wire_response response = {.id = 1, .encoded = fr_buffer_bytes(&pairs)}, read;
    size_t size = fr_wire_response_size(&response);
    uint8_t *bytes = malloc(size);
    assert_non_null(bytes);
    fr_wire_put_response(bytes, &response);
    struct fr_wire_response_batch batch;
    assert_int_equal(fr_wire_read_response_batch((struct fr_bytes){bytes, size}, &batch, NULL), FR_OK);
    assert_int_equal(fr_wire_next_response(&batch.responses, &read), FR_WIRE_ITEM);
    assert_int_equal(read.metadata_count, FR_METADATA_MAX_ENTRIES + 5);
    assert_int_equal(read.details_count, FR_METADATA_MAX_ENTRIES + 5);
    free(bytes);
    fr_buffer_fini(&pairs);
}

/* ---- ids ---- */

struct seen_ids {
    uint64_t ids[8];
    size_t count;
};

static void on_id(void *argument, uint64_t id)
{
    struct seen_ids *seen = argument;
    assert_in_range(seen->count, 0, 7);
    seen->ids[seen->count++] = id;
}

static void ids_are_read_packed_or_not_in_their_order(void **state)
{
    (void)state;
    static const char bytes[] = "\x20\x07" "\x0a\x00" "\x22\x03\x96\x01\x08" "\x22\x00" "\x20\x07"
                                "\x22\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01" "\x10\x05";
    static const uint64_t expected[] = {7, 150, 8, 7, UINT64_MAX};
    struct fr_wire_request_batch batch;
    struct seen_ids seen = {.count = 0};
    struct fr_bytes whole = {(const uint8_t *)bytes, sizeof bytes - 1};
    assert_int_equal(READ(bytes, &batch), FR_OK);
    assert_int_equal(batch.count, 1);
    assert_int_equal(batch.cancel_count, 5); /* fields, not ids */
    fr_wire_ids(whole, FR_WIRE_CANCEL, on_id, &seen);
    assert_int_equal(seen.count, 5);
    assert_memory_equal(seen.ids, expected, sizeof expected);

    struct fr_wire_response_batch responses;
    assert_int_equal(fr_wire_read_response_batch(whole, &responses, NULL), FR_OK);
    assert_int_equal(responses.pending_count, 1);
    seen.count = 0;
    fr_wire_ids(whole, FR_WIRE_PENDING, on_id, &seen);
    assert_int_equal(seen.count, 1);
    assert_int_equal(seen.ids[0], 5);
}

/* ---- whole elements ---- */

static void whole_elements_are_the_most_that_fit(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 200; round++) {
        uint8_t bytes[8 * 1024];
        size_t ends[9] = {0}, count = fr_random_below(9), next = 0;
        for (size_t i = 0; i < count; i++) {
            struct fr_wire_response response = {.id = random_number(), .payload = random_bytes()};
            ends[i + 1] = (size_t)(fr_wire_put_response(bytes + ends[i], &response) - bytes);
        }
        struct fr_bytes whole = {bytes, ends[count]};
        for (size_t room = 0; room <= ends[count] + 1; room++) {
            while (next < count && ends[next + 1] <= room) {
                next++;
            }
            assert_int_equal(fr_wire_whole_elements(whole, room), ends[next]);
        }
    }
    assert_int_equal(fr_wire_whole_elements((struct fr_bytes){NULL, 0}, 10), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reading_gives_what_protobuf_c_wrote),
        cmocka_unit_test(a_batch_cut_anywhere_is_refused_or_a_valid_shorter_one),
        cmocka_unit_test(damaged_batches_are_read_as_protobuf_c_reads_them_or_refused),
        cmocka_unit_test(random_bytes_never_crash_the_reader),
        cmocka_unit_test(an_empty_batch_is_one),
        cmocka_unit_test(the_last_of_repeated_fields_wins),
        cmocka_unit_test(unknown_fields_are_passed_over),
        cmocka_unit_test(a_known_field_of_another_type_is_passed_over),
        cmocka_unit_test(malformed_bytes_are_refused_as_internal),
        cmocka_unit_test(what_is_malformed_within_an_element_shows_when_it_is_reached),
        cmocka_unit_test(a_refused_batch_leaves_the_result_alone),
        cmocka_unit_test(a_batch_holds_4096_calls_and_no_more),
        cmocka_unit_test(a_reply_limit_over_16_mib_is_16_mib),
        cmocka_unit_test(a_request_over_4_mib_is_flagged),
        cmocka_unit_test(reading_copies_nothing),
        cmocka_unit_test(metadata_and_details_beyond_the_limit_are_counted_and_not_kept),
        cmocka_unit_test(ids_are_read_packed_or_not_in_their_order),
        cmocka_unit_test(whole_elements_are_the_most_that_fit),
    };
    return cmocka_run_group_tests(tests, envelope_random_init, NULL);
}
