/* SPDX-License-Identifier: MIT */
/*
 * test_record.c - records and events, held against protobuf-c's own encoder.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "cache/record.h"
#include "freshet/cache/v1/cache.pb-c.h"

static const struct fr_record example = {
    .kind = FR_VALUE_FOUND,
    .version = 0x0001020304050607,
    .floor = 7,
    .token = UINT64_MAX,
    .lease_end_us = UINT64_C(1790000000000000),
    .soft_expiry_us = 9,
    .incarnation = UINT64_C(0x8090a0b0c0d0e0f0),
    .payload = {.data = (const uint8_t *)"Ada", .size = 3},
};

static struct fr_buffer encoded(const struct fr_record *record)
{
    struct fr_buffer bytes = {.size = 0};
    fr_record_encode(record, &bytes);
    assert_false(bytes.failed);
    return bytes;
}

static void a_record_is_what_protobuf_writes(void **state)
{
    (void)state;
    for (size_t size = 0; size < 40000; size = size * 2 + 1) {
        uint8_t *payload = calloc(1, size + 1);
        struct fr_record record = example;
        record.payload = (struct fr_bytes){.data = payload, .size = size};
        Freshet__Cache__V1__Record message = FRESHET__CACHE__V1__RECORD__INIT;
        message.kind = record.kind;
        message.version = record.version;
        message.floor = record.floor;
        message.token = record.token;
        message.lease_end_us = record.lease_end_us;
        message.soft_expiry_us = record.soft_expiry_us;
        message.incarnation = record.incarnation;
        message.has_payload = 1;
        message.payload = (ProtobufCBinaryData){.data = payload, .len = size};
        struct fr_buffer ours = encoded(&record);
        size_t wanted_size = freshet__cache__v1__record__get_packed_size(&message);
        uint8_t *wanted = malloc(wanted_size);
        freshet__cache__v1__record__pack(&message, wanted);
        assert_int_equal(ours.size, wanted_size);
        assert_memory_equal(ours.data, wanted, wanted_size);
        free(wanted);
        free(payload);
        fr_buffer_fini(&ours);
    }
}

static void an_event_is_what_protobuf_writes(void **state)
{
    (void)state;
    char key[300];
    memset(key, 'k', sizeof key);
    for (size_t size = 1; size <= sizeof key; size += 13) {
        struct fr_invalidation_event event = {
            .number = 5,
            .version = FR_VERSION_MAX,
            .key = {.data = (uint8_t *)key, .size = size},
            .commit_time_us = size % 2 * 1700000000000000,
        };
        struct fr_buffer ours = {.size = 0};
        fr_invalidation_event_encode(&event, &ours);
        Freshet__Cache__V1__InvalidationEvent *message =
            freshet__cache__v1__invalidation_event__unpack(NULL, ours.size, ours.data);
        assert_non_null(message);
        assert_int_equal(message->number, 5);
        assert_int_equal(message->version, FR_VERSION_MAX);
        assert_int_equal(message->key.len, size);
        assert_int_equal(message->has_commit_time_us, size % 2);
        assert_int_equal(message->commit_time_us, event.commit_time_us);
        struct fr_invalidation_event back;
        assert_true(fr_invalidation_event_decode(fr_buffer_bytes(&ours), &back));
        assert_int_equal(back.number, 5);
        assert_true(fr_bytes_equal(back.key, event.key));
        assert_int_equal(back.commit_time_us, event.commit_time_us);
        freshet__cache__v1__invalidation_event__free_unpacked(message, NULL);
        fr_buffer_fini(&ours);
    }
}

static void decode_gives_back_every_field(void **state)
{
    (void)state;
    struct fr_buffer bytes = encoded(&example);
    struct fr_record back;
    assert_true(fr_record_decode(fr_buffer_bytes(&bytes), &back));
    assert_int_equal(back.kind, example.kind);
    assert_true(back.version == example.version && back.floor == example.floor &&
                back.token == example.token && back.lease_end_us == example.lease_end_us &&
                back.soft_expiry_us == example.soft_expiry_us && back.incarnation == example.incarnation &&
                fr_bytes_equal(back.payload, example.payload));
    fr_buffer_fini(&bytes);
}

static void decode_rejects_every_truncation_and_any_extra_byte(void **state)
{
    (void)state;
    struct fr_buffer bytes = encoded(&example);
    struct fr_record back;
    for (size_t size = 0; size < bytes.size; size++) {
        uint8_t *copy = malloc(size + 1); /* exact, so that the sanitizer sees a read beyond */
        memcpy(copy, bytes.data, size);
        assert_false(fr_record_decode((struct fr_bytes){.data = copy, .size = size}, &back));
        free(copy);
    }
    fr_buffer_append(&bytes, "", 1);
    assert_false(fr_record_decode(fr_buffer_bytes(&bytes), &back));
    fr_buffer_fini(&bytes);
}

static void decode_rejects_other_tags_kinds_and_versions(void **state)
{
    (void)state;
    static const size_t tags[] = {0, 5, 14, 23, 32, 41, 50, 59};
    struct fr_buffer bytes = encoded(&example);
    struct fr_record back;
    for (size_t i = 0; i < sizeof tags / sizeof tags[0]; i++) {
        bytes.data[tags[i]] ^= 1;
        assert_false(fr_record_decode(fr_buffer_bytes(&bytes), &back));
        bytes.data[tags[i]] ^= 1;
    }
    bytes.data[1] = 3; /* an unknown kind */
    assert_false(fr_record_decode(fr_buffer_bytes(&bytes), &back));
    bytes.data[1] = FR_VALUE_NOT_FOUND; /* which has no payload */
    assert_false(fr_record_decode(fr_buffer_bytes(&bytes), &back));
    bytes.data[1] = FR_VALUE_FOUND;
    bytes.data[13] = 0x20; /* a version of more than 53 bits */
    assert_false(fr_record_decode(fr_buffer_bytes(&bytes), &back));
    fr_buffer_fini(&bytes);
}

