/* SPDX-License-Identifier: MIT */
/*
 * result.h - everything that one run of the program found out, and the forms it is written in.
 */
#ifndef PAYLOAD_RESULT_H
#define PAYLOAD_RESULT_H

#include "payload/machine.h"
#include "payload/measure.h"

/* Of one data set. */
struct shape_result {
    const char *name, *about, *message; /* borrowed */
    bool generated;                     /* see struct subject */
    unsigned runs;                      /* that are whole */
    struct row *rows;                   /* owned; one for each codec of the result */
};

struct result {
    struct machine machine;
    struct shape_result *shapes; /* owned */
    size_t shape_count;
    size_t codec_count;
    unsigned runs; /* that were asked for */
    uint64_t time_us;
    bool complete; /* not ended early */
};

/* Each appends to out. */
void table_append_head(struct fr_buffer *out, const struct result *result);
void table_append_shape(struct fr_buffer *out, const struct result *result, const struct shape_result *shape);
void json_append(struct fr_buffer *out, const struct result *result);
void csv_append(struct fr_buffer *out, const struct result *result);
/* An SVG. */
void plot_append(struct fr_buffer *out, const struct result *result);

/* Bytes of the codec's own format that a direction handles, in megabytes (10^6) a second. */
double result_mb_per_s(const struct row *row, const struct figures *figures);

#define RESULT_TIME_BYTES 32
/* "37.4 ns": three digits with a unit. */
void result_format_time(char text[RESULT_TIME_BYTES], double ns);

#endif
