/* SPDX-License-Identifier: MIT */
/*
 * slices.c - a run in equal slices of time.
 */
#include "load/slices.h"

#include <string.h>

void slices_init(struct slices *self)
{
    self->width_us = SLICES_WIDTH_US;
}

static void add_slice(struct slice *self, const struct slice *other)
{
    self->calls += other->calls;
    self->errors += other->errors;
    for (size_t i = 0; i < SLICES_BUCKETS; i++) {
        self->buckets[i] += other->buckets[i];
    }
}

/* Pairs become one. */
static void fold(struct slices *self)
{
    for (unsigned i = 1; i < self->count; i++) {
        if (i % 2 == 0) {
            self->slice[i / 2] = self->slice[i];
        } else {
            add_slice(&self->slice[i / 2], &self->slice[i]);
        }
    }
    unsigned left = (self->count + 1) / 2;
    memset(&self->slice[left], 0, (self->count - left) * sizeof self->slice[0]);
    self->count = left;
    self->width_us *= 2;
    self->last_us = left > 0 ? (left - 1) * self->width_us : 0;
}

static struct slice *slice_at(struct slices *self, uint64_t at_us)
{
    if (self->count > 0 && at_us - self->last_us < self->width_us) { /* most calls: without a division */
        return &self->slice[self->count - 1];
    }
    while (at_us / self->width_us >= SLICES) {
        fold(self);
    }
    unsigned index = (unsigned)(at_us / self->width_us);
    self->count = index >= self->count ? index + 1 : self->count;
    self->last_us = (self->count - 1) * self->width_us;
    return &self->slice[index];
}

void slices_record(struct slices *self, uint64_t at_us, uint64_t latency_us)
{
    struct slice *slice = slice_at(self, at_us);
    slice->calls++;
    slice->buckets[fr_log_linear_bucket(SLICES_SUB_BITS, SLICES_BUCKETS, latency_us)]++;
}

void slices_record_error(struct slices *self, uint64_t at_us)
{
    slice_at(self, at_us)->errors++;
}

void slices_add(struct slices *self, struct slices *other)
{
    while (self->width_us < other->width_us) {
        fold(self);
    }
    while (other->width_us < self->width_us) {
        fold(other);
    }
    for (unsigned i = 0; i < other->count; i++) {
        add_slice(&self->slice[i], &other->slice[i]);
    }
    self->count = other->count > self->count ? other->count : self->count;
    self->last_us = self->count > 0 ? (self->count - 1) * self->width_us : 0;
}

void slices_cover(struct slices *self, uint64_t until_us)
{
    if (until_us > 0) {
        (void)slice_at(self, until_us - 1);
    }
}

uint64_t slice_quantile_us(const struct slice *self, double fraction)
{
    uint64_t wanted = fr_log_linear_rank(fraction, self->calls), seen = 0;
    for (size_t i = 0; self->calls > 0 && i < SLICES_BUCKETS; i++) {
        seen += self->buckets[i];
        if (seen >= wanted) {
            return fr_log_linear_largest(SLICES_SUB_BITS, i);
        }
    }
    return 0;
}
