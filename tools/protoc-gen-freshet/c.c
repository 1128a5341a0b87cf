/* SPDX-License-Identifier: MIT */
/*
 * c.c - C: X.freshet.h and X.freshet.c beside protoc-c's X.pb-c.h and X.pb-c.c.
 */
#include "protoc-gen-freshet/c.h"

/* protoc-c refuses it too, but says neither where it stands nor what to do. */
static void refuse_optional(struct model *model, const struct model_file *file)
{
    for (size_t i = 0; i < model->type_count; i++) {
        const struct model_type *type = model->types[i];
        for (size_t j = 0; type->file == file->proto && j < type->proto->n_field; j++) {
            const Google__Protobuf__FieldDescriptorProto *field = type->proto->field[j];
            if (field->proto3_optional) {
                const struct place place = place_of(type->place, PLACE_MESSAGE_FIELDS, (int32_t)j);
                problems_add(&model->problems, &place,
                             "%s.%s: protobuf-c has no proto3 \"optional\"; leave the word out, or use a oneof of one "
                             "field or a type of google/protobuf/wrappers.proto to tell unset from the default",
                             type->name, field->name == NULL ? "?" : field->name);
            }
        }
    }
}

enum fr_code c_emit(struct output *output, const struct model_file *file, struct fr_error *reterr)
{
    struct c_unit unit;
    struct fr_buffer content = {0};
    refuse_optional(output->model, file);
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
