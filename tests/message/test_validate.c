/* SPDX-License-Identifier: MIT */
/*
 * test_validate.c - bytes from strangers against a descriptor.
 */
#include <stdlib.h>
#include <string.h>

#include <freshet/cache/v1/cache.pb-c.h>
#include <google/protobuf/descriptor.pb-c.h>
#include <users/v1/users.pb-c.h>

#include "message/message.h"
#include "message/support.h"
#include "message/utf8.h"

static struct fr_schema *schema;

static const ProtobufCMessageDescriptor *kind(const char *name)
{
    const struct fr_message_type *type = fr_schema_find_message(schema, name);
    assert_non_null(type);
    return fr_message_type_descriptor(type);
}

static void accepts(const ProtobufCMessageDescriptor *descriptor, struct fr_bytes bytes)
{
    struct fr_error error = {0};
    if (fr_message_validate(descriptor, bytes, &error) != FR_OK) {
        fail_msg("refused: %s", error.message);
    }
}

static void refuses(const ProtobufCMessageDescriptor *descriptor, struct fr_bytes bytes, const char *message)
{
    struct fr_error error = {0};
    assert_int_equal(fr_message_validate(descriptor, bytes, &error), FR_INVALID_ARGUMENT);
    assert_string_equal(error.message, message);
}

static void an_empty_message_is_valid(void **state)
{
    (void)state;
    accepts(&users__v1__user__descriptor, (struct fr_bytes){NULL, 0});
}

static void unknown_fields_are_accepted(void **state)
{
    (void)state;
    accepts(&users__v1__user__descriptor, BYTES("\xa0\x06\x01\xa2\x06\x01\xff\xa5\x06zzzz\xa1\x06zzzzzzzz"));
}

static void every_truncation_is_refused(void **state)
{
    (void)state;
    static const char whole[] = "\x0a\x02id\x28\x96\x01\x32\x04\x08\x01\x10\x02";
    for (size_t size = 1; size < sizeof whole - 1; size++) {
        struct fr_bytes bytes = {(const uint8_t *)whole, size};
        bool boundary = size == 4 || size == 7;
        enum fr_code code = fr_message_validate(&users__v1__user__descriptor, bytes, NULL);
        assert_int_equal(code, boundary ? FR_OK : FR_INVALID_ARGUMENT);
    }
    accepts(&users__v1__user__descriptor, BYTES("\x0a\x02id\x28\x96\x01\x32\x04\x08\x01\x10\x02"));
    refuses(&users__v1__user__descriptor, BYTES("\x0a\x05id"), "id: truncated");
    refuses(&users__v1__user__descriptor, BYTES("\x28\x96"), "version: the number does not end");
}

static void malformed_tags_are_refused(void **state)
{
    (void)state;
    refuses(&users__v1__user__descriptor, BYTES("\x80"),
            "users.v1.User at byte 0: the field's tag is malformed");
    refuses(&users__v1__user__descriptor, BYTES("\x00\x00"),
            "users.v1.User at byte 0: the field's number is out of range");
    refuses(&users__v1__user__descriptor, BYTES("\xff\xff\xff\xff\x7f\x00"),
            "users.v1.User at byte 0: the field's number is out of range");
    refuses(&users__v1__user__descriptor, BYTES("\x0a\x02id\xa3\x06"),
            "users.v1.User at byte 4: groups are not supported");
    refuses(&users__v1__user__descriptor, BYTES("\xa6\x06"),
            "users.v1.User at byte 0: there is no such wire type");
}

