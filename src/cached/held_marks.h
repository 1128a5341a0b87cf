/* SPDX-License-Identifier: MIT */
/*
 * held_marks.h - marks that Redis refused, or that could not be cleared: each is left alone for a while, longer after each
 * time, so that it neither stands in the way of the others nor is published again and again.
 *
 * Pure but for the jitter of its pauses; one thread at a time.
 */
#ifndef FR_CACHED_HELD_MARKS_H
#define FR_CACHED_HELD_MARKS_H

#include "base/backoff.h"
#include "store/store.h"

/* While so many are held, marks that are not are held back too: then Redis or the database most likely refuses all. */
#define FR_HELD_MARKS_MAX 4096

struct fr_held_mark {
    struct fr_store_mark mark; /* its texts are owned */
    struct fr_backoff pause;
    uint64_t retry_us; /* fr_clock_now_us */
    bool seen;         /* by the look that is under way */
};

/* Zeroed: none. */
struct fr_held_marks {
    struct fr_held_mark *items; /* owned; by version, then kind and reference */
    size_t count, capacity;
};

void fr_held_marks_fini(struct fr_held_marks *self);

/* The mark was refused, or not cleared, at now_us. Takes its texts and zeroes it. true: for the first time, as far as there
   was room to remember it. */
bool fr_held_marks_add(struct fr_held_marks *self, struct fr_store_mark *mark, uint64_t now_us);

/*
 * Takes out of marks, which are in the database, those whose pause is not over. all: there are no others there; what is
 * held and no more among them is forgotten.
 */
void fr_held_marks_filter(struct fr_held_marks *self, struct fr_store_marks *marks, bool all,
                          uint64_t now_us);

#endif
