/* SPDX-License-Identifier: MIT */
/*
 * test_schema.c - message types made at run time, and descriptor sets that are nonsense.
 */
#include "message/schema.h"

#include <stdlib.h>
#include <string.h>

#include <google/protobuf/descriptor.pb-c.h>
#include <users/v1/users.pb-c.h>

#include "message/message.h"
#include "message/support.h"

#define LABEL(name) GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__LABEL__LABEL_##name
#define TYPE(name)  GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_##name

/* A set of one file with the message m.M of up to two fields, for tests to spoil. */
struct small_set {
    Google__Protobuf__FileDescriptorSet set;
    Google__Protobuf__FileDescriptorProto file;
    Google__Protobuf__DescriptorProto message, other;
    Google__Protobuf__FieldDescriptorProto fields[2];
    Google__Protobuf__OneofDescriptorProto oneof;
    Google__Protobuf__MessageOptions options;
    Google__Protobuf__FileDescriptorProto *files[1];
    Google__Protobuf__DescriptorProto *messages[2];
    Google__Protobuf__FieldDescriptorProto *field_list[2];
    Google__Protobuf__OneofDescriptorProto *oneofs[1];
};

static void small_set_init(struct small_set *self)
{
    *self = (struct small_set){
        .set = GOOGLE__PROTOBUF__FILE_DESCRIPTOR_SET__INIT,
        .file = GOOGLE__PROTOBUF__FILE_DESCRIPTOR_PROTO__INIT,
        .message = GOOGLE__PROTOBUF__DESCRIPTOR_PROTO__INIT,
        .other = GOOGLE__PROTOBUF__DESCRIPTOR_PROTO__INIT,
        .fields = {GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__INIT,
                   GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__INIT},
        .oneof = GOOGLE__PROTOBUF__ONEOF_DESCRIPTOR_PROTO__INIT,
        .options = GOOGLE__PROTOBUF__MESSAGE_OPTIONS__INIT,
        .files = {&self->file},
        .messages = {&self->message, &self->other},
        .field_list = {&self->fields[0], &self->fields[1]},
        .oneofs = {&self->oneof},
    };
    self->set.n_file = 1;
    self->set.file = self->files;
    self->file.package = "m";
    self->file.syntax = "proto3";
    self->file.n_message_type = 1;
    self->file.message_type = self->messages;
    self->message.name = "M";
    self->other.name = "N";
    self->message.n_field = 2;
    self->message.field = self->field_list;
    self->oneof.name = "pick";
    self->message.n_oneof_decl = 1;
    self->message.oneof_decl = self->oneofs;
    for (int32_t i = 0; i < 2; i++) {
        self->fields[i].name = i == 0 ? "a" : "b";
        self->fields[i].has_number = self->fields[i].has_label = self->fields[i].has_type = 1;
        self->fields[i].number = i + 1;
        self->fields[i].label = LABEL(OPTIONAL);
        self->fields[i].type = TYPE(INT32);
    }
}

static enum fr_code build(const struct small_set *self, struct fr_error *error)
{
    struct fr_buffer bytes = {0};
    fr_message_pack(&self->set.base, &bytes);
    struct fr_schema *schema = NULL;
    enum fr_code code = fr_schema_new(fr_buffer_bytes(&bytes), &schema, error);
    fr_schema_free(schema);
    fr_buffer_fini(&bytes);
    return code;
}

static void refused(const struct small_set *self, const char *message)
{
    struct fr_error error = {0};
    assert_int_equal(build(self, &error), FR_INVALID_ARGUMENT);
    assert_string_equal(error.message, message);
}

static void a_sound_set_is_accepted(void **state)
{
    (void)state;
    struct small_set set;
    small_set_init(&set);
    assert_int_equal(build(&set, NULL), FR_OK);
}

