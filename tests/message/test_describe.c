/* SPDX-License-Identifier: MIT */
/*
 * test_describe.c - definitions in .proto syntax.
 */
#include "message/support.h"

static void describes(const char *symbol, const char *expected)
{
    struct fr_schema *schema = support_kinds_schema();
    struct fr_buffer out = {0};
    struct fr_error error = {0};
    if (fr_schema_describe(schema, symbol, &out, &error) != FR_OK) {
        fail_msg("%s", error.message);
    }
    assert_string_equal(fr_buffer_text(&out), expected);
    fr_buffer_fini(&out);
    fr_schema_free(schema);
}

static void an_enum_shows_its_comments(void **state)
{
    (void)state;
    describes("kinds.v1.Heat", "// How warm it is.\n"
                               "enum Heat {\n"
                               "  HEAT_UNSPECIFIED = 0;\n"
                               "  COLD = 1;\n"
                               "  HOT = 5; // Do not touch.\n"
                               "  BELOW = -3;\n"
                               "}\n");
}

static void a_message_shows_nested_types_and_options(void **state)
{
    (void)state;
    describes("kinds.v1.Tree", "message Tree {\n"
                               "  string label_text = 1;\n"
                               "  repeated kinds.v1.Tree children = 2;\n"
                               "  kinds.v1.Tree left = 3 [json_name = \"lefty\"];\n"
                               "  kinds.v1.Tree.Side side = 4;\n"
                               "  kinds.v1.Tree.Leaf leaf = 5 [deprecated = true];\n"
                               "  enum Side {\n"
                               "    NONE = 0;\n"
                               "    ONE = 1;\n"
                               "  }\n"
                               "  message Leaf {\n"
                               "    // Inside a nested message.\n"
                               "    int32 age = 1;\n"
                               "  }\n"
                               "}\n");
    describes("kinds.v1.Tree.Leaf", "message Leaf {\n"
                                    "  // Inside a nested message.\n"
                                    "  int32 age = 1;\n"
                                    "}\n");
}

static void oneofs_and_optionals_look_as_they_were_written(void **state)
{
    (void)state;
    describes("kinds.v1.Choice", "message Choice {\n"
                                 "  int32 before = 1;\n"
                                 "  oneof pick {\n"
                                 "    string text = 2;\n"
                                 "    int64 number = 3;\n"
                                 "    bytes blob = 4;\n"
                                 "    kinds.v1.Scalars scalars = 5;\n"
                                 "    bool yes = 6;\n"
                                 "    kinds.v1.Heat heat = 7;\n"
                                 "  }\n"
                                 "  oneof other {\n"
                                 "    double real = 8;\n"
                                 "    string more_text = 9;\n"
                                 "  }\n"
                                 "}\n");
    describes("kinds.v1.Optionals", "message Optionals {\n"
                                    "  optional int32 i32 = 1;\n"
                                    "  optional uint64 u64 = 2;\n"
                                    "  optional double real = 3;\n"
                                    "  optional bool yes = 4;\n"
                                    "  optional string text = 5;\n"
                                    "  optional bytes blob = 6;\n"
                                    "  optional kinds.v1.Heat heat = 7;\n"
                                    "}\n");
}

static void maps_look_like_maps(void **state)
{
    (void)state;
    describes("kinds.v1.Maps", "message Maps {\n"
                               "  map<int32, string> i32 = 1;\n"
                               "  map<int64, int64> i64 = 2;\n"
                               "  map<uint32, bool> u32 = 3;\n"
                               "  map<uint64, double> u64 = 4;\n"
                               "  map<sint32, bytes> s32 = 5;\n"
                               "  map<sint64, kinds.v1.Heat> s64 = 6;\n"
                               "  map<fixed32, kinds.v1.Scalars> f32 = 7;\n"
                               "  map<fixed64, uint64> f64 = 8;\n"
                               "  map<sfixed32, float> sf32 = 9;\n"
                               "  map<sfixed64, uint32> sf64 = 10;\n"
                               "  map<bool, string> yes = 11;\n"
                               "  map<string, kinds.v1.Maps> by_name = 12;\n"
                               "}\n");
}

static void services_and_methods_show_how_safe_they_are(void **state)
{
    (void)state;
    describes("kinds.v1.Kinds", "service Kinds {\n"
                                "  // Gives it back.\n"
                                "  rpc Echo(kinds.v1.Scalars) returns (kinds.v1.Scalars) {\n"
                                "    option idempotency_level = IDEMPOTENT;\n"
                                "  }\n"
                                "  rpc Watch(kinds.v1.Tree) returns (stream kinds.v1.Tree);\n"
                                "}\n");
    describes("kinds.v1.Kinds/Watch", "rpc Watch(kinds.v1.Tree) returns (stream kinds.v1.Tree);\n");
    describes("kinds.v1.Kinds.Watch", "rpc Watch(kinds.v1.Tree) returns (stream kinds.v1.Tree);\n");
}

