/* SPDX-License-Identifier: MIT */
/*
 * scripts.h - internal to this folder: the Lua scripts that run inside Redis.
 *
 * Each touches one key, so each works on a Redis Cluster too. Arguments called "8 bytes" are fixed64 fields
 * as they stand in a record (fr_fixed64_encode); the others are decimal text or raw bytes.
 *
 *   script      KEYS[1]  ARGV                                                  reply
 *   LEASE       record   token (8 bytes), lease_us, incarnation (8 bytes),     {FR_LEASE_…, floor, record}
 *                        min_version (8 bytes)
 *   FILL        record   token (8 bytes), kind, version (8 bytes),             1: stored, 0: refused
 *                        incarnation (8 bytes), ttl_ms, soft_us (0: none),
 *                        payload field or ""
 *   INVALIDATE  record   version (8 bytes)                                     1: raised, 0: nothing to do
 *   PUBLISH     counter  channel, version (8 bytes), key                       the event's number
 *   QUESTION    counter                                                        {counter, run_id, master_replid}
 *
 * LEASE answers FR_LEASE_VALUE only with a version of at least min_version.
 * The record in LEASE's reply is "" unless a value serves.
 */
#ifndef FR_CACHE_SCRIPTS_H
#define FR_CACHE_SCRIPTS_H

enum fr_script { FR_SCRIPT_LEASE, FR_SCRIPT_FILL, FR_SCRIPT_INVALIDATE, FR_SCRIPT_PUBLISH, FR_SCRIPT_QUESTION };

#define FR_SCRIPT_COUNT     5
#define FR_SCRIPT_SHA_BYTES 40

enum fr_lease_answer { FR_LEASE_VALUE = 0, FR_LEASE_GRANTED = 1, FR_LEASE_WAIT = 2 };

/* Static text. */
const char *fr_script_text(enum fr_script script);

#endif
