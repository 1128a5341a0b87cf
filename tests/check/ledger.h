/* SPDX-License-Identifier: MIT */
/*
 * ledger.h - the keys that check-load reads and writes, what their readers saw, and that as lines of JSON. Not
 * thread-safe; times are handed in.
 */
#ifndef CHECK_LEDGER_H
#define CHECK_LEDGER_H

#include "base/buffer.h"
#include "base/histogram.h"
#include "check/account.h"

#define LEDGER_APIS     4
#define LEDGER_RECENT   24
#define LEDGER_ID_BYTES 24

struct seen_read {
    uint64_t began_us, ended_us;
    struct account_seen seen;
    unsigned api;
    char source[8];
};

/* Stale reads of one key through one api since they were last told. */
struct gathered {
    uint64_t reads, over_100ms, over_1s, over_5s, longest_us;
    uint64_t began_us, version, newer; /* of the longest */
    bool near;                         /* some of them were hits of the level that is to be checked */
};

struct key {
    char id[LEDGER_ID_BYTES];
    bool churns, exists, busy;
    struct account account;
    struct gathered gathered[LEDGER_APIS];
    struct seen_read recent[LEDGER_RECENT];
    uint64_t reads;
};

struct totals {
    uint64_t reads, near, redis, origin, stale_answers, failed_reads, writes, failed_writes, foreign_writes;
    uint64_t stale, over_100ms, over_1s, over_5s, longest_us;
    uint64_t mismatches; /* x-cache-version is not the version of the value */
    struct fr_histogram hit_staleness;
    struct fr_histogram publish_delay; /* of Redis itself */
};

/* A read that began as began says has ended. */
struct ledger_read {
    unsigned api;
    struct account_read began;
    struct account_seen seen;
    struct fr_bytes source; /* x-cache; borrowed */
    bool hit;               /* of the level whose staleness is measured */
    uint64_t ended_us;
};

void ledger_count(struct totals *totals, struct key *key, const struct ledger_read *read);

/* Each appends one line. The first also forgets what it told. */
void ledger_append_stale(struct fr_buffer *out, struct key *key, unsigned api);
void ledger_append_totals(struct fr_buffer *out, const struct totals *totals, bool last);
/* key may be NULL: nothing is known of it. */
void ledger_append_history(struct fr_buffer *out, const char *id, const struct key *key);

#endif