static void proto2_shows_labels_and_defaults(void **state)
{
    (void)state;
    describes("kinds.v1.Legacy", "message Legacy {\n"
                                 "  required int32 id = 1;\n"
                                 "  required kinds.v1.Legacy.Mood mood = 2;\n"
                                 "  optional int32 count = 3 [default = -7];\n"
                                 "  optional string text = 4 [default = \"a \\\"b\\\" \\\\ c\"];\n"
                                 "  optional bytes blob = 5 [default = \"\\001\\377x\\n\"];\n"
                                 "  optional double real = 6 [default = inf];\n"
                                 "  optional kinds.v1.Legacy.Mood other = 7;\n"
                                 "  optional kinds.v1.Legacy.Mood named = 8 [default = SAD];\n"
                                 "  optional bool yes = 9 [default = true];\n"
                                 "  optional uint64 large = 10 [default = 18446744073709551615];\n"
                                 "  repeated int32 plain = 11;\n"
                                 "  repeated int32 packed = 12 [packed = true];\n"
                                 "  optional kinds.v1.Legacy inner = 13;\n"
                                 "  oneof pick {\n"
                                 "    string choice = 14;\n"
                                 "    int32 index = 15;\n"
                                 "  }\n"
                                 "  enum Mood {\n"
                                 "    GLAD = 3;\n"
                                 "    SAD = 4;\n"
                                 "  }\n"
                                 "}\n");
}

static void ranges_are_shown(void **state)
{
    (void)state;
    describes("kinds.v1.Ranges", "message Ranges {\n"
                                 "  extensions 100 to 199;\n"
                                 "  extensions 1000 [(annotated.v1.space) = \"ours\"];\n"
                                 "  extensions 2000 to max;\n"
                                 "  reserved 5;\n"
                                 "  reserved 7 to 9;\n"
                                 "  reserved \"old\";\n"
                                 "  reserved \"older\";\n"
                                 "  optional int32 id = 1;\n"
                                 "  enum Grade {\n"
                                 "    reserved -3 to -1;\n"
                                 "    reserved 5;\n"
                                 "    reserved 40 to max;\n"
                                 "    reserved \"WORST\";\n"
                                 "    BEST = 1;\n"
                                 "  }\n"
                                 "}\n");
}

static void options_that_a_file_defines_are_shown(void **state)
{
    (void)state;
    describes("annotated.v1.Annotated",
              "service Annotated {\n"
              "  option (annotated.v1.Holder.held) = true;\n"
              "  rpc Plain(annotated.v1.Holder) returns (annotated.v1.Holder);\n"
              "  rpc All(annotated.v1.Holder) returns (annotated.v1.Holder) {\n"
              "    option (annotated.v1.note) = { text: \"a\" numbers: [1, -2] words: \"x\" words: \"y\" "
              "inner { colour: RED } blob: \"\\377\\001\" real: 0.5 yes: true zigzag: -7 fixed: [3, 4] };\n"
              "    option (annotated.v1.number) = -5;\n"
              "    option (annotated.v1.colour) = RED;\n"
              "    option (annotated.v1.single) = 1.5;\n"
              "    option (annotated.v1.large) = 18446744073709551615;\n"
              "    option (annotated.v1.tags) = \"one\";\n"
              "    option (annotated.v1.tags) = \"two\";\n"
              "  }\n"
              "}\n");
    describes("annotated.v1.Holder", "message Holder {\n"
                                     "  option (annotated.v1.kept) = \"yes \\\"really\\\"\\012\";\n"
                                     "}\n");
}

static void every_definition_shows_its_options(void **state)
{
    (void)state;
    describes("annotated.v1.Everything",
              "message Everything {\n"
              "  option deprecated = true;\n"
              "  string name = 1 [json_name = \"title\", deprecated = true, (annotated.v1.label) = \"the \\\"name\\\"\"];\n"
              "  repeated int32 loose = 2 [packed = false];\n"
              "  int64 large = 3 [jstype = JS_STRING, (annotated.v1.notes) = { text: \"a\" }, "
              "(annotated.v1.notes) = { yes: true }];\n"
              "  bytes cord = 4 [ctype = CORD];\n"
              "  oneof pick {\n"
              "    option (annotated.v1.rank) = -2;\n"
              "    annotated.v1.Holder lazily = 5 [lazy = true];\n"
              "    bool yes = 6;\n"
              "  }\n"
              "  enum Level {\n"
              "    option allow_alias = true;\n"
              "    option deprecated = true;\n"
              "    option (annotated.v1.closed) = true;\n"
              "    LOW = 0 [(annotated.v1.spoken) = \"low\"];\n"
              "    LEAST = 0 [deprecated = true, (annotated.v1.spoken) = \"least\"];\n"
              "  }\n"
              "}\n");
    describes("annotated.v1.Old", "service Old {\n"
                                  "  option deprecated = true;\n"
                                  "  rpc Do(annotated.v1.Holder) returns (annotated.v1.Holder) {\n"
                                  "    option deprecated = true;\n"
                                  "    option idempotency_level = NO_SIDE_EFFECTS;\n"
                                  "  }\n"
                                  "}\n");
}

static void an_unknown_symbol_is_not_found(void **state)
{
    (void)state;
    struct fr_schema *schema = support_kinds_schema();
    struct fr_buffer out = {0};
    struct fr_error error = {0};
    assert_int_equal(fr_schema_describe(schema, "kinds.v1.Nothing", &out, &error), FR_NOT_FOUND);
    assert_string_equal(error.message, "kinds.v1.Nothing: no such service, method, message or enum");
    assert_int_equal(out.size, 0);
    fr_schema_free(schema);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_enum_shows_its_comments),
        cmocka_unit_test(a_message_shows_nested_types_and_options),
        cmocka_unit_test(oneofs_and_optionals_look_as_they_were_written),
        cmocka_unit_test(maps_look_like_maps),
        cmocka_unit_test(services_and_methods_show_how_safe_they_are),
        cmocka_unit_test(proto2_shows_labels_and_defaults),
        cmocka_unit_test(ranges_are_shown),
        cmocka_unit_test(options_that_a_file_defines_are_shown),
        cmocka_unit_test(every_definition_shows_its_options),
        cmocka_unit_test(an_unknown_symbol_is_not_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
