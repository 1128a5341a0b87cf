/* SPDX-License-Identifier: MIT */
/*
 * test_json.c - what the JSON mapping says when it is unhappy, and how it writes. test_json_oracle.py compares
 * the mapping itself with another implementation.
 */
#include "message/json.h"

#include <stdlib.h>
#include <string.h>

#include <users/v1/users.pb-c.h>

#include "message/support.h"

static struct fr_schema *schema;
static struct fr_arena *arena;

static const struct fr_message_type *kind(const char *name)
{
    const struct fr_message_type *type = fr_schema_find_message(schema, name);
    assert_non_null(type);
    return type;
}

static struct ProtobufCMessage *read_good(const char *name, const char *text)
{
    struct ProtobufCMessage *message = NULL;
    struct fr_error error = {0};
    if (fr_json_read(kind(name), fr_bytes_of(text), arena, &message, &error) != FR_OK) {
        fail_msg("%s", error.message);
    }
    return message;
}

static void refuses(const char *name, const char *text, const char *message)
{
    struct ProtobufCMessage *unused = NULL;
    struct fr_error error = {0};
    assert_int_equal(fr_json_read(kind(name), fr_bytes_of(text), arena, &unused, &error),
                     FR_INVALID_ARGUMENT);
    assert_string_equal(error.message, message);
    assert_null(unused);
}

static void writes(const char *name, const char *from, const struct fr_json_options *options,
                   const char *expected)
{
    struct fr_buffer out = {0};
    struct fr_error error = {0};
    if (fr_json_write(kind(name), read_good(name, from), options, &out, &error) != FR_OK) {
        fail_msg("%s", error.message);
    }
    assert_string_equal(fr_buffer_text(&out), expected);
    fr_buffer_fini(&out);
}

static void errors_name_the_path_and_both_kinds(void **state)
{
    (void)state;
    refuses("kinds.v1.Scalars", "{\"text\": 5}", "text: expected a string, got a number");
    refuses("kinds.v1.Tree", "{\"lefty\": {\"children\": [{}, {\"labelText\": true}]}}",
            "lefty.children[1].labelText: expected a string, got a boolean");
    refuses("kinds.v1.Lists", "{\"i32\": 1}", "i32: expected an array, got a number");
    refuses("kinds.v1.Lists", "{\"i32\": [1, null]}", "i32[1]: null in an array");
    refuses("kinds.v1.Maps", "{\"f32\": {\"7\": {\"i32\": \"x\"}}}",
            "f32[\"7\"].i32: expected a whole number, got \"x\"");
    refuses("kinds.v1.Maps", "{\"i32\": {\"01\": \"a\"}}", "i32[\"01\"]: the key is not a number");
    refuses("kinds.v1.Scalars", "[]", "expected an object, got an array");
    refuses("kinds.v1.Scalars", "{\"heat\": \"WARM\"}", "heat: kinds.v1.Heat has no value \"WARM\"");
    refuses("kinds.v1.Scalars", "{\"blob\": \"*\"}", "blob: the string is not base64");
    refuses("kinds.v1.Scalars", "{\"u32\": -1}", "u32: the number is out of range");
    refuses("kinds.v1.Scalars", "{\"i32\": 0.5}", "i32: expected a whole number, got a fraction");
    refuses("kinds.v1.Scalars", "{\"text\": \"a\\u0000b\"}", "text: holds a NUL character");
    refuses("kinds.v1.Known", "{\"atTime\": \"now\"}",
            "atTime: expected a time such as \"2024-05-01T12:00:00Z\", got \"now\"");
}

static void an_any_tells_what_is_wrong_with_it(void **state)
{
    (void)state;
    refuses("kinds.v1.Dynamic", "{\"anything\": 5}", "anything: expected an object, got a number");
    refuses("kinds.v1.Dynamic", "{\"anything\": {\"i32\": 5}}", "anything: \"@type\" must say what it holds");
    refuses("kinds.v1.Dynamic", "{\"anything\": {\"@type\": \"a/b.C\"}}",
            "anything: the type \"a/b.C\" is unknown");
    refuses("kinds.v1.Dynamic", "{\"anything\": {\"@type\": \"a/google.protobuf.Duration\"}}",
            "anything.value: it is missing");
    refuses("kinds.v1.Dynamic", "{\"anything\": {\"@type\": \"a/kinds.v1.Scalars\", \"text\": 5}}",
            "anything.text: expected a string, got a number");
}

