/* SPDX-License-Identifier: MIT */
/*
 * read_path.h - the rules of one read below the near cache, as a pure state machine.
 *
 * The driver (reader.c) performs each action and feeds what came of it back as the next event. A read ends with
 * FR_READ_ANSWER, always after finitely many steps once the waiting is over.
 *
 *   consumer (api):   GET ─ hit ─► ANSWER          origin (data):  LEASE ─ hit ─► ANSWER
 *                      └─ miss ─► LOAD ─► ANSWER                    ├─ granted ─► LOAD ─► FILL ─► ANSWER
 *                                                                   │              └ failed ─► RELEASE ─► ANSWER
 *                                                                   ├─ wait ─► PAUSE ─► LEASE …
 *                                                                   └─ no Redis ─► LOAD ─► ANSWER
 */
#ifndef FR_CACHED_READ_PATH_H
#define FR_CACHED_READ_PATH_H

#include <stdbool.h>
#include <stdint.h>

enum fr_read_role { FR_READ_CONSUMER, FR_READ_ORIGIN };

enum fr_read_event_kind {
    FR_EVENT_START,
    FR_EVENT_HIT,         /* Redis had a value that serves (found or not found) */
    FR_EVENT_MISS,        /* GET found nothing that serves */
    FR_EVENT_GRANTED,     /* LEASE: load, then fill */
    FR_EVENT_BUSY,        /* LEASE: somebody else loads */
    FR_EVENT_UNREACHABLE, /* Redis did not answer */
    FR_EVENT_PAUSED,      /* the pause is over */
    FR_EVENT_LOADED,      /* the load ended with a value or "not found" */
    FR_EVENT_LOAD_FAILED, /* the load ended with an error */
    FR_EVENT_FILLED,      /* the fill ended, stored or not */
    FR_EVENT_RELEASED,    /* our lease was given back */
};

enum fr_read_action {
    FR_READ_GET,
    FR_READ_LEASE,
    FR_READ_PAUSE,
    FR_READ_LOAD,
    FR_READ_FILL,
    FR_READ_RELEASE,
    FR_READ_ANSWER,
};

/* Zeroed but for role: before FR_EVENT_START. */
struct fr_read_state {
    enum fr_read_role role;
    bool leased;     /* we hold a lease, so what is loaded may be filled */
    unsigned pauses; /* how often we waited; the driver's back-off */
};

enum fr_read_action fr_read_step(struct fr_read_state *state, enum fr_read_event_kind event);

#endif
