/* SPDX-License-Identifier: MIT */
/*
 * measure.h - times codecs on one data set, by turns, and what comes of it.
 */
#ifndef PAYLOAD_MEASURE_H
#define PAYLOAD_MEASURE_H

#include "payload/subject.h"

#define MEASURE_RUNS_MAX 1000

/* Of one direction, in nanoseconds a message; over runs. */
struct figures {
    unsigned runs;                     /* 0: not measured */
    double median_ns, low_ns, high_ns; /* low and high: the quartiles */
    double min_ns, max_ns;
    double allocations; /* a message; not measured here */
};

struct row {
    const struct codec *codec;
    struct figures encode, decode;
    /* Why a direction was not timed: its result was wrong. "": it was right, or the codec does not have it. */
    char encode_wrong[FR_ERROR_MESSAGE_BYTES], decode_wrong[FR_ERROR_MESSAGE_BYTES];
    size_t encoded_bytes;          /* of what it writes; of what it reads if it does not write */
    size_t gzip_bytes, zstd_bytes; /* 0: not built */
};

struct measure_options {
    const struct codec *const *codecs; /* those to measure; what is not built is passed over */
    size_t codec_count;
    unsigned runs;
    uint64_t time_ns;               /* of one direction of one codec in one run */
    bool (*stopped)(void *context); /* asked between runs of a codec */
    void (*progress)(void *context, const struct subject *subject, unsigned run);
    void *context;
};

/*
 * Checks every codec, then measures those that are right once per run, in another order each time. rows has a place for each of
 * the codecs, in their order. Stopped early, it keeps the runs that are whole; *ret_runs says how many.
 *   FR_DATA_LOSS           a decode that was right before gave something else while it was timed
 *   FR_RESOURCE_EXHAUSTED  no memory
 */
FR_MUST_CHECK enum fr_code measure(const struct measure_options *options, const struct subject *subject,
                                   struct row *rows, unsigned *ret_runs, struct fr_error *reterr);

/* Puts count samples in order and takes the figures from them. Pure; allocations is left alone. */
void figures_of(double *samples, unsigned count, struct figures *ret_figures);

/* Half of what lies between the quartiles, in per cent of the median. */
double figures_spread(const struct figures *self);

#endif
