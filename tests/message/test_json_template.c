/* SPDX-License-Identifier: MIT */
/*
 * test_json_template.c - a message to fill in is one that can be read.
 */
#include <stdlib.h>

#include "message/json.h"
#include "message/support.h"

static void template_is(const char *type, const char *expected)
{
    struct fr_schema *schema = support_kinds_schema();
    struct fr_buffer out = {0};
    fr_json_template(fr_schema_find_message(schema, type), &out);
    assert_string_equal(fr_buffer_text(&out), expected);
    fr_buffer_fini(&out);
    fr_schema_free(schema);
}

static void every_template_can_be_read(void **state)
{
    static const char *const types[] = {"kinds.v1.Scalars", "kinds.v1.Lists", "kinds.v1.Optionals", "kinds.v1.Choice",
                                        "kinds.v1.Maps",    "kinds.v1.Tree",  "kinds.v1.Legacy",    "annotated.v1.Note"};
    struct fr_schema *schema = support_kinds_schema();
    struct fr_arena *arena = fr_arena_new(4096);
    (void)state;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        const struct fr_message_type *type = fr_schema_find_message(schema, types[i]);
        struct ProtobufCMessage *message;
        struct fr_buffer out = {0};
        struct fr_error error;
        fr_json_template(type, &out);
        if (fr_json_read(type, fr_buffer_bytes(&out), arena, &message, &error) != FR_OK) {
            fail_msg("%s: %s in %s", types[i], error.message, fr_buffer_text(&out));
        }
        fr_buffer_fini(&out);
    }
    fr_arena_free(arena);
    fr_schema_free(schema);
}

static void a_oneof_shows_its_first_member(void **state)
{
    (void)state;
    template_is("kinds.v1.Optionals", "{\n"
                                      "  \"i32\": 0,\n"
                                      "  \"u64\": \"0\",\n"
                                      "  \"real\": 0,\n"
                                      "  \"yes\": false,\n"
                                      "  \"text\": \"\",\n"
                                      "  \"blob\": \"\",\n"
                                      "  \"heat\": \"HEAT_UNSPECIFIED\"\n"
                                      "}\n");
}

static void a_type_within_itself_is_not_written_again(void **state)
{
    (void)state;
    template_is("annotated.v1.Note", "{\n"
                                     "  \"text\": \"\",\n"
                                     "  \"numbers\": [\n"
                                     "    0\n"
                                     "  ],\n"
                                     "  \"words\": [\n"
                                     "    \"\"\n"
                                     "  ],\n"
                                     "  \"inner\": null,\n"
                                     "  \"colour\": \"NONE\",\n"
                                     "  \"blob\": \"\",\n"
                                     "  \"real\": 0,\n"
                                     "  \"yes\": false,\n"
                                     "  \"zigzag\": \"0\",\n"
                                     "  \"fixed\": [\n"
                                     "    0\n"
                                     "  ]\n"
                                     "}\n");
    template_is("annotated.v1.Holder", "{}\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_template_can_be_read),
        cmocka_unit_test(a_oneof_shows_its_first_member),
        cmocka_unit_test(a_type_within_itself_is_not_written_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
