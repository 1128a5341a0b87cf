/* SPDX-License-Identifier: MIT */
/*
 * turn.h - one variant's turn: a new server and a new client, and every level once.
 */
#ifndef VARIANTS_TURN_H
#define VARIANTS_TURN_H

#include <stdio.h>
#include <sys/types.h>

#include "variants/findings.h"

struct turn_options {
    const struct fr_schema *schema;
    const char *redis_url, *database_url;
    FILE *redis;      /* see redis_ask.h */
    pid_t redis_pid;
    unsigned concurrency, keys;
    uint64_t time_us; /* of each level */
    bool (*stopped)(void);
};

/* A data set with what every turn of it needs. Zeroed memory is none. */
struct turn_data {
    const struct dataset *dataset;
    struct pack_type *type, *request_type; /* owned */
    uint64_t *sums, *strict_sums;          /* owned; of each key's value */
};

FR_MUST_CHECK enum fr_code turn_data_init(struct turn_data *self, const struct dataset *dataset,
                                          const struct turn_options *options, struct fr_error *reterr);
void turn_data_fini(struct turn_data *self);

/*
 * Adds a sample of every level to variant, and its sizes the first time.
 * What was whole by then stays in it if something fails:
 *   FR_CANCELLED  stopped() says so
 *   others        what failed in redis-server, the server or the client; a signal may do it by cutting a wait
 */
FR_MUST_CHECK enum fr_code turn_run(const struct turn_options *options, const struct turn_data *data,
                                    enum pack_codec_index codec, struct variant *variant, struct fr_error *reterr);

#endif
