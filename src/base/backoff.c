/* SPDX-License-Identifier: MIT */
/*
 * backoff.c - jittered exponential back-off.
 */
#include "base/backoff.h"

#include "base/clock.h"
#include "base/random.h"

uint64_t fr_backoff_next_us(struct fr_backoff *self)
{
    uint64_t ceiling_us = self->max_us;
    if (self->attempt < 32 && (self->initial_us << self->attempt) < self->max_us) {
        ceiling_us = self->initial_us << self->attempt;
    }
    self->attempt++;
    return FR_MILLISECOND_US + fr_random_below(ceiling_us);
}
