/* SPDX-License-Identifier: MIT */
/*
 * prepare.c - the data sets and codecs that were asked for.
 */
#include "payload/prepare.h"

#include "payload/choice.h"

static const char *shape_name(size_t index)
{
    return shapes[index].name;
}

static const char *codec_name(size_t index)
{
    return codecs[index]->name;
}

static enum fr_code add_shapes(struct prepared *self, const char *names, struct fr_error *reterr)
{
    bool chosen[PREPARE_MAX];
    enum fr_code code = choose("shape", names, shape_count, shape_name, chosen, reterr);
    if (code == FR_OK) {
        code = fr_schema_new((struct fr_bytes){shapes_protoset, shapes_protoset_size}, &self->schema, reterr);
    }
    for (size_t i = 0; i < shape_count && code == FR_OK; i++) {
        if (chosen[i]) {
            code = subject_of_shape(&self->subjects[self->subject_count++], &shapes[i], self->schema, reterr);
        }
    }
    return code;
}

static enum fr_code choose_codecs(struct prepared *self, const char *names, struct fr_error *reterr)
{
    bool chosen[PREPARE_MAX];
    enum fr_code code = choose("codec", names, codec_count, codec_name, chosen, reterr);
    for (size_t i = 0; i < codec_count && code == FR_OK; i++) {
        if (chosen[i]) {
            self->codecs[self->codec_count++] = codecs[i];
        }
    }
    return code;
}

enum fr_code prepare(struct prepared *self, const struct prepare_options *options, struct fr_error *reterr)
{
    *self = (struct prepared){0};
    enum fr_code code = choose_codecs(self, options->codecs, reterr);
    if (code == FR_OK && options->user.data != NULL) {
        code = user_data_init(&self->subjects[self->subject_count++], &options->user, &self->user_schema,
                              reterr);
    }
    if (code == FR_OK && (options->user.data == NULL || options->shapes != NULL)) {
        code = add_shapes(self, options->shapes, reterr);
    }
    return code;
}

void prepared_fini(struct prepared *self)
{
    for (size_t i = 0; i < self->subject_count; i++) {
        subject_fini(&self->subjects[i]);
    }
    fr_schema_free(self->user_schema);
    fr_schema_free(self->schema);
}
