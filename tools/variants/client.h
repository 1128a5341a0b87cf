/* SPDX-License-Identifier: MIT */
/*
 * client.h - the client of one variant: a closed loop of calls whose answers become structs and are read.
 */
#ifndef VARIANTS_CLIENT_H
#define VARIANTS_CLIENT_H

#include "base/histogram.h"
#include "variants/server.h"

struct client_options {
    enum pack_codec_index codec;
    const struct dataset *dataset;
    const struct pack_type *type, *request_type;
    const char *address;
    unsigned concurrency; /* calls under way at a time, over one channel */
    unsigned keys;
    const uint64_t *sums, *strict_sums; /* of each key's value: what every answer must add up to; see pack_sum */
};

/* What the client is to do next. */
struct client_order {
    enum level level;
    bool every_key;   /* once, and check every byte; otherwise keys at random for time_us */
    uint64_t time_us;
};

struct client_outcome {
    enum fr_code code; /* not FR_OK: a call failed or an answer was wrong; then only message counts */
    char message[FR_ERROR_MESSAGE_BYTES];
    uint64_t calls, time_us;                     /* from the first call's start to the last one's end */
    uint64_t request_bytes, value_bytes;         /* payloads */
    uint64_t sent_bytes, received_bytes;         /* by the TCP connection, as the kernel counts them */
    struct fr_histogram latency_us;
};

/* In a process of its own: answers each order with an outcome. options: struct client_options. */
void client_run(int fd, const void *options);

#endif
