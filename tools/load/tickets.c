/* SPDX-License-Identifier: MIT */
/*
 * tickets.c - which call of a run is next, and when it is due.
 */
#include "load/tickets.h"

#include "base/clock.h"

#define LATE_US 1000 /* a call that leaves so late has not waited for the server */

void tickets_init(struct tickets *self, const struct schedule *schedule, uint64_t count, uint64_t warmup_us,
                  uint64_t duration_us)
{
    *self = (struct tickets){
        .schedule = schedule, .warmup_us = warmup_us, .total = count > 0 ? count : UINT64_MAX};
    if (schedule != NULL) {
        double rate = schedule_rate(schedule, 0);
        uint64_t calls = schedule_calls_before(schedule, duration_us);
        self->warm_calls = (uint64_t)(rate * (double)warmup_us / (double)FR_SECOND_US);
        self->total = self->warm_calls + (count > 0 ? count : calls);
    }
    atomic_store(&self->warming, schedule == NULL && warmup_us > 0);
}

void tickets_start(struct tickets *self, uint64_t start_us)
{
    self->start_us = start_us;
}

void tickets_measure(struct tickets *self, uint64_t takers)
{
    /* Who saw the warm-up go on may still take one of its numbers. */
    self->base = atomic_load(&self->warm_taken) + takers;
    atomic_store_explicit(&self->warming, false, memory_order_release);
}

/* ticket: from 0. SCHEDULE_NEVER: there is no such one, or the schedule ends before it. */
static uint64_t due_us(const struct tickets *self, uint64_t ticket)
{
    if (ticket >= self->total) {
        return SCHEDULE_NEVER;
    }
    if (ticket < self->warm_calls) {
        return self->start_us + ticket * self->warmup_us / self->warm_calls;
    }
    uint64_t time_us = schedule_time_us(self->schedule, ticket - self->warm_calls);
    return time_us == SCHEDULE_NEVER ? SCHEDULE_NEVER : self->start_us + self->warmup_us + time_us;
}

static enum take take_closed(struct tickets *self, uint64_t now_us, struct ticket *ret_ticket)
{
    uint64_t number;
    bool measured = !atomic_load_explicit(&self->warming, memory_order_acquire);
    if (measured) {
        uint64_t ticket = atomic_fetch_add_explicit(&self->taken, 1, memory_order_relaxed);
        if (ticket >= self->total) {
            return TICKET_OVER;
        }
        number = self->base + ticket + 1;
    } else {
        number = atomic_fetch_add_explicit(&self->warm_taken, 1, memory_order_relaxed) + 1;
    }
    *ret_ticket = (struct ticket){.measured = measured, .number = number, .due_us = now_us};
    return TICKET_TAKEN;
}

static enum take take_open(struct tickets *self, uint64_t now_us, struct ticket *ret_ticket)
{
    uint64_t ticket = atomic_load_explicit(&self->taken, memory_order_relaxed), time_us;
    do {
        time_us = due_us(self, ticket);
        if (time_us == SCHEDULE_NEVER) {
            return TICKET_OVER;
        }
        if (time_us > now_us) {
            return TICKET_NOT_DUE;
        }
    } while (!atomic_compare_exchange_weak_explicit(&self->taken, &ticket, ticket + 1, memory_order_relaxed,
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
    return due_us(self, atomic_load_explicit(&self->taken, memory_order_relaxed));
}

uint64_t tickets_started(const struct tickets *self)
{
    uint64_t taken = atomic_load(&self->taken);
    taken = taken < self->total ? taken : self->total;
    return taken > self->warm_calls ? taken - self->warm_calls : 0;
}

uint64_t tickets_planned(const struct tickets *self)
{
    return self->total == UINT64_MAX ? 0 : self->total - self->warm_calls;
}

uint64_t tickets_due(const struct tickets *self, uint64_t time_us)
{
    uint64_t started = tickets_started(self), planned = tickets_planned(self);
    uint64_t due = schedule_calls_before(self->schedule, time_us > LATE_US ? time_us - LATE_US : 0);
    due = due < planned ? due : planned;
    return due > started ? due : started;
}
