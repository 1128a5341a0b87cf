/* SPDX-License-Identifier: MIT */
/*
 * event.h - which invalidation a write ended with, told in the metadata of its answer: x-cache-event.
 *
 * The value is "NUMBER@INCARNATION", both decimal: the number of the event, and the life of Redis that drew it. Whoever
 * passes the answer on lets its own caches hear that event first, so that its caller reads what it wrote.
 */
#ifndef FR_CACHED_EVENT_H
#define FR_CACHED_EVENT_H

#include "cache/record.h"
#include "rpc/server.h"

#define FR_EVENT_KEY "x-cache-event"

/* Before call is answered. Nothing for no event. */
void fr_event_tell(struct fr_call *call, struct fr_event_id event);
/* false: metadata names no event. */
bool fr_event_find(struct fr_metadata metadata, struct fr_event_id *ret_event);

#endif
