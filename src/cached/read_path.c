/* SPDX-License-Identifier: MIT */
/*
 * read_path.c - the rules of one read below the near cache, as a pure state machine.
 */
#include "cached/read_path.h"

#include "base/error.h"

enum fr_read_action fr_read_step(struct fr_read_state *state, enum fr_read_event_kind event)
{
    switch (event) {
    case FR_EVENT_START:
        return state->role == FR_READ_CONSUMER ? FR_READ_GET : FR_READ_LEASE;
    case FR_EVENT_HIT:
        return FR_READ_ANSWER;
    case FR_EVENT_MISS:
        FR_ASSERT(state->role == FR_READ_CONSUMER);
        return FR_READ_LOAD;
    case FR_EVENT_GRANTED:
        FR_ASSERT(state->role == FR_READ_ORIGIN);
        state->leased = true;
        return FR_READ_LOAD;
    case FR_EVENT_BUSY:
        state->pauses++;
        return FR_READ_PAUSE;
    case FR_EVENT_PAUSED:
        return FR_READ_LEASE;
    case FR_EVENT_UNREACHABLE:
        /* Without a lease nothing may be filled: a later INVALIDATE would not know of this load. */
        return FR_READ_LOAD;
    case FR_EVENT_LOADED:
        return state->leased ? FR_READ_FILL : FR_READ_ANSWER;
    case FR_EVENT_LOAD_FAILED:
        /* Or everybody else would wait for a lease that nobody works under. */
        return state->leased ? FR_READ_RELEASE : FR_READ_ANSWER;
    case FR_EVENT_FILLED:
    case FR_EVENT_RELEASED:
        return FR_READ_ANSWER;
    }
    FR_ASSERT(!"event of the read path");
    return FR_READ_ANSWER;
}