static void decode_rejects_odd_lengths(void **state)
{
    (void)state;
    struct fr_record back;
    struct fr_buffer bytes = encoded(&example);
    bytes.size = FR_RECORD_HEADER_BYTES + 1;
    fr_buffer_append(&bytes,
                     "\x83\x00"
                     "Ada",
                     5); /* 3, but not in its shortest form */
    assert_false(fr_record_decode(fr_buffer_bytes(&bytes), &back));
    bytes.size = FR_RECORD_HEADER_BYTES + 1;
    fr_buffer_append(&bytes, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10);
    assert_false(fr_record_decode(fr_buffer_bytes(&bytes), &back));
    fr_buffer_fini(&bytes);
}

static void random_bytes_are_decoded_without_harm(void **state)
{
    (void)state;
    unsigned seed = 20240607;
    print_message("seed %u\n", seed);
    for (unsigned i = 0; i < 20000; i++) {
        struct fr_buffer bytes = encoded(&example);
        bytes.data[(size_t)rand_r(&seed) % bytes.size] = (uint8_t)rand_r(&seed);
        bytes.size -= (size_t)rand_r(&seed) % 3;
        struct fr_record record;
        struct fr_buffer again = {.size = 0};
        if (fr_record_decode(fr_buffer_bytes(&bytes), &record)) {
            fr_record_encode(&record, &again);
            assert_true(fr_bytes_equal(fr_buffer_bytes(&again), fr_buffer_bytes(&bytes)));
        }
        fr_buffer_fini(&again);
        fr_buffer_fini(&bytes);
    }
}

/* What a later version may add after the key: a varint, a text, a fixed32, a fixed64, and numbers of two bytes. */
static void decode_skips_the_fields_of_an_event_that_it_does_not_know(void **state)
{
    (void)state;
    static const char added[] = "\x28\x96\x01" "\x32\x03xyz" "\x3d" "1234" "\x41" "12345678" "\x80\x01\x05";
    struct fr_invalidation_event event = {.number = 5, .version = 6, .key = fr_bytes_of("user:1"), .commit_time_us = 9};
    struct fr_invalidation_event back;
    struct fr_buffer bytes = {.size = 0};
    fr_invalidation_event_encode(&event, &bytes);
    fr_buffer_append(&bytes, added, sizeof added - 1);
    assert_true(fr_invalidation_event_decode(fr_buffer_bytes(&bytes), &back));
    assert_int_equal(back.commit_time_us, 9);
    assert_true(fr_bytes_equal(back.key, event.key));
    fr_buffer_fini(&bytes);
}

static void decode_rejects_malformed_events(void **state)
{
    (void)state;
    struct fr_invalidation_event event = {.number = 5, .version = 6, .key = fr_bytes_of("user:1")}, back;
    struct fr_buffer bytes = {.size = 0};
    fr_invalidation_event_encode(&event, &bytes);
    for (size_t size = 0; size < bytes.size; size++) {
        assert_false(
            fr_invalidation_event_decode((struct fr_bytes){.data = bytes.data, .size = size}, &back));
    }
    size_t whole = bytes.size;
    static const struct fr_bytes malformed[] = {
        {(const uint8_t *)"x", 1},          /* a tag without a value */
        {(const uint8_t *)"\x21" "1234567", 8}, /* a time of seven bytes */
        {(const uint8_t *)"\x32\x05xyz", 5}, /* a text that goes on */
        {(const uint8_t *)"\x28\xff", 2},    /* a number that does */
        {(const uint8_t *)"\x33", 1},        /* a group */
    };
    for (size_t i = 0; i < sizeof malformed / sizeof malformed[0]; i++) {
        bytes.size = whole;
        fr_buffer_append(&bytes, malformed[i].data, malformed[i].size);
        assert_false(fr_invalidation_event_decode(fr_buffer_bytes(&bytes), &back));
    }
    fr_buffer_clear(&bytes);
    event.key.size = 0;
    fr_invalidation_event_encode(&event, &bytes);
    assert_false(fr_invalidation_event_decode(fr_buffer_bytes(&bytes), &back));
    fr_buffer_fini(&bytes);
}

static void a_record_serves_by_kind_floor_and_incarnation(void **state)
{
    (void)state;
    struct fr_record record = {.kind = FR_VALUE_FOUND, .version = 5, .floor = 5, .incarnation = 9};
    assert_true(fr_record_serves(&record, 9));
    assert_false(fr_record_serves(&record, 8));
    record.kind = FR_VALUE_NOT_FOUND;
    assert_true(fr_record_serves(&record, 9));
    record.floor = 6;
    assert_false(fr_record_serves(&record, 9));
    record.floor = 0;
    record.kind = FR_VALUE_NONE;
    assert_false(fr_record_serves(&record, 9));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_is_what_protobuf_writes),
        cmocka_unit_test(an_event_is_what_protobuf_writes),
        cmocka_unit_test(decode_gives_back_every_field),
        cmocka_unit_test(decode_rejects_every_truncation_and_any_extra_byte),
        cmocka_unit_test(decode_rejects_other_tags_kinds_and_versions),
        cmocka_unit_test(decode_rejects_odd_lengths),
        cmocka_unit_test(random_bytes_are_decoded_without_harm),
        cmocka_unit_test(decode_skips_the_fields_of_an_event_that_it_does_not_know),
        cmocka_unit_test(decode_rejects_malformed_events),
        cmocka_unit_test(a_record_serves_by_kind_floor_and_incarnation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