static void a_value_that_json_lacks_is_not_written(void **state)
{
    (void)state;
    const struct {
        struct fr_bytes bytes;
        const char *message;
    } rows[] = {
        {BYTES("\x32\x09\x11\0\0\0\0\0\0\xf0\x7f"), "value: JSON has no number for infinity and NaN"},
        {BYTES("\x0a\x07\x0a\x05"
               "a/b.C"),
         "anything: the type \"a/b.C\" is unknown"},
        {BYTES("\x0a\x17\x0a\x12"
               "a/kinds.v1.Scalars\x12\x01\xff"),
         "anything: the value is no kinds.v1.Scalars"},
    };
    const struct fr_message_type *type = kind("kinds.v1.Dynamic");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct ProtobufCMessage *message = NULL;
        struct fr_error error = {0};
        struct fr_buffer out = {0};
        assert_int_equal(
            fr_message_unpack(fr_message_type_descriptor(type), rows[i].bytes, arena, &message, NULL), FR_OK);
        assert_int_equal(fr_json_write(type, message, NULL, &out, &error), FR_INVALID_ARGUMENT);
        assert_string_equal(error.message, rows[i].message);
        fr_buffer_fini(&out);
    }
}

static void an_unknown_field_brings_the_nearest_one(void **state)
{
    (void)state;
    refuses("kinds.v1.Tree", "{\"lefty\": {\"lable_text\": \"\"}}",
            "lefty.lable_text: no such field; did you mean \"labelText\"?");
    refuses("kinds.v1.Tree", "{\"colour\": 1}", "colour: no such field in kinds.v1.Tree");
    refuses("kinds.v1.Tree", "{\"\\u001b[31m\": 1}", "?[31m: no such field in kinds.v1.Tree");
}

static void fields_given_twice_are_refused(void **state)
{
    (void)state;
    refuses("kinds.v1.Scalars", "{\"far_away\": \"x\", \"farAway\": \"y\"}",
            "farAway: the field is given twice");
    refuses("kinds.v1.Choice", "{\"text\": \"a\", \"number\": 1}",
            "number: another field of the oneof \"pick\" is already set");
    refuses("kinds.v1.Scalars", "{\"text\": \"a\",\n \"text\": \"b\"}",
            "line 2, column 7: duplicate object key near '\"text\"'");
}

static void syntax_errors_give_line_and_column(void **state)
{
    (void)state;
    refuses("kinds.v1.Scalars", "{\n  \"i32\": 1,\n  nope\n}",
            "line 3, column 6: string or '}' expected near 'nope'");
    struct ProtobufCMessage *message = NULL;
    assert_int_equal(
        fr_json_read(kind("kinds.v1.Scalars"), (struct fr_bytes){NULL, 0}, arena, &message, NULL),
        FR_INVALID_ARGUMENT);
    refuses("kinds.v1.Scalars", "{\"u64\": 18446744073709551615}",
            "line 1, column 28: too big integer near '18446744073709551615'; write numbers above 2^63 - 1 as "
            "strings");
}

static void required_fields_are_required(void **state)
{
    (void)state;
    refuses("kinds.v1.Legacy", "{\"id\": 1, \"mood\": \"SAD\", \"inner\": {\"id\": 2}}",
            "inner.mood: a required field is missing");
    refuses("kinds.v1.Legacy", "{\"id\": null, \"mood\": \"SAD\"}", "id: a required field is missing");
    refuses("kinds.v1.Legacy", "{\"id\": 1, \"mood\": 9}", "mood: kinds.v1.Legacy.Mood has no value 9");
}

static void nesting_is_bounded(void **state)
{
    (void)state;
    struct fr_buffer text = {0};
    for (unsigned i = 0; i < FR_MESSAGE_MAX_DEPTH; i++) {
        fr_buffer_append_text(&text, "{\"lefty\":");
    }
    fr_buffer_append_text(&text, "{}");
    for (unsigned i = 0; i < FR_MESSAGE_MAX_DEPTH; i++) {
        fr_buffer_append_text(&text, "}");
    }
    struct ProtobufCMessage *message = NULL;
    struct fr_error error = {0};
    assert_int_equal(fr_json_read(kind("kinds.v1.Tree"), fr_buffer_bytes(&text), arena, &message, &error),
                     FR_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "lefty.lefty: messages are nested too deep"));
    fr_buffer_clear(&text);
    for (unsigned i = 0; i < 100000; i++) {
        fr_buffer_append_text(&text, "[");
    }
    assert_int_equal(fr_json_read(kind("kinds.v1.Tree"), fr_buffer_bytes(&text), arena, &message, &error),
                     FR_INVALID_ARGUMENT);
    fr_buffer_fini(&text);
}

