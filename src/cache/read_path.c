/* SPDX-License-Identifier: MIT */
/*
 * read_path.c - the rules of one read below the near cache, as a pure state machine.
 */
#include "cache/read_path.h"

#include "base/error.h"

static enum fr_read_action start(const struct fr_read_state *state)
{
    /* A refresh looks first whether another process was faster. */
    if (state->only_cached || state->refresh) {
        return FR_READ_GET;
    }
    if (state->role == FR_READ_ORIGIN) {
        return FR_READ_LEASE;
    }
    if (state->forced) {
        return state->role == FR_READ_CONSUMER ? FR_READ_LOAD : FR_READ_LEASE;
    }
    return FR_READ_GET;
}

static enum fr_read_action missed(const struct fr_read_state *state)
{
    if (state->only_cached) {
        return FR_READ_ANSWER_NONE;
    }
    return state->role == FR_READ_CONSUMER ? FR_READ_LOAD : FR_READ_LEASE;
}

static enum fr_read_action unreachable(const struct fr_read_state *state)
{
    if (state->only_cached || state->refresh) {
        return FR_READ_ANSWER_NONE;
    }
    /* Without a lease nothing may be filled: a later INVALIDATE would not know of this load. */
    return FR_READ_LOAD;
}

static enum fr_read_action failed(const struct fr_read_state *state)
{
    return state->old ? FR_READ_ANSWER_OLD : FR_READ_ANSWER;
}

enum fr_read_action fr_read_step(struct fr_read_state *state, enum fr_read_event_kind event)
{
    switch (event) {
    case FR_EVENT_START:
        return start(state);
    case FR_EVENT_HIT:
        return FR_READ_ANSWER;
    case FR_EVENT_OLD:
    case FR_EVENT_MISS:
        return missed(state);
    case FR_EVENT_GRANTED:
        FR_ASSERT(state->role != FR_READ_CONSUMER);
        state->leased = true;
        return FR_READ_LOAD;
    case FR_EVENT_BUSY:
        state->pauses++;
        return state->refresh ? FR_READ_ANSWER_NONE : FR_READ_PAUSE;
    case FR_EVENT_PAUSED:
        return FR_READ_LEASE;
    case FR_EVENT_LATE:
        return failed(state);
    case FR_EVENT_UNREACHABLE:
        return unreachable(state);
    case FR_EVENT_LOADED:
        return state->leased ? FR_READ_FILL : FR_READ_ANSWER;
    case FR_EVENT_LOAD_REFUSED:
        /* An error of which the origin is sure: the old value would contradict it. */
        state->old = false;
        return state->leased ? FR_READ_RELEASE : FR_READ_ANSWER;
    case FR_EVENT_LOAD_FAILED:
        /* Or everybody else would wait for a lease that nobody works under. */
        return state->leased ? FR_READ_RELEASE : failed(state);
    case FR_EVENT_FILLED:
        return FR_READ_ANSWER;
    case FR_EVENT_RELEASED:
        return failed(state);
    }
    FR_ASSERT(!"event of the read path");
    return FR_READ_ANSWER;
}
