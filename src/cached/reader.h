/* SPDX-License-Identifier: MIT */
/*
 * reader.h - reads one key through Redis: the driver of read_path.h.
 */
#ifndef FR_CACHED_READER_H
#define FR_CACHED_READER_H

#include "cache/shared_cache.h"
#include "cached/policy.h"
#include "cached/read_path.h"

struct fr_read; /* one read under way */

enum fr_source { FR_SOURCE_REDIS, FR_SOURCE_ORIGIN };

/* "redis" or "origin", as the metadata x-cache says it. */
const char *fr_source_name(enum fr_source source);

/* What a read came to; borrowed until done returns. */
struct fr_read_result {
    enum fr_code code; /* FR_OK, FR_NOT_FOUND, or why the load failed */
    const char *message;
    uint64_t version;
    struct fr_bytes payload;
    enum fr_source source;
};

struct fr_read_options {
    struct fr_loop *loop;
    struct fr_shared_cache *shared;
    const struct fr_cache_policy *policy;
    enum fr_read_role role;
    struct fr_key key;
    uint64_t deadline_us; /* gives up waiting for somebody else's load; 0: never */
    /*
     * Starts the load; runs on the loop thread and must not block. It must end in one fr_read_loaded, from any
     * thread. With a lease, what it reads must be read after it was called.
     */
    void (*load)(struct fr_read *read, void *argument);
    /* Runs once on the loop thread. */
    void (*done)(void *argument, const struct fr_read_result *result);
    void *argument;
};

/* Any thread. Without memory done runs at once, here. */
void fr_read_start(const struct fr_read_options *options);

/* Ends the load; everything is copied. result->source tells where the loader had it from. */
void fr_read_loaded(struct fr_read *self, const struct fr_read_result *result);

#endif
