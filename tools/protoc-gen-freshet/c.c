/* SPDX-License-Identifier: MIT */
/*
 * c.c - C: X.freshet.h and X.freshet.c beside protoc-c's X.pb-c.h and X.pb-c.c.
 */
#include "protoc-gen-freshet/c.h"

/* What protobuf-c does not have; NULL: it has the field. */
static const char *lack_of(const Google__Protobuf__FieldDescriptorProto *field)
{
    if (field->proto3_optional) {
        return "proto3 \"optional\"; leave the word out, or use a oneof of one field or a type of "
               "google/protobuf/wrappers.proto to tell unset from the default";
    }
    bool group = field->type == GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_GROUP;
    return group ? "groups; use a field of a message type" : NULL;
}

static void refuse_fields_of(struct model *model, const Google__Protobuf__FileDescriptorProto *file)
{
    for (size_t i = 0; i < model->type_count; i++) {
        const struct model_type *type = model->types[i];
        for (size_t j = 0; type->file == file && j < type->proto->n_field; j++) {
            const Google__Protobuf__FieldDescriptorProto *field = type->proto->field[j];
            const struct place place = place_of(type->place, PLACE_MESSAGE_FIELDS, (int32_t)j);
            if (lack_of(field) != NULL) {
                problems_add(&model->problems, &place, "%s.%s: protobuf-c has no %s", type->name,
                             field->name == NULL ? "?" : field->name, lack_of(field));
            }
        }
    }
}

/* protoc-c fails on these too, but says neither where they stand nor what to do. */
static void refuse_fields(struct model *model, const struct model_file *file)
{
    for (size_t i = 0; i < model->file_count; i++) {
        if (model_speaks_for(model, file, &model->files[i])) {
            refuse_fields_of(model, model->files[i].proto);
        }
    }
}

enum fr_code c_emit(struct output *output, const struct model_file *file, struct fr_error *reterr)
{
    struct c_unit unit;
    struct fr_buffer content = {0};
    refuse_fields(output->model, file);
    enum fr_code code = c_unit_init(&unit, output->model, file, reterr);
    if (code == FR_OK) {
        c_header(&unit, &content);
        code = output_add(output, unit.stem, ".freshet.h", &content, reterr);
    }
    if (code == FR_OK) {
        fr_buffer_clear(&content);
        code = c_source(&unit, &content, reterr);
    }
    if (code == FR_OK) {
        code = output_add(output, unit.stem, ".freshet.c", &content, reterr);
    }
    fr_buffer_fini(&content);
    return code;
}

static const struct c_method *find_method(const struct c_unit *unit, const struct model_method *method)
{
    for (size_t i = 0; i < unit->service_count; i++) {
        for (size_t j = 0; j < unit->services[i].method_count; j++) {
            if (unit->services[i].methods[j].method == method) {
                return &unit->services[i].methods[j];
            }
        }
    }
    return NULL;
}

enum fr_code c_example(struct output *output, const struct model_method *method, struct fr_error *reterr)
{
    struct c_unit unit;
    struct fr_buffer content = {0};
    enum fr_code code = c_unit_init(&unit, output->model, method->service->file, reterr);
    if (code != FR_OK) {
        return code;
    }
    const struct c_method *names = find_method(&unit, method);
    const char *request_prefix = c_type_prefix(output->model, method->request->name);
    if (request_prefix == NULL) {
        return fr_error_no_memory(reterr);
    }
    fr_buffer_append_format(&content,
                            "#include <stdio.h>\n"
                            "\n"
                            "#include \"%s.freshet.h\"\n"
                            "\n"
                            "int main(int argc, char **argv)\n"
                            "{\n"
                            "    struct fr_channel *channel;\n"
                            "    struct fr_error error = {.message = \"\"};\n"
                            "    %s request;\n"
                            "    %s *answer;\n"
                            "    const struct fr_call_options options = {.timeout_us = 2000000};\n"
                            "    %s__init(&request);\n"
                            "    if (fr_channel_new(argc > 1 ? argv[1] : \"tcp://127.0.0.1:7001\", NULL, &channel, &error) != FR_OK) {\n"
                            "        fprintf(stderr, \"%%s\\n\", error.message);\n"
                            "        return 2;\n"
                            "    }\n",
                            unit.stem, names->request, names->response, request_prefix);
    output_warn(&content, "    ", "//", method);
    fr_buffer_append_format(&content,
                            "    enum fr_code code = %s(channel, &request, &options, &answer, &error);\n"
                            "    printf(\"%%s %%s\\n\", fr_code_name(code), error.message);\n"
                            "    if (code == FR_OK) {\n"
                            "        protobuf_c_message_free_unpacked(&answer->base, NULL);\n"
                            "    }\n"
                            "    fr_channel_free(channel);\n"
                            "}\n",
                            names->base);
    code = output_add(output, "example", ".c", &content, reterr);
    fr_buffer_fini(&content);
    return code;
}
