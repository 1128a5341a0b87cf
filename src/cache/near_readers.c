/* SPDX-License-Identifier: MIT */
/*
 * near_readers.c - who may still look at memory that was unlinked.
 */
#include "cache/near_readers.h"

static atomic_uint threads;               /* that ever read, modulo 2^32 */
static _Thread_local unsigned own_stripe; /* plus one; 0 before the first call */

unsigned fr_near_stripe_of_thread(void)
{
    if (own_stripe == 0) {
        own_stripe = atomic_fetch_add(&threads, 1) % FR_NEAR_STRIPES + 1;
    }
    return own_stripe - 1;
}

bool fr_near_advance(struct fr_near_readers *self)
{
    uint64_t epoch = atomic_load(&self->epoch);
    unsigned parity = (epoch + 1) & 1;
    for (unsigned i = 0; i < FR_NEAR_STRIPES; i++) {
        /* Leaves first: who had left by then had entered before, so equal numbers mean that nobody is inside. */
        uint64_t left = atomic_load(&self->stripes[i].left[parity]);
        if (atomic_load(&self->stripes[i].entered[parity]) != left) {
            return false;
        }
    }
    return atomic_compare_exchange_strong(&self->epoch, &epoch, epoch + 1);
}
