/* SPDX-License-Identifier: MIT */
/*
 * verdict.h - who wins: the best protobuf row against the best JSON row of a data set, in words. Pure.
 */
#ifndef PAYLOAD_VERDICT_H
#define PAYLOAD_VERDICT_H

#include "payload/result.h"

enum verdict_axis { VERDICT_ENCODE, VERDICT_DECODE, VERDICT_BYTES, VERDICT_GZIP, VERDICT_ZSTD, VERDICT_AXES };

enum verdict_winner { VERDICT_NOBODY, VERDICT_PROTOBUF, VERDICT_TIE, VERDICT_JSON };

struct verdict {
    enum verdict_winner winner; /* VERDICT_NOBODY: one of the formats has no figure */
    const struct row *protobuf, *json;
    double protobuf_value, json_value; /* nanoseconds or bytes; the smaller one is better */
};

extern const char *const verdict_axis_names[VERDICT_AXES];
/* "protobuf", "tie", "json"; "" for nobody. */
const char *verdict_winner_name(enum verdict_winner winner);

struct verdict verdict_of(const struct shape_result *shape, size_t row_count, enum verdict_axis axis);

/* Appends a line for each axis that has a winner. */
void verdict_append_shape(struct fr_buffer *out, const struct shape_result *shape, size_t row_count);
/* Appends where JSON ties or wins over all data sets, or that it does nowhere. */
void verdict_append_summary(struct fr_buffer *out, const struct result *result);

#endif
