/* SPDX-License-Identifier: MIT */
/*
 * test_generate.c - the generator answers what protoc sends, and survives what protoc never would.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "message/message.h"
#include "protoc-gen-freshet/generate.h"
#include "protoc-gen-freshet/plugin.pb-c.h"
#include "protoc-gen-freshet/request.h"

/* Runs the generator on a copy of the exact size, so that a sanitizer sees a read past its end. */
static enum fr_code run(const uint8_t *data, size_t size, struct fr_buffer *response, struct fr_error *reterr)
{
    uint8_t *copy = malloc(size + 1);
    assert_non_null(copy);
    memcpy(copy, data, size);
    uint8_t *exact = realloc(copy, size == 0 ? 1 : size);
    enum fr_code code = generate((struct fr_bytes){exact, size}, response, reterr);
    free(exact);
    return code;
}

static void a_request_gives_two_files(void **state)
{
    struct fr_buffer request = {0}, response = {0};
    struct fr_error error;
    struct ProtobufCMessage *message;
    (void)state;
    request_make("c", &request);
    assert_int_equal(run(request.data, request.size, &response, &error), FR_OK);
    assert_int_equal(fr_message_unpack(&freshet__plugin__code_generator_response__descriptor,
                                       fr_buffer_bytes(&response), NULL, &message, NULL),
                     FR_OK);
    Freshet__Plugin__CodeGeneratorResponse *answer = (Freshet__Plugin__CodeGeneratorResponse *)message;
    assert_null(answer->error);
    assert_int_equal(answer->supported_features, 1);
    assert_int_equal(answer->n_file, 2);
    assert_string_equal(answer->file[0]->name, "users/v1/users.freshet.h");
    assert_string_equal(answer->file[1]->name, "users/v1/users.freshet.c");
    freshet__plugin__code_generator_response__free_unpacked(answer, NULL);
    fr_buffer_fini(&request);
    fr_buffer_fini(&response);
}

/* A step that no field length divides. */
#define STEP 7

static void truncated(const char *language)
{
    struct fr_buffer request = {0}, response = {0};
    struct fr_error error;
    size_t refused = 0;
    request_make(language, &request);
    for (size_t size = 0; size < request.size; size += STEP) {
        fr_buffer_clear(&response);
        enum fr_code code = run(request.data, size, &response, &error);
        assert_true(code == FR_OK || code == FR_INVALID_ARGUMENT);
        refused += code != FR_OK;
    }
    assert_true(refused > request.size / STEP / 2);
    fr_buffer_fini(&request);
    fr_buffer_fini(&response);
}

static void truncated_requests_are_refused_or_answered(void **state)
{
    (void)state;
    for (size_t i = 0; i < REQUEST_LANGUAGES; i++) {
        truncated(request_languages[i]);
    }
}

static void spoiled(const char *language)
{
    static const uint8_t spoils[] = {0x00, 0x01, 0x7f, 0x80, 0xff, '*', '"', '\n', '.', '/'};
    struct fr_buffer request = {0}, response = {0};
    struct fr_error error;
    request_make(language, &request);
    for (size_t i = 0; i < request.size; i += STEP) {
        uint8_t before = request.data[i];
        request.data[i] = spoils[i / STEP % sizeof spoils];
        fr_buffer_clear(&response);
        enum fr_code code = run(request.data, request.size, &response, &error);
        assert_true(code == FR_OK || code == FR_INVALID_ARGUMENT);
        request.data[i] = before;
    }
    fr_buffer_fini(&request);
    fr_buffer_fini(&response);
}

static void spoiled_requests_are_refused_or_answered(void **state)
{
    (void)state;
    for (size_t i = 0; i < REQUEST_LANGUAGES; i++) {
        spoiled(request_languages[i]);
    }
}

/* ---- names that would become code or paths ---- */

static void refuses_file(Google__Protobuf__FileDescriptorProto *file, const char *because)
{
    char *wanted[] = {file->name};
    struct fr_buffer request = {0}, response = {0};
    struct fr_error error;
    Freshet__Plugin__CodeGeneratorRequest message = FRESHET__PLUGIN__CODE_GENERATOR_REQUEST__INIT;
    message.n_file_to_generate = 1;
    message.file_to_generate = wanted;
    message.parameter = (char *)"lang=c";
    message.n_proto_file = 1;
    message.proto_file = &file;
    fr_message_pack(&message.base, &request);
    assert_int_equal(run(request.data, request.size, &response, &error), FR_INVALID_ARGUMENT);
    if (strstr(error.message, because) == NULL) {
        fail_msg("'%s' does not say '%s'", error.message, because);
    }
    fr_buffer_fini(&request);
    fr_buffer_fini(&response);
}

static void names_that_are_none_are_refused(void **state)
{
    static const char *const paths[] = {"/etc/x.proto", "../x.proto", "a\nb.proto", "a\"b.proto", "a*/b.proto", ""};
    (void)state;
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        Google__Protobuf__FileDescriptorProto file = GOOGLE__PROTOBUF__FILE_DESCRIPTOR_PROTO__INIT;
        file.name = (char *)paths[i];
        refuses_file(&file, "a file without a proper name");
    }
    Google__Protobuf__FileDescriptorProto file = GOOGLE__PROTOBUF__FILE_DESCRIPTOR_PROTO__INIT;
    Google__Protobuf__ServiceDescriptorProto service = GOOGLE__PROTOBUF__SERVICE_DESCRIPTOR_PROTO__INIT;
    Google__Protobuf__ServiceDescriptorProto *services[] = {&service};
    Google__Protobuf__MethodDescriptorProto method = GOOGLE__PROTOBUF__METHOD_DESCRIPTOR_PROTO__INIT;
    Google__Protobuf__MethodDescriptorProto *methods[] = {&method};
    file.name = (char *)"a.proto";
    file.n_service = 1;
    file.service = services;
    refuses_file(&file, "a service without a proper name");
    service.name = (char *)"S";
    service.n_method = 1;
    service.method = methods;
    method.name = (char *)"M(void); int x";
    refuses_file(&file, "a method without a proper name");
    method.name = (char *)"M";
    refuses_file(&file, "S/M: its request or response type is missing");
    file.package = (char *)"a..b";
    refuses_file(&file, "the package has no proper name");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_gives_two_files),
        cmocka_unit_test(truncated_requests_are_refused_or_answered),
        cmocka_unit_test(spoiled_requests_are_refused_or_answered),
        cmocka_unit_test(names_that_are_none_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