static void endless_numbers_and_lengths_are_refused(void **state)
{
    (void)state;
    accepts(&users__v1__user__descriptor, BYTES("\x28\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"));
    refuses(&users__v1__user__descriptor, BYTES("\x28\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
            "version: the number does not end");
    refuses(&users__v1__user__descriptor, BYTES("\x0a\xff\xff\xff\xff\x0f"), "id: the length is malformed");
    refuses(&users__v1__user__descriptor, BYTES("\x0a\x80\x80\x80\x80\x80\x00"),
            "id: the length is malformed");
}

static void wrong_wire_types_of_known_fields_name_the_path(void **state)
{
    (void)state;
    refuses(&users__v1__user__descriptor, BYTES("\x08\x01"),
            "id: sent with the wire type of another field type");
    refuses(&users__v1__user__descriptor, BYTES("\x2a\x00"),
            "version: sent with the wire type of another field type");
    refuses(&users__v1__batch_get_users_response__descriptor,
            BYTES("\x0a\x00\x0a\x02\x22\x00\x0a\x03\x22\x01\xff"), "users[2].preference: not valid UTF-8");
    refuses(&users__v1__user__descriptor, BYTES("\x32\x02\x0a\x00"),
            "create_time.seconds: sent with the wire type of another field type");
}

static void strings_are_utf8_without_nul(void **state)
{
    (void)state;
    accepts(&users__v1__user__descriptor, BYTES("\x12\x05\xc3\xa9\xe4\xb8\xad"));
    refuses(&users__v1__user__descriptor, BYTES("\x12\x01\xc3"), "name: not valid UTF-8");
    refuses(&users__v1__user__descriptor,
            BYTES("\x12\x03"
                  "a\0b"),
            "name: holds a NUL character");
}

static void utf8_is_judged_as_unicode_does(void **state)
{
    (void)state;
    static const char *const good[] = {"",
                                       "abcdefghijklmnop",
                                       "\xc2\x80",
                                       "\xe0\xa0\x80",
                                       "\xed\x9f\xbf",
                                       "\xf0\x90\x80\x80",
                                       "\xf4\x8f\xbf\xbf",
                                       "abcdefgh\xc3\xa9xyz"};
    static const char *const bad[] = {
        "\x80",         "\xc0\x80",         "\xc1\xbf",         "\xe0\x9f\xbf",
        "\xed\xa0\x80", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80",
        "\xe4\xb8",     "abcdefgh\xff",     "\xe4\xb8z"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(fr_utf8_valid((const uint8_t *)good[i], strlen(good[i])));
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(fr_utf8_valid((const uint8_t *)bad[i], strlen(bad[i])));
    }
}

static void packed_and_unpacked_elements_are_both_accepted(void **state)
{
    (void)state;
    const ProtobufCMessageDescriptor *lists = kind("kinds.v1.Lists");
    accepts(lists, BYTES("\x0a\x03\x01\x96\x01"));
    accepts(lists, BYTES("\x08\x01\x08\x96\x01"));
    accepts(lists, BYTES("\x3a\x08zzzzzzzz"));
    accepts(lists, BYTES("\x92\x01\x02\x01\x02"));
    refuses(lists, BYTES("\x0a\x02\x01\x96"), "i32[0]: a packed number does not end");
    refuses(lists, BYTES("\x3a\x07zzzzzzz"), "f32[0]: a packed element is truncated");
    refuses(lists, BYTES("\x42\x09zzzzzzzzz"), "f64[0]: a packed element is truncated");
    refuses(lists, BYTES("\x0d\x01\x02\x03\x04"), "i32[0]: sent with the wire type of another field type");
}

static void a_singular_message_may_come_once(void **state)
{
    (void)state;
    refuses(&users__v1__user__descriptor, BYTES("\x32\x00\x32\x00"), "create_time: the message comes twice");
    accepts(&users__v1__user__descriptor, BYTES("\x0a\x01"
                                                "a\x0a\x01"
                                                "b"));
}

static void a_missing_required_field_is_named(void **state)
{
    (void)state;
    refuses(&freshet__cache__v1__record__descriptor, BYTES("\x0d\x01\x00\x00\x00"),
            "version: a required field is missing");
    refuses(kind("kinds.v1.Legacy"), BYTES("\x08\x01\x10\x03\x6a\x02\x08\x01"),
            "inner.mood: a required field is missing");
}

/* A chain of depth messages of the type Tree, field left; the innermost is empty. */
static struct fr_bytes nested_trees(unsigned depth, struct fr_buffer *storage)
{
    uint8_t *bytes = fr_buffer_reserve(storage, 4096);
    assert_non_null(bytes);
    uint8_t *at = bytes + 4096;
    size_t size = 0;
    for (unsigned i = 1; i < depth; i++) {
        if (size >= 128) {
            *--at = (uint8_t)(size >> 7);
        }
        *--at = (uint8_t)((size & 127) | (size >= 128 ? 128 : 0));
        *--at = 0x1a;
        size = (size_t)(bytes + 4096 - at);
    }
    return (struct fr_bytes){at, size};
}

static void nesting_is_bounded(void **state)
{
    (void)state;
    struct fr_buffer storage = {0};
    const ProtobufCMessageDescriptor *tree = kind("kinds.v1.Tree");
    accepts(tree, nested_trees(FR_MESSAGE_MAX_DEPTH, &storage));
    struct fr_error error = {0};
    assert_int_equal(fr_message_validate(tree, nested_trees(FR_MESSAGE_MAX_DEPTH + 1, &storage), &error),
                     FR_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "left.left: messages are nested too deep"));
    fr_buffer_fini(&storage);
}

