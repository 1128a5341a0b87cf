/* SPDX-License-Identifier: MIT */
/*
 * read_path.h - the rules of one read below the near cache, as a pure state machine.
 *
 * The driver (flight.c) performs each action and feeds what came of it back as the next event. A read ends with one of
 * the last three actions, always after finitely many steps once the waiting is over.
 *
 *   consumer: GET ─ hit ─► ANSWER                    origin: LEASE ─ hit ─► ANSWER
 *              └─ miss, old ─► LOAD ─► ANSWER                  ├─ granted ─► LOAD ─► FILL ─► ANSWER
 *                               └ failed ─► ANSWER_OLD         │              └ failed ─► RELEASE ─► ANSWER or _OLD
 *   both:     GET ─ hit ─► ANSWER                              ├─ wait ─► PAUSE ─► LEASE …
 *              └─ miss, old ─► LEASE … as the origin           └─ no Redis ─► LOAD ─► ANSWER or _OLD
 */
#ifndef FR_CACHE_READ_PATH_H
#define FR_CACHE_READ_PATH_H

#include <stdbool.h>
#include <stdint.h>

enum fr_read_role {
    FR_READ_BOTH,     /* loads what is in no cache itself, and reads often: GET first */
    FR_READ_CONSUMER, /* loads from somebody who leases and fills */
    FR_READ_ORIGIN,   /* is asked only for what others missed: LEASE at once */
};

enum fr_read_event_kind {
    FR_EVENT_START,
    FR_EVENT_HIT,          /* Redis had a fresh value that meets the demand (found or not found) */
    FR_EVENT_OLD,          /* GET found one past its soft expiry only; state.old says whether it may serve at need */
    FR_EVENT_MISS,         /* GET found nothing that serves */
    FR_EVENT_GRANTED,      /* LEASE: load, then fill */
    FR_EVENT_BUSY,         /* LEASE: somebody else loads */
    FR_EVENT_UNREACHABLE,  /* Redis did not answer */
    FR_EVENT_PAUSED,       /* the pause is over */
    FR_EVENT_LATE,         /* the same, but the read has no time left for another */
    FR_EVENT_LOADED,       /* the load ended with a value or "not found" */
    FR_EVENT_LOAD_FAILED,  /* the load ended with an error that says that the origin cannot be reached */
    FR_EVENT_LOAD_REFUSED, /* the load ended with another error */
    FR_EVENT_FILLED,       /* the fill ended, stored or not */
    FR_EVENT_RELEASED,     /* our lease was given back */
};

enum fr_read_action {
    FR_READ_GET,
    FR_READ_LEASE,
    FR_READ_PAUSE,
    FR_READ_LOAD,
    FR_READ_FILL,
    FR_READ_RELEASE,
    FR_READ_ANSWER,     /* with what the last event brought: a value or an error */
    FR_READ_ANSWER_OLD, /* with the value past its soft expiry */
    FR_READ_ANSWER_NONE /* it is not cached, and that is the end */
};

/* Zeroed but for the first members: before FR_EVENT_START. */
struct fr_read_state {
    enum fr_read_role role;
    bool only_cached; /* nothing is to be loaded */
    bool forced;      /* what is cached does not do */
    bool refresh;     /* ahead of time and nobody waits for it: rather give up than wait or load in vain */
    bool old;         /* the driver has a value past its soft expiry; it may change its mind until the read ends */
    bool leased;      /* we hold a lease, so what is loaded may be filled */
    unsigned pauses;  /* how often we waited; the driver's back-off */
};

enum fr_read_action fr_read_step(struct fr_read_state *state, enum fr_read_event_kind event);

#endif
