/* SPDX-License-Identifier: MIT */
/*
 * test_field.c - one field of a message as the text of a key.
 */
#include "message/field.h"

#include "message/json.h"
#include "message/support.h"

struct fixture {
    struct fr_schema *schema;
    struct fr_arena *arena;
};

static int open_fixture(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){support_kinds_schema(), fr_arena_new(4096)};
    assert_non_null(fixture.arena);
    *state = &fixture;
    return 0;
}

static int close_fixture(void **state)
{
    struct fixture *self = *state;
    fr_arena_free(self->arena);
    fr_schema_free(self->schema);
    return 0;
}

static struct ProtobufCMessage *read(struct fixture *self, const char *type, const char *json)
{
    struct ProtobufCMessage *message;
    struct fr_error error;
    if (fr_json_read(fr_schema_find_message(self->schema, type), fr_bytes_of(json), self->arena, &message, &error) !=
        FR_OK) {
        fail_msg("%s", error.message);
    }
    return message;
}

static void field_is(const struct ProtobufCMessage *message, uint32_t number, const char *text)
{
    char scratch[FR_FIELD_TEXT_BYTES];
    struct fr_bytes value;
    assert_true(fr_message_field_text(message, number, scratch, &value));
    if (!fr_bytes_equal(value, fr_bytes_of(text))) {
        fail_msg("field %u is '%.*s', not '%s'", number, (int)value.size, (const char *)value.data, text);
    }
}

static void every_scalar_has_a_text(void **state)
{
    static const char json[] = "{\"i32\":-2147483648,\"i64\":\"-9223372036854775808\",\"u32\":4294967295,"
                               "\"u64\":\"18446744073709551615\",\"s32\":-3,\"s64\":\"-4\",\"f32\":5,\"f64\":\"6\","
                               "\"sf32\":-7,\"sf64\":\"-8\",\"yes\":true,\"text\":\"a:b\",\"blob\":\"eHl6\","
                               "\"heat\":\"BELOW\",\"farAway\":\"there\"}";
    static const char *const texts[] = {"-2147483648", "-9223372036854775808", "4294967295", "18446744073709551615",
                                        "-3", "-4", "5", "6", "-7", "-8"};
    const struct ProtobufCMessage *message = read(*state, "kinds.v1.Scalars", json);
    for (uint32_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        field_is(message, i + 1, texts[i]);
    }
    field_is(message, 13, "1");
    field_is(message, 14, "a:b");
    field_is(message, 15, "xyz");
    field_is(message, 16, "-3");
    field_is(message, 536870911, "there");
}

static void what_is_not_set_has_its_default(void **state)
{
    const struct ProtobufCMessage *message = read(*state, "kinds.v1.Scalars", "{}");
    field_is(message, 2, "0");
    field_is(message, 13, "0");
    field_is(message, 14, "");
    field_is(message, 15, "");
}

static void what_is_no_single_value_has_no_text(void **state)
{
    char scratch[FR_FIELD_TEXT_BYTES];
    struct fr_bytes value;
    const struct ProtobufCMessage *scalars = read(*state, "kinds.v1.Scalars", "{}");
    const struct ProtobufCMessage *lists = read(*state, "kinds.v1.Lists", "{}");
    const struct ProtobufCMessage *choice = read(*state, "kinds.v1.Choice", "{\"text\":\"x\"}");
    assert_false(fr_message_field_text(scalars, 11, scratch, &value));
    assert_false(fr_message_field_text(scalars, 12, scratch, &value));
    assert_false(fr_message_field_text(scalars, 99, scratch, &value));
    assert_false(fr_message_field_text(lists, 14, scratch, &value));
    assert_false(fr_message_field_text(lists, 17, scratch, &value));
    assert_false(fr_message_field_text(choice, 2, scratch, &value));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_scalar_has_a_text),
        cmocka_unit_test(what_is_not_set_has_its_default),
        cmocka_unit_test(what_is_no_single_value_has_no_text),
    };
    return cmocka_run_group_tests(tests, open_fixture, close_fixture);
}