static void the_number_of_fields_is_bounded(void **state)
{
    (void)state;
    size_t pairs = FR_MESSAGE_MAX_FIELDS + 1;
    uint8_t *bytes = malloc(2 * pairs);
    assert_non_null(bytes);
    for (size_t i = 0; i < pairs; i++) {
        bytes[2 * i] = 0x28;
        bytes[2 * i + 1] = 1;
    }
    accepts(&users__v1__user__descriptor, (struct fr_bytes){bytes, 2 * (pairs - 1)});
    refuses(&users__v1__user__descriptor, (struct fr_bytes){bytes, 2 * pairs},
            "version: the message has too many fields");
    memset(bytes, 1, 2 * pairs);
    memcpy(bytes, "\x0a\x81\x89\x7a", 4); /* 2000001 elements */
    refuses(kind("kinds.v1.Lists"), (struct fr_bytes){bytes, 2 * pairs}, "i32[0]: truncated");
    memcpy(bytes, "\x0a\xc1\x84\x3d", 4); /* 1000001 elements */
    refuses(kind("kinds.v1.Lists"), (struct fr_bytes){bytes, 4 + pairs},
            "i32[0]: the message has too many fields");
    free(bytes);
}

static void what_is_unpacked_packs_to_the_same_bytes(void **state)
{
    (void)state;
    struct fr_arena *arena = fr_arena_new(1024);
    struct fr_bytes bytes = BYTES("\x0a\x02id\x28\x96\x01\x32\x04\x08\x01\x10\x02");
    struct ProtobufCMessage *message;
    assert_int_equal(fr_message_unpack(&users__v1__user__descriptor, bytes, arena, &message, NULL), FR_OK);
    const Users__V1__User *user = (const Users__V1__User *)message;
    assert_string_equal(user->id, "id");
    assert_int_equal(user->version, 150);
    assert_int_equal(user->create_time->nanos, 2);
    struct fr_buffer out = {0};
    fr_buffer_append_text(&out, "before");
    fr_message_pack(message, &out);
    assert_int_equal(out.size, 6 + bytes.size);
    assert_memory_equal(out.data + 6, bytes.data, bytes.size);
    fr_buffer_fini(&out);
    fr_arena_free(arena);
}

static void whatever_is_valid_can_be_unpacked(void **state)
{
    (void)state;
    uint64_t random = 42;
    struct fr_bytes set = {kinds_protoset, kinds_protoset_size};
    struct fr_arena *arena = fr_arena_new(65536);
    for (int i = 0; i < 1000; i++) {
        uint8_t *copy = support_mutate(set, &random);
        struct ProtobufCMessage *message;
        struct fr_error error = {0};
        enum fr_code code = fr_message_unpack(&google__protobuf__file_descriptor_set__descriptor,
                                              (struct fr_bytes){copy, set.size}, arena, &message, &error);
        assert_true(code == FR_OK || code == FR_INVALID_ARGUMENT);
        assert_null(strstr(error.message, "cannot be unpacked"));
        fr_arena_reset(arena);
        free(copy);
    }
    fr_arena_free(arena);
}

static int setup(void **state)
{
    (void)state;
    schema = support_kinds_schema();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fr_schema_free(schema);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_message_is_valid),
        cmocka_unit_test(unknown_fields_are_accepted),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(malformed_tags_are_refused),
        cmocka_unit_test(endless_numbers_and_lengths_are_refused),
        cmocka_unit_test(wrong_wire_types_of_known_fields_name_the_path),
        cmocka_unit_test(strings_are_utf8_without_nul),
        cmocka_unit_test(utf8_is_judged_as_unicode_does),
        cmocka_unit_test(packed_and_unpacked_elements_are_both_accepted),
        cmocka_unit_test(a_singular_message_may_come_once),
        cmocka_unit_test(a_missing_required_field_is_named),
        cmocka_unit_test(nesting_is_bounded),
        cmocka_unit_test(the_number_of_fields_is_bounded),
        cmocka_unit_test(what_is_unpacked_packs_to_the_same_bytes),
        cmocka_unit_test(whatever_is_valid_can_be_unpacked),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