static void fields_of_nonsense_are_refused(void **state)
{
    (void)state;
    struct small_set set;
    small_set_init(&set);
    set.fields[1].number = 1;
    refused(&set, "m.M.b: the field's number is used twice");
    set.fields[1].number = 0;
    refused(&set, "m.M.b: the field's number is out of range");
    set.fields[1].number = 536870912;
    refused(&set, "m.M.b: the field's number is out of range");
    small_set_init(&set);
    set.fields[1].name = "a";
    refused(&set, "m.M.a: the field's name is used twice");
    set.fields[1].name = "b\x1b[31m";
    refused(&set, "m.M.?: the field's name is not a name");
    small_set_init(&set);
    set.fields[0].type = TYPE(GROUP);
    refused(&set, "m.M.a: protobuf-c has no groups; use a field of a message type");
    set.fields[0].type = 99;
    refused(&set, "m.M.a: the field's type is not supported");
    small_set_init(&set);
    set.fields[0].label = 9;
    refused(&set, "m.M.a: the field's label is not one");
}

static void missing_types_are_named(void **state)
{
    (void)state;
    struct small_set set;
    small_set_init(&set);
    set.fields[0].type = TYPE(MESSAGE);
    refused(&set, "m.M.a: the message '' is missing");
    set.fields[0].type_name = ".m.Gone";
    refused(&set, "m.M.a: the message '.m.Gone' is missing");
    set.fields[0].type = TYPE(ENUM);
    set.fields[0].type_name = ".m.M";
    refused(&set, "m.M.a: the enum '.m.M' is missing");
    set.fields[0].type = TYPE(MESSAGE);
    assert_int_equal(build(&set, NULL), FR_OK);
}

static void oneofs_of_nonsense_are_refused(void **state)
{
    (void)state;
    struct small_set set;
    small_set_init(&set);
    set.fields[0].has_oneof_index = 1;
    set.fields[0].oneof_index = 1;
    refused(&set, "m.M.a: the field's oneof is not one");
    set.fields[0].oneof_index = -1;
    refused(&set, "m.M.a: the field's oneof is not one");
    set.fields[0].oneof_index = 0;
    assert_int_equal(build(&set, NULL), FR_OK);
    set.fields[0].label = LABEL(REPEATED);
    refused(&set, "m.M.a: the field's oneof is not one");
}

static void map_entries_of_nonsense_are_refused(void **state)
{
    (void)state;
    struct small_set set;
    small_set_init(&set);
    set.options.has_map_entry = set.options.map_entry = 1;
    set.message.options = &set.options;
    assert_int_equal(build(&set, NULL), FR_OK);
    set.fields[0].type = TYPE(FLOAT);
    refused(&set, "m.M is not a map entry");
    set.fields[0].type = TYPE(STRING);
    set.fields[1].number = 3;
    refused(&set, "m.M is not a map entry");
    set.fields[1].number = 2;
    set.fields[1].label = LABEL(REPEATED);
    refused(&set, "m.M is not a map entry");
    set.fields[1].label = LABEL(OPTIONAL);
    set.fields[1].type = TYPE(MESSAGE);
    set.fields[1].type_name = ".m.M";
    refused(&set, "m.M.b: a map entry outside of a map");
}

static void names_must_be_names_and_unique(void **state)
{
    (void)state;
    struct small_set set;
    small_set_init(&set);
    set.file.n_message_type = 2;
    assert_int_equal(build(&set, NULL), FR_OK);
    set.other.name = "M";
    refused(&set, "m.M is defined twice");
    set.other.name = "a-b";
    refused(&set, "m: 'a-b' is not a name");
    small_set_init(&set);
    set.file.package = "a..b";
    refused(&set, "'a..b' is not a package name");
    small_set_init(&set);
    set.file.syntax = "editions";
    refused(&set, "a file: the syntax 'editions' is not supported");
}

