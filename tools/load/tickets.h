/* SPDX-License-Identifier: MIT */
/*
 * tickets.h - which call of a run is next, and when it is due.
 *
 * A ticket is the number of a call. The first ones are the warm-up; how many those of a closed loop are is known once
 * measuring begins. Thread-safe, without a lock, but for the calls that say otherwise.
 */
#ifndef LOAD_TICKETS_H
#define LOAD_TICKETS_H

#include <stdatomic.h>
#include <stdbool.h>

#include "load/schedule.h"

struct tickets {
    const struct schedule *schedule; /* of an open loop, borrowed; NULL: closed */
    uint64_t warmup_us, start_us;
    uint64_t total;         /* tickets there are to measure */
    uint64_t warm_calls;    /* tickets before these; of a closed loop 0 until measuring begins, and set before taken says so */
    _Atomic(uint64_t) taken; /* tickets taken or asked for in vain, and a bit: measuring has begun */
};

struct ticket {
    bool measured;
    uint64_t number; /* from 1 on, among all calls */
    uint64_t due_us; /* on fr_clock_now_us */
};

/* count: calls to measure; 0: in an open loop what is due within duration_us, in a closed one as many as there is time for. */
void tickets_init(struct tickets *self, const struct schedule *schedule, uint64_t count, uint64_t warmup_us,
                  uint64_t duration_us);
/* The run begins at start_us. Before any other thread takes one. */
void tickets_start(struct tickets *self, uint64_t start_us);
/* Of a closed loop with warm-up, once: what is taken from now on is measured. The numbers go on without a gap. */
void tickets_measure(struct tickets *self);

enum take { TICKET_TAKEN, TICKET_NOT_DUE, TICKET_OVER };
enum take tickets_take(struct tickets *self, uint64_t now_us, struct ticket *ret_ticket);
/* Of an open loop: when the next one is due; SCHEDULE_NEVER if there is none, which is when tickets_take says TICKET_OVER. */
uint64_t tickets_next_us(const struct tickets *self);

/* Measured calls that have been started. */
uint64_t tickets_started(const struct tickets *self);
/* Measured calls that the schedule or the count asks for; 0: no such number. */
uint64_t tickets_planned(const struct tickets *self);
/* Of an open loop: measured calls that were due time_us after measuring began, or have been started. */
uint64_t tickets_due(const struct tickets *self, uint64_t time_us);

#endif
