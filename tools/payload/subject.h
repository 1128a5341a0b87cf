/* SPDX-License-Identifier: MIT */
/*
 * subject.h - one data set with everything that codecs work on.
 */
#ifndef PAYLOAD_SUBJECT_H
#define PAYLOAD_SUBJECT_H

#include "message/schema.h"
#include "payload/codec.h"
#include "payload/shapes.h"

/* Zeroed memory is an empty one. */
struct subject {
    const char *name, *about;        /* borrowed */
    struct codec_input input;        /* points into what follows, and into the schema */
    bool generated;                  /* protobuf-c works on generated code, not on a type made at run time */
    uint64_t sum;                    /* strict, of the message */
    uint64_t quick_sum;              /* what a decode gives while it is timed */
    struct fr_arena *arena;          /* owned */
    struct fr_buffer protobuf, json; /* owned */
};

/*
 * Makes the message from the JSON text and encodes it once in both formats. descriptor: of generated code for the same
 * type; NULL: the type's own. Everything given is borrowed until subject_fini, which must run in either case.
 *   FR_INVALID_ARGUMENT  the text does not fit the type (with line and column, or the path of the field), or the
 *                        type holds one that JSON libraries cannot be given
 */
FR_MUST_CHECK enum fr_code subject_init(struct subject *self, const char *name, const char *about,
                                        const struct fr_message_type *type,
                                        const struct ProtobufCMessageDescriptor *descriptor,
                                        struct fr_bytes json, struct fr_error *reterr);
void subject_fini(struct subject *self);

/* The same of a built-in shape; schema is that of shapes_protoset. */
FR_MUST_CHECK enum fr_code subject_of_shape(struct subject *self, const struct shape *shape,
                                            const struct fr_schema *schema, struct fr_error *reterr);

#endif