static void defaults_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    struct small_set set;
    small_set_init(&set);
    set.file.syntax = "proto2";
    set.fields[0].default_value = "2147483648";
    refused(&set, "m.M.a: '2147483648' is not a default for its type");
    set.fields[0].type = TYPE(BYTES);
    set.fields[0].default_value = "\\400";
    refused(&set, "m.M.a: '\\400' is not a default for its type");
    set.fields[0].default_value = "\\377";
    assert_int_equal(build(&set, NULL), FR_OK);
}

static void a_false_well_known_type_is_refused(void **state)
{
    (void)state;
    struct small_set set;
    small_set_init(&set);
    set.file.package = "google.protobuf";
    set.message.name = "Timestamp";
    refused(&set, "google.protobuf.Timestamp does not have the fields it should");
    set.fields[0].type = TYPE(INT64);
    assert_int_equal(build(&set, NULL), FR_OK);
    set.message.name = "Any";
    refused(&set, "google.protobuf.Any does not have the fields it should");
    set.message.name = "ListValue";
    refused(&set, "google.protobuf.ListValue does not have the fields it should");
}

static void bytes_that_are_no_set_are_refused(void **state)
{
    (void)state;
    struct fr_schema *schema = NULL;
    struct fr_error error = {0};
    assert_int_equal(fr_schema_new(BYTES("\x0a\x05z"), &schema, &error), FR_INVALID_ARGUMENT);
    assert_string_equal(error.message, "not a FileDescriptorSet: file[0]: truncated");
    assert_int_equal(fr_schema_new((struct fr_bytes){NULL, 0}, &schema, &error), FR_OK);
    assert_int_equal(fr_schema_service_count(schema), 0);
    assert_null(fr_schema_find_message(schema, "M"));
    fr_schema_free(schema);
    fr_schema_free(NULL);
}

static void changed_sets_never_crash(void **state)
{
    (void)state;
    uint64_t random = 7;
    struct fr_bytes set = {kinds_protoset, kinds_protoset_size};
    for (int i = 0; i < 1500; i++) {
        uint8_t *copy = support_mutate(set, &random);
        struct fr_schema *schema = NULL;
        enum fr_code code = fr_schema_new((struct fr_bytes){copy, set.size}, &schema, NULL);
        assert_true(code == FR_OK || code == FR_INVALID_ARGUMENT);
        static const char *const symbols[] = {"kinds.v1.Maps", "kinds.v1.Legacy", "kinds.v1.Tree",
                                              "kinds.v1.Kinds"};
        for (size_t j = 0; code == FR_OK && j < sizeof symbols / sizeof symbols[0]; j++) {
            struct fr_buffer text = {0};
            enum fr_code found = fr_schema_describe(schema, symbols[j], &text, NULL);
            assert_true(found == FR_OK || found == FR_NOT_FOUND);
            fr_buffer_fini(&text);
        }
        fr_schema_free(schema);
        free(copy);
    }
}

static void services_and_methods_are_found(void **state)
{
    (void)state;
    struct fr_schema *schema = NULL;
    struct fr_error error = {0};
    assert_int_equal(fr_schema_new((struct fr_bytes){fr_protoset, fr_protoset_size}, &schema, &error), FR_OK);
    const struct fr_schema_service *users = fr_schema_find_service(schema, "users.v1.Users");
    assert_non_null(users);
    assert_int_equal(users->method_count, 6);
    const struct fr_schema_method *method = fr_schema_find_method(schema, "users.v1.Users/GetUser");
    assert_ptr_equal(method, &users->methods[0]);
    assert_ptr_equal(fr_schema_find_method(schema, "users.v1.Users.GetUser"), method);
    assert_string_equal(method->full_name, "users.v1.Users/GetUser");
    assert_string_equal(fr_message_type_name(method->request), "users.v1.GetUserRequest");
    assert_ptr_equal(method->response, fr_schema_find_message(schema, "users.v1.User"));
    assert_null(fr_schema_find_method(schema, "users.v1.Users/Nothing"));
    assert_null(fr_schema_find_method(schema, "GetUser"));
    assert_null(fr_schema_find_service(schema, "users.v1.User"));
    assert_null(fr_schema_find_message(schema, "users.v1.Users"));
    bool listed = false;
    for (size_t i = 0; i < fr_schema_service_count(schema); i++) {
        listed = listed || fr_schema_service_at(schema, i) == users;
    }
    assert_true(listed);
    fr_schema_free(schema);
    schema = support_kinds_schema();
    assert_true(fr_schema_find_method(schema, "kinds.v1.Kinds/Watch")->server_streaming);
    assert_false(fr_schema_find_method(schema, "kinds.v1.Kinds/Watch")->client_streaming);
    fr_schema_free(schema);
}

