/* SPDX-License-Identifier: MIT */
/*
 * generate.c - from a serialized CodeGeneratorRequest to a serialized CodeGeneratorResponse.
 */
#include "protoc-gen-freshet/generate.h"

#include <string.h>

#include "message/message.h"
#include "protoc-gen-freshet/language.h"

#define ARENA_CHUNK_BYTES 65536
#define EXAMPLE           "example" /* the parameter for a program that calls a method */

/* The next part of a parameter "lang=c,…", cut where it does not fit; returns where it ends. */
static const char *next_part(const char *parameter, char *part, size_t room)
{
    size_t size = strcspn(parameter, ",");
    size_t kept = size < room - 1 ? size : room - 1;
    memcpy(part, parameter, kept);
    part[kept] = '\0';
    return parameter + size + (parameter[size] == ',');
}

static bool is_taken(const struct language *language, const char *part)
{
    const char *const *start = language->parameters;
    while (start != NULL && *start != NULL && strncmp(part, *start, strlen(*start)) != 0) {
        start++;
    }
    return start != NULL && *start != NULL;
}

/* Reads "lang=c", which may stand among empty parts and the language's own. Appends to complaint what is wrong. */
static const struct language *read_parameter(const char *parameter, struct fr_buffer *complaint)
{
    const struct language *language = NULL;
    char part[256];
    parameter = parameter == NULL ? "" : parameter;
    for (const char *at = parameter; *at != '\0';) {
        at = next_part(at, part, sizeof part);
        if (strncmp(part, "lang=", 5) == 0) {
            language = language_find(part + 5);
            if (language == NULL) {
                fr_buffer_append_format(complaint, "there is no language '%s'; there is: ", part + 5);
                language_names(complaint);
                return NULL;
            }
        }
    }
    if (language == NULL) {
        fr_buffer_append_text(complaint, "name a language, as in --freshet_out=lang=c:DIR; there is: ");
        language_names(complaint);
        return NULL;
    }
    for (const char *at = parameter; *at != '\0';) {
        at = next_part(at, part, sizeof part);
        if (part[0] != '\0' && strncmp(part, "lang=", 5) != 0 && strcmp(part, EXAMPLE) != 0 &&
            !is_taken(language, part)) {
            fr_buffer_append_format(complaint, "unknown parameter '%s'; write --freshet_out=lang=%s:DIR", part,
                                    language->name);
            return NULL;
        }
    }
    return language;
}

/* One that changes nothing if there is one, for nobody knows who runs the example where. */
static const struct model_method *method_of_example(const struct model *model)
{
    const struct model_method *first = NULL;
    for (size_t i = 0; i < model->file_count; i++) {
        for (size_t j = 0; model->files[i].wanted && j < model->files[i].service_count; j++) {
            const struct model_service *service = &model->files[i].services[j];
            for (size_t k = 0; k < service->method_count; k++) {
                if (service->methods[k].no_side_effects) {
                    return &service->methods[k];
                }
                first = first == NULL ? &service->methods[k] : first;
            }
        }
    }
    return first;
}

static enum fr_code emit(struct model *model, const struct language *language, const char *parameter,
                         Freshet__Plugin__CodeGeneratorResponse *response, struct fr_error *reterr)
{
    struct output output = {model, response, parameter};
    enum fr_code code = FR_OK;
    for (size_t i = 0; i < model->file_count && code == FR_OK; i++) {
        if (model->files[i].wanted) {
            code = language->emit(&output, &model->files[i], reterr);
        }
    }
    if (code != FR_OK || model->problems.count > 0 || output_parameter(&output, EXAMPLE) == NULL) {
        return code;
    }
    const struct model_method *method = method_of_example(model);
    return method == NULL ? FR_OK : language->example(&output, method, reterr);
}

/* A line of its own for each problem: protoc prints "--freshet_out: " before the first. */
static enum fr_code tell_problems(struct problems *problems, Freshet__Plugin__CodeGeneratorResponse *response,
                                  struct fr_buffer *complaint, struct fr_error *reterr)
{
    const char *text = fr_buffer_text(&problems->text);
    if (text == NULL) {
        return fr_error_no_memory(reterr);
    }
    fr_buffer_append_format(complaint, "%zu %s in the .proto files:\n%s", problems->count,
                            problems->count == 1 ? "mistake" : "mistakes", text);
    response->n_file = 0;
    return FR_OK;
}

static enum fr_code pack(Freshet__Plugin__CodeGeneratorResponse *message, struct fr_buffer *complaint,
                         struct fr_buffer *response, struct fr_error *reterr)
{
    if (complaint->size > 0 || complaint->failed) {
        message->error = (char *)fr_buffer_text(complaint);
        if (message->error == NULL) {
            return fr_error_no_memory(reterr);
        }
    }
    fr_message_pack(&message->base, response);
    return response->failed ? fr_error_no_memory(reterr) : FR_OK;
}

static enum fr_code answer(const Freshet__Plugin__CodeGeneratorRequest *request, struct fr_buffer *response,
                           struct fr_error *reterr)
{
    Freshet__Plugin__CodeGeneratorResponse message = FRESHET__PLUGIN__CODE_GENERATOR_RESPONSE__INIT;
    struct fr_buffer complaint = {0};
    struct model model = {0};
    enum fr_code code = FR_OK;
    message.has_supported_features = true;
    message.supported_features = FRESHET__PLUGIN__CODE_GENERATOR_RESPONSE__FEATURE__FEATURE_PROTO3_OPTIONAL;
    const struct language *language = read_parameter(request->parameter, &complaint);
    if (language != NULL) {
        code = model_init(&model, request, reterr);
        code = code != FR_OK ? code : emit(&model, language, request->parameter, &message, reterr);
        if (code == FR_OK && model.problems.count > 0) {
            code = tell_problems(&model.problems, &message, &complaint, reterr);
        }
    }
    code = code != FR_OK ? code : pack(&message, &complaint, response, reterr);
    fr_buffer_fini(&complaint);
    model_fini(&model);
    return code;
}

enum fr_code generate(struct fr_bytes request, struct fr_buffer *response, struct fr_error *reterr)
{
    struct fr_arena *arena = fr_arena_new(ARENA_CHUNK_BYTES);
    struct ProtobufCMessage *message;
    struct fr_error cause;
    if (arena == NULL) {
        return fr_error_no_memory(reterr);
    }
    enum fr_code code =
        fr_message_unpack(&freshet__plugin__code_generator_request__descriptor, request, arena, &message, &cause);
    if (code != FR_OK) {
        fr_error_set(reterr, code, "standard input holds no CodeGeneratorRequest: %s", cause.message);
    } else {
        code = answer((const Freshet__Plugin__CodeGeneratorRequest *)message, response, reterr);
    }
    fr_arena_free(arena);
    return code;
}
