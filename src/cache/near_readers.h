/* SPDX-License-Identifier: MIT */
/*
 * near_readers.h - internal to the near cache: who may still look at memory that was unlinked.
 *
 * Epoch-based reclamation (Fraser: "Practical lock-freedom", 2004) whose readers are counted, not listed, as in
 * Linux's SRCU: a reader adds one to a counter of the current epoch on the way in and one to another on the way out.
 * No thread registers, a section may end on another thread, and threads write to lines of their own.
 *
 * Rules. A reader enters before it loads the first pointer and leaves after its last access. A writer unlinks
 * memory, then reads the epoch: the stamp. It may free the memory once the epoch is two beyond the stamp.
 *
 * Why this is enough. All accesses named here are sequentially consistent, so they have one order. The epoch moves
 * from e + 1 to e + 2 only after every stripe was seen with as many leaves as entries of e. A reader counts as
 * entered in e only if it found the epoch still at e after counting itself, so a scan made at e + 1 sees it.
 * Stamp r, then: readers of r and before are gone when the epoch is r + 2. A reader of r + 1 or later found the epoch
 * beyond r, which comes after the writer's load of r, which comes after the unlinking: it cannot find the memory.
 */
#ifndef FR_CACHE_NEAR_READERS_H
#define FR_CACHE_NEAR_READERS_H

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define FR_NEAR_STRIPES 32
/* Two lines: the hardware fetches them in pairs. */
#define FR_NEAR_LINE_BYTES 128

/* Threads share a stripe only when there are more than FR_NEAR_STRIPES of them. */
struct fr_near_stripe {
    alignas(FR_NEAR_LINE_BYTES) _Atomic uint64_t entered[2]; /* by the parity of the epoch; never falls */
    _Atomic uint64_t left[2];
    _Atomic uint64_t
        others; /* entries that were no lookup: those that met a change of epoch, visits, and peeks */
    _Atomic uint64_t misses;
};

/* Zeroed memory has no readers. */
struct fr_near_readers {
    alignas(FR_NEAR_LINE_BYTES) _Atomic uint64_t epoch;
    struct fr_near_stripe stripes[FR_NEAR_STRIPES];
};

/* One section of one reader. */
struct fr_near_section {
    uint8_t stripe;
    uint8_t parity;
};

/* The stripe of the calling thread. */
unsigned fr_near_stripe_of_thread(void);

static inline struct fr_near_section fr_near_enter(struct fr_near_readers *self)
{
    unsigned index = fr_near_stripe_of_thread();
    struct fr_near_stripe *stripe = &self->stripes[index];
    for (;;) {
        uint64_t epoch = atomic_load(&self->epoch);
        unsigned parity = epoch & 1;
        atomic_fetch_add(&stripe->entered[parity], 1);
        if (atomic_load(&self->epoch) == epoch) {
            return (struct fr_near_section){.stripe = (uint8_t)index, .parity = (uint8_t)parity};
        }
        atomic_fetch_add(&stripe->left[parity], 1);
        atomic_fetch_add(&stripe->others, 1);
    }
}

static inline void fr_near_leave(struct fr_near_readers *self, struct fr_near_section section)
{
    atomic_fetch_add(&self->stripes[section.stripe].left[section.parity], 1);
}

/* The stamp of memory that was unlinked before the call, and the clock that stamps are compared with. */
static inline uint32_t fr_near_epoch(const struct fr_near_readers *self)
{
    return (uint32_t)atomic_load(&self->epoch);
}

static inline bool fr_near_may_free(uint32_t stamp, uint32_t epoch)
{
    return epoch - stamp >= 2; /* the epoch is never behind; a wrap-around delays, for two epochs */
}

/* Moves the epoch on by one, unless a reader of the epoch before it is still there. Thread-safe. */
bool fr_near_advance(struct fr_near_readers *self);

#endif