static void built_types_read_what_generated_code_writes(void **state)
{
    (void)state;
    Users__V1__User user = USERS__V1__USER__INIT;
    user.id = "user-1";
    user.version = UINT64_MAX;
    struct fr_buffer bytes = {0};
    struct fr_buffer again = {0};
    fr_message_pack(&user.base, &bytes);
    struct fr_schema *schema = NULL;
    assert_int_equal(fr_schema_new((struct fr_bytes){fr_protoset, fr_protoset_size}, &schema, NULL), FR_OK);
    struct fr_arena *arena = fr_arena_new(1024);
    const ProtobufCMessageDescriptor *descriptor =
        fr_message_type_descriptor(fr_schema_find_message(schema, "users.v1.User"));
    struct ProtobufCMessage *message;
    assert_int_equal(fr_message_unpack(descriptor, fr_buffer_bytes(&bytes), arena, &message, NULL), FR_OK);
    assert_true(protobuf_c_message_check(message));
    fr_message_pack(message, &again);
    assert_true(fr_bytes_equal(fr_buffer_bytes(&bytes), fr_buffer_bytes(&again)));
    fr_arena_free(arena);
    fr_schema_free(schema);
    fr_buffer_fini(&bytes);
    fr_buffer_fini(&again);
}

static void built_descriptors_answer_protobuf_c(void **state)
{
    (void)state;
    struct fr_schema *schema = support_kinds_schema();
    const ProtobufCMessageDescriptor *scalars =
        fr_message_type_descriptor(fr_schema_find_message(schema, "kinds.v1.Scalars"));
    for (unsigned i = 0; i < scalars->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &scalars->fields[i];
        assert_ptr_equal(protobuf_c_message_descriptor_get_field(scalars, field->id), field);
        assert_ptr_equal(protobuf_c_message_descriptor_get_field_by_name(scalars, field->name), field);
    }
    assert_null(protobuf_c_message_descriptor_get_field(scalars, 17));
    const ProtobufCEnumDescriptor *heat =
        protobuf_c_message_descriptor_get_field_by_name(scalars, "heat")->descriptor;
    assert_string_equal(protobuf_c_enum_descriptor_get_value(heat, -3)->name, "BELOW");
    assert_string_equal(protobuf_c_enum_descriptor_get_value(heat, 5)->name, "HOT");
    assert_null(protobuf_c_enum_descriptor_get_value(heat, 2));
    assert_int_equal(protobuf_c_enum_descriptor_get_value_by_name(heat, "COLD")->value, 1);
    fr_schema_free(schema);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sound_set_is_accepted),
        cmocka_unit_test(fields_of_nonsense_are_refused),
        cmocka_unit_test(missing_types_are_named),
        cmocka_unit_test(oneofs_of_nonsense_are_refused),
        cmocka_unit_test(map_entries_of_nonsense_are_refused),
        cmocka_unit_test(names_must_be_names_and_unique),
        cmocka_unit_test(defaults_that_do_not_fit_are_refused),
        cmocka_unit_test(a_false_well_known_type_is_refused),
        cmocka_unit_test(bytes_that_are_no_set_are_refused),
        cmocka_unit_test(changed_sets_never_crash),
        cmocka_unit_test(services_and_methods_are_found),
        cmocka_unit_test(built_types_read_what_generated_code_writes),
        cmocka_unit_test(built_descriptors_answer_protobuf_c),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