static void text_is_one_line_in_the_order_of_the_numbers(void **state)
{
    (void)state;
    writes("kinds.v1.Scalars",
           "{\"farAway\": \"z\", \"u64\": 5, \"i32\": 1e3, \"real\": 0.1, \"single\": 0.1}", NULL,
           "{\"i32\": 1000, \"u64\": \"5\", \"single\": 0.1, \"real\": 0.1, \"farAway\": \"z\"}");
    writes("kinds.v1.Scalars", "{\"text\": \"\\\"\\\\\\n\\u0001\\u007f\\u00e9\"}", NULL,
           "{\"text\": \"\\\"\\\\\\n\\u0001\\u007f\xc3\xa9\"}");
    writes("kinds.v1.Scalars", "{\"real\": -0.0, \"i32\": 0}", NULL, "{\"real\": -0.0}");
    writes("kinds.v1.Scalars", "{}", NULL, "{}");
    writes("kinds.v1.Maps", "{\"s32\": {\"5\": \"AQ==\", \"-1\": \"\"}, \"byName\": {\"b\": {}, \"a\": {}}}",
           NULL, "{\"s32\": {\"-1\": \"\", \"5\": \"AQ==\"}, \"byName\": {\"a\": {}, \"b\": {}}}");
}

static void options_change_the_look(void **state)
{
    (void)state;
    struct fr_json_options options = {.indent = true, .proto_names = true};
    writes("kinds.v1.Tree", "{\"labelText\": \"a\", \"children\": [{}, {\"side\": 1}]}", &options,
           "{\n"
           "  \"label_text\": \"a\",\n"
           "  \"children\": [\n"
           "    {},\n"
           "    {\n"
           "      \"side\": \"ONE\"\n"
           "    }\n"
           "  ]\n"
           "}");
    options = (struct fr_json_options){.emit_defaults = true};
    writes("kinds.v1.Tree", "{}", &options, "{\"labelText\": \"\", \"children\": [], \"side\": \"NONE\"}");
    writes("kinds.v1.Optionals", "{\"i32\": 0}", &options, "{\"i32\": 0}");
}

static void presence_is_kept(void **state)
{
    (void)state;
    writes("kinds.v1.Optionals", "{\"i32\": 0, \"text\": \"\", \"blob\": \"\", \"yes\": false}", NULL,
           "{\"i32\": 0, \"yes\": false, \"text\": \"\", \"blob\": \"\"}");
    writes("kinds.v1.Choice", "{\"text\": \"\", \"real\": 0}", NULL, "{\"text\": \"\", \"real\": 0}");
    writes("kinds.v1.Legacy", "{\"id\": 0, \"mood\": \"GLAD\", \"count\": -7}", NULL,
           "{\"id\": 0, \"mood\": \"GLAD\", \"count\": -7}");
}

static void the_last_copy_of_a_map_key_counts(void **state)
{
    (void)state;
    struct fr_bytes bytes = BYTES("\x0a\x05\x08\x07\x12\x01"
                                  "a\x0a\x05\x08\x07\x12\x01"
                                  "b\x3a\x05\x0d\x01\x00\x00\x00");
    struct ProtobufCMessage *message = NULL;
    struct fr_buffer out = {0};
    const struct fr_message_type *type = kind("kinds.v1.Maps");
    assert_int_equal(fr_message_unpack(fr_message_type_descriptor(type), bytes, arena, &message, NULL),
                     FR_OK);
    assert_int_equal(fr_json_write(type, message, NULL, &out, NULL), FR_OK);
    /* An entry without its value stands for the empty one. */
    assert_string_equal(fr_buffer_text(&out), "{\"i32\": {\"7\": \"b\"}, \"f32\": {\"1\": {}}}");
    fr_buffer_fini(&out);
}

