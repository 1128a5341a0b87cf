/* SPDX-License-Identifier: MIT */
/*
 * library_fixture.h - caches as programs use them, over one redis-server and a "database" whose rows are a version.
 */
#ifndef FR_TESTS_LIBRARY_FIXTURE_H
#define FR_TESTS_LIBRARY_FIXTURE_H

#include "cache/cache.h"
#include "support/redis_server.h"
#include "support/wait.h"

#define ROWS 1024

/* One cache with one kind, "row", whose loader answers at once, or when it is let. */
struct library {
    struct fr_wait *wait; /* of the fixture */
    struct database *database;
    struct fr_cache *cache;
    struct fr_cache_kind *kind;
    /* Guarded by wait. */
    uint64_t ups, heard;
    bool held;             /* loads stay in pending */
    enum fr_code failing;  /* what loads end with; FR_OK: with the row */
    enum fr_source source; /* where they say that it is from */
    uint64_t age_us;       /* and how old it is there */
    struct fr_load *pending;
    uint64_t calls, loads; /* of the loader; keys that it was given */
    uint64_t open, most_open;
    uint64_t cancelled, released; /* loads that nobody waits for any more; that have ended */
    struct fr_demand demand; /* of the last load */
};

struct database {
    struct fr_wait wait;
    uint64_t versions[ROWS]; /* guarded by wait; 0: there is no such row */
};

/* Empties Redis and the database. */
void library_reset(struct database *database, const struct fr_redis_server *server);

struct library_options {
    enum fr_read_role role;
    bool near;
    bool cancels; /* its loader is told of loads that nobody waits for any more; it ends them as CANCELLED */
    uint64_t ttl_us, stale_us, load_timeout_us; /* 0: a minute, none, that of the library */
    unsigned max_loads, max_waiting_loads;
    const char *url; /* NULL: the server's */
    uint64_t command_timeout_us;
    struct fr_metrics *metrics;
};

/* Opens the cache and, unless url is given, waits until it is connected and, with near, serves. */
void library_open(struct library *self, struct database *database, const struct fr_redis_server *server,
                  const struct library_options *options);
void library_close(struct library *self);

/* What a read came to. */
struct answer {
    struct fr_wait *wait;
    uint64_t count; /* guarded by wait: 1 when it is there */
    bool gone;      /* guarded by wait */
    enum fr_code code;
    enum fr_source source;
    uint64_t version, payload; /* payload: the number in it */
    uint64_t retry_after_us;
    char message[FR_ERROR_MESSAGE_BYTES];
};

struct fr_key library_key(unsigned row);
/* Starts a read; answer lives until it is answered. */
void library_start(struct library *self, unsigned row, const struct fr_cache_read *how, struct answer *answer);
void library_wait(struct answer *answer);
/* The reader does not want its answer any more, if how of its start had is_gone of this. */
void library_leave(struct answer *answer);
bool library_has_left(void *answer);
/* Both. */
struct answer library_get(struct library *self, unsigned row);
struct answer library_get_with(struct library *self, unsigned row, struct fr_demand demand);

/* Asserts what a read came to; version 0: not found. */
void library_expect(const struct answer *answer, enum fr_source source, uint64_t version);
void library_expect_get(struct library *self, unsigned row, enum fr_source source, uint64_t version);

/* The row gets this version, and all caches are told by way of self. */
void library_write(struct library *self, unsigned row, uint64_t version);
/* The row alone. */
void library_set_row(struct database *database, unsigned row, uint64_t version);

void library_hold(struct library *self, bool held);
void library_fail(struct library *self, enum fr_code code);
/* Waits until count loads in all were given to the loader. */
void library_wait_loads(struct library *self, uint64_t count);
/* Ends what is held with the rows as they are now, or as they were (version). */
void library_release(struct library *self);
void library_release_as(struct library *self, uint64_t version);

#endif
