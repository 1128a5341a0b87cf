/* SPDX-License-Identifier: MIT */
/*
 * tickets.c - which call of a run is next, and when it is due.
 */
#include "load/tickets.h"

#include "base/clock.h"

#define LATE_US 1000 /* a call that leaves so late has not waited for the server */

/* Of tickets.taken: one atomic addition gives a ticket and says whether it is measured. */
#define MEASURING (UINT64_C(1) << 63)

void tickets_init(struct tickets *self, const struct schedule *schedule, uint64_t count, uint64_t warmup_us,
                  uint64_t duration_us)
{
    *self = (struct tickets){
        .schedule = schedule, .warmup_us = warmup_us, .total = count > 0 ? count : UINT64_MAX};
    if (schedule != NULL) {
        double rate = schedule_rate(schedule, 0);
        self->warm_calls = (uint64_t)(rate * (double)warmup_us / (double)FR_SECOND_US);
        self->total = count > 0 ? count : schedule_calls_before(schedule, duration_us);
    }
    atomic_store(&self->taken, schedule == NULL && warmup_us > 0 ? 0 : MEASURING);
}

void tickets_start(struct tickets *self, uint64_t start_us)
{
    self->start_us = start_us;
}

void tickets_measure(struct tickets *self)
{
    uint64_t taken = atomic_load(&self->taken);
    do {
        self->warm_calls = taken; /* nobody reads it before the bit is there */
    } while (!atomic_compare_exchange_weak_explicit(&self->taken, &taken, taken | MEASURING, memory_order_release,
                                                    memory_order_relaxed));
}

/* ticket: from 0. SCHEDULE_NEVER: there is no such one, or the schedule ends before it. */
static uint64_t due_us(const struct tickets *self, uint64_t ticket)
{
    if (ticket < self->warm_calls) {
        return self->start_us + ticket * self->warmup_us / self->warm_calls;
    }
    uint64_t measured = ticket - self->warm_calls;
    uint64_t time_us = measured < self->total ? schedule_time_us(self->schedule, measured) : SCHEDULE_NEVER;
    return time_us == SCHEDULE_NEVER ? SCHEDULE_NEVER : self->start_us + self->warmup_us + time_us;
}

static enum take take_closed(struct tickets *self, uint64_t now_us, struct ticket *ret_ticket)
{
    uint64_t taken = atomic_fetch_add_explicit(&self->taken, 1, memory_order_acquire);
    uint64_t ticket = taken & ~MEASURING;
    bool measured = (taken & MEASURING) != 0;
    if (measured && ticket - self->warm_calls >= self->total) {
        return TICKET_OVER;
    }
    *ret_ticket = (struct ticket){.measured = measured, .number = ticket + 1, .due_us = now_us};
    return TICKET_TAKEN;
}

static enum take take_open(struct tickets *self, uint64_t now_us, struct ticket *ret_ticket)
{
    uint64_t taken = atomic_load_explicit(&self->taken, memory_order_relaxed), ticket, time_us;
    do {
        ticket = taken & ~MEASURING;
        time_us = due_us(self, ticket);
        if (time_us == SCHEDULE_NEVER) {
            return TICKET_OVER;
        }
        if (time_us > now_us) {
            return TICKET_NOT_DUE;
        }
    } while (!atomic_compare_exchange_weak_explicit(&self->taken, &taken, taken + 1, memory_order_relaxed,
                                                    memory_order_relaxed));
    *ret_ticket =
        (struct ticket){.measured = ticket >= self->warm_calls, .number = ticket + 1, .due_us = time_us};
    return TICKET_TAKEN;
}

enum take tickets_take(struct tickets *self, uint64_t now_us, struct ticket *ret_ticket)
{
    return self->schedule == NULL ? take_closed(self, now_us, ret_ticket) : take_open(self, now_us, ret_ticket);
}

uint64_t tickets_next_us(const struct tickets *self)
{
    return due_us(self, atomic_load_explicit(&self->taken, memory_order_relaxed) & ~MEASURING);
}

uint64_t tickets_started(const struct tickets *self)
{
    uint64_t taken = atomic_load(&self->taken), ticket = taken & ~MEASURING;
    uint64_t measured = (taken & MEASURING) != 0 && ticket > self->warm_calls ? ticket - self->warm_calls : 0;
    return measured < self->total ? measured : self->total;
}

uint64_t tickets_planned(const struct tickets *self)
{
    return self->total == UINT64_MAX ? 0 : self->total;
}

uint64_t tickets_due(const struct tickets *self, uint64_t time_us)
{
    uint64_t started = tickets_started(self), planned = tickets_planned(self);
    uint64_t due = schedule_calls_before(self->schedule, time_us > LATE_US ? time_us - LATE_US : 0);
    due = due < planned ? due : planned;
    return due > started ? due : started;
}
