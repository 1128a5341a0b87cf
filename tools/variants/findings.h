/* SPDX-License-Identifier: MIT */
/*
 * findings.h - what `freshet bench variants` found out, and the forms it is written in. Pure.
 */
#ifndef VARIANTS_FINDINGS_H
#define VARIANTS_FINDINGS_H

#include "base/buffer.h"
#include "payload/machine.h"
#include "variants/client.h"

#define ROUNDS_MOST    100
#define ROUNDS_TO_JUDGE 3 /* of times; sizes are what they are */
#define FINDINGS_SHAPES 8

/* Of one level of one variant; each has a sample for every round. */
enum metric {
    METRIC_CALLS, /* per second; of all others less is better */
    METRIC_P50,   /* microseconds from the encoding of the request to the end of reading the answer */
    METRIC_P90,
    METRIC_P99,
    METRIC_P999,
    METRIC_SENT,     /* bytes of a call on the client's connection */
    METRIC_RECEIVED,
    METRIC_CLIENT,   /* microseconds of processor time of a call, by process */
    METRIC_SERVER,
    METRIC_REDIS,
    METRIC_CPU,      /* all three together */
    METRICS,
};

extern const char *const metric_names[METRICS]; /* as JSON and CSV call them: "calls_per_s" */

struct samples {
    double values[ROUNDS_MOST];
    unsigned count;
};

/* Zeroed when there are no samples. */
struct spread {
    double median, low, high; /* low and high: the quartiles */
    double percent;           /* half of what lies between the quartiles, of the median */
};

struct spread spread_of(const struct samples *samples);

struct point {
    struct samples metrics[METRICS];
    uint64_t calls, sent_bytes, received_bytes, request_bytes, value_bytes; /* of all rounds together */
};

/* One variant of one data set. */
struct variant {
    bool sized;                               /* the sizes are known */
    double value_bytes, request_bytes;        /* of a key: the payloads, over all keys */
    double redis_bytes;                       /* of a key, by MEMORY USAGE; 0: not known */
    struct samples server_memory_bytes;       /* resident, at the end of a turn */
    struct point levels[LEVELS];
};

struct shape_findings {
    const struct dataset *dataset;
    struct variant variants[PACK_CODECS];
};

struct findings {
    struct machine machine;
    const char *redis_version;
    unsigned rounds, concurrency, keys; /* that were asked for */
    uint64_t time_us;
    bool complete; /* not ended early */
    struct shape_findings shapes[FINDINGS_SHAPES];
    size_t shape_count;
};

/* Adds what one run of one level gave. cpu_ns: of client, server and Redis. */
void point_add(struct point *self, const struct client_outcome *outcome, const uint64_t cpu_ns[3]);

/*
 * Who does better at a metric of a level: ties are within a twentieth, or for times where the quartiles overlap. Nobody,
 * where one has no figure, or too few to judge.
 */
enum winner { WINNER_NOBODY, WINNER_PROTOBUF, WINNER_TIE, WINNER_JSON };
enum winner winner_of(const struct shape_findings *shape, enum level level, enum metric metric);

/* Each appends to out. */
void findings_append_head(struct fr_buffer *out, const struct findings *findings);
void findings_append_shape(struct fr_buffer *out, const struct findings *findings, const struct shape_findings *shape);
void findings_append_words(struct fr_buffer *out, const struct findings *findings);
void findings_append_json(struct fr_buffer *out, const struct findings *findings);
void findings_append_csv(struct fr_buffer *out, const struct findings *findings);
/* An SVG. */
void findings_append_plot(struct fr_buffer *out, const struct findings *findings);

#endif
