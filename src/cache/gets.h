/* SPDX-License-Identifier: MIT */
/*
 * gets.h - internal to this folder: the GETs of one turn of the loop leave together, as one MGET or a few.
 *
 * Loop thread only. A GET that leaves later than it was asked for reads what is newer, never what is older.
 */
#ifndef FR_CACHE_GETS_H
#define FR_CACHE_GETS_H

#include "cache/redis_connection.h"
#include "cache/shared_cache.h"

/*
 * One MGET: enough that what a command costs is little beside its keys, and few enough that Redis is soon free for
 * others. A reply is handled whole and within the time of one command, so there are fewer keys where values were large
 * lately, or a command was lost: down to one.
 */
#define FR_GETS_MAX_KEYS    32
#define FR_GETS_MAX_BYTES   4096          /* of keys */
#define FR_GETS_REPLY_BYTES (256u << 10) /* that are expected, at most, with more than one key */

/* Part of the caller's struct; the fields are private. */
struct fr_gets {
    struct fr_redis_connection *connection;
    struct fr_gets_command *command; /* gathers; NULL: nothing was asked for in this turn */
    size_t outstanding;              /* keys whose GET has not ended */
    size_t used;                     /* of bytes */
    size_t value_bytes;              /* expected of each key: a running mean */
    const char *keys[1 + FR_GETS_MAX_KEYS];
    size_t sizes[1 + FR_GETS_MAX_KEYS];
    char bytes[FR_GETS_MAX_BYTES];
};

void fr_gets_init(struct fr_gets *self, struct fr_redis_connection *connection);

/* prefix and key are copied; together they are at most FR_GETS_MAX_BYTES. done may be called before this returns. */
void fr_gets_add(struct fr_gets *self, struct fr_bytes prefix, const struct fr_key *key, fr_shared_value_done *done,
                 void *argument);
/* Before each wait of the loop: sends what was gathered. */
void fr_gets_send(struct fr_gets *self);
/* The connection is lost or closed: what was gathered ends as UNAVAILABLE. What was sent the connection ends. */
void fr_gets_fail(struct fr_gets *self);

/*
 * Shows in value what a string of Redis is a record of. false: it is none that serves, and value is as before. The
 * payload is borrowed from the reply.
 */
bool fr_shared_value_show(struct fr_shared_value *value, const redisReply *reply, uint64_t incarnation);

#endif