static void generated_messages_are_written_by_their_type(void **state)
{
    (void)state;
    struct fr_schema *own = NULL;
    assert_int_equal(fr_schema_new((struct fr_bytes){fr_protoset, fr_protoset_size}, &own, NULL), FR_OK);
    Google__Protobuf__Timestamp time = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
    time.seconds = 1714564800;
    Users__V1__User user = USERS__V1__USER__INIT;
    user.id = "user-1";
    user.version = 7;
    user.create_time = &time;
    struct fr_buffer out = {0};
    assert_int_equal(
        fr_json_write(fr_schema_find_message(own, "users.v1.User"), &user.base, NULL, &out, NULL), FR_OK);
    assert_string_equal(fr_buffer_text(&out),
                        "{\"id\": \"user-1\", \"version\": \"7\", \"createTime\": \"2024-05-01T12:00:00Z\"}");
    struct fr_error error = {0};
    time.nanos = -1;
    assert_int_equal(
        fr_json_write(fr_schema_find_message(own, "users.v1.User"), &user.base, NULL, &out, &error),
        FR_INVALID_ARGUMENT);
    assert_string_equal(error.message, "create_time: the Timestamp is out of range");
    fr_buffer_fini(&out);
    fr_schema_free(own);
}

/* may_lack: JSON cannot carry all that may come of changed bytes. */
static void change(const char *name, const char *text, bool may_lack)
{
    const struct fr_message_type *type = kind(name);
    struct fr_arena *scratch = fr_arena_new(4096);
    struct fr_buffer binary = {0};
    fr_message_pack(read_good(name, text), &binary);
    uint64_t random = 99;
    for (int i = 0; i < 5000; i++) {
        bool json = i % 2 == 0;
        struct fr_bytes from = json ? fr_bytes_of(text) : fr_buffer_bytes(&binary);
        uint8_t *copy = support_mutate(from, &random);
        struct fr_bytes changed = {copy, from.size};
        struct ProtobufCMessage *message = NULL;
        struct fr_buffer out = {0};
        enum fr_code code =
            json ? fr_json_read(type, changed, scratch, &message, NULL)
                 : fr_message_unpack(fr_message_type_descriptor(type), changed, scratch, &message, NULL);
        assert_true(code == FR_OK || code == FR_INVALID_ARGUMENT);
        if (code == FR_OK) {
            code = fr_json_write(type, message, NULL, &out, NULL);
            assert_true(code == FR_OK || (may_lack && code == FR_INVALID_ARGUMENT));
        }
        fr_buffer_fini(&out);
        fr_arena_reset(scratch);
        free(copy);
    }
    fr_buffer_fini(&binary);
    fr_arena_free(scratch);
}

static void changed_texts_and_messages_never_crash(void **state)
{
    (void)state;
    change("kinds.v1.Maps",
           "{\"i32\": {\"1\": \"a\"}, \"u64\": {\"2\": 1.5e3}, \"s32\": {\"-3\": \"AQID\"}, \"f32\": {\"7\": "
           "{\"heat\": "
           "\"HOT\", \"text\": \"\\u00e9\\n\"}}, \"yes\": {\"true\": \"x\"}, \"byName\": {\"n\": {\"i64\": "
           "{\"4\": \"5\"}}}}",
           false);
    change("kinds.v1.Dynamic",
           "{\"anything\": {\"@type\": \"x/google.protobuf.Any\", \"value\": {\"@type\": "
           "\"x/kinds.v1.Scalars\", \"i32\": 1}}, "
           "\"struct\": {\"a\": [null, 1, \"b\", {}]}, \"valueByNumber\": {\"1\": null}, \"lists\": [[true, "
           "[1.5]]]}",
           true);
}

static int setup(void **state)
{
    (void)state;
    schema = support_kinds_schema();
    arena = fr_arena_new(4096);
    return arena == NULL ? -1 : 0;
}

static int teardown(void **state)
{
    (void)state;
    fr_arena_free(arena);
    fr_schema_free(schema);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_name_the_path_and_both_kinds),
        cmocka_unit_test(an_any_tells_what_is_wrong_with_it),
        cmocka_unit_test(a_value_that_json_lacks_is_not_written),
        cmocka_unit_test(an_unknown_field_brings_the_nearest_one),
        cmocka_unit_test(fields_given_twice_are_refused),
        cmocka_unit_test(syntax_errors_give_line_and_column),
        cmocka_unit_test(required_fields_are_required),
        cmocka_unit_test(nesting_is_bounded),
        cmocka_unit_test(text_is_one_line_in_the_order_of_the_numbers),
        cmocka_unit_test(options_change_the_look),
        cmocka_unit_test(presence_is_kept),
        cmocka_unit_test(the_last_copy_of_a_map_key_counts),
        cmocka_unit_test(generated_messages_are_written_by_their_type),
        cmocka_unit_test(changed_texts_and_messages_never_crash),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
