/* SPDX-License-Identifier: MIT */
/*
 * unsent.h - calls of an open loop that were due, but could not be sent before the load ended. Pure.
 */
#ifndef LOAD_UNSENT_H
#define LOAD_UNSENT_H

#include "load/mix.h"
#include "load/schedule.h"
#include "load/tally.h"

/*
 * Calls of a schedule, from (from 0) to before until, all due by end_us, when the load ended. Their times since then are
 * recorded; those of very many calls in groups, each with the time of its last call, which waited least.
 */
struct unsent {
    const struct schedule *schedule;
    const struct mix *mix;
    uint64_t from, until;
    uint64_t end_us; /* since the start of the schedule */
};

void unsent_record(const struct unsent *self, struct tally *tally);

#endif
