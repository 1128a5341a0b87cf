/* SPDX-License-Identifier: MIT */
/*
 * zipf.c - random ranks by binary search in the cumulated weights.
 */
#include "zipf.h"

#include <math.h>
#include <stdlib.h>

#include "base/random.h"

struct fr_zipf {
    size_t count;
    double cumulated[];
};

struct fr_zipf *fr_zipf_new(size_t count, double exponent)
{
    struct fr_zipf *self = malloc(sizeof *self + count * sizeof self->cumulated[0]);
    if (self == NULL) {
        return NULL;
    }
    self->count = count;
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum += pow((double)(i + 1), -exponent);
        self->cumulated[i] = sum;
    }
    return self;
}

void fr_zipf_free(struct fr_zipf *self)
{
    free(self);
}

size_t fr_zipf_next(const struct fr_zipf *self)
{
    double wanted = (double)fr_random_u64() / 18446744073709551616.0 * self->cumulated[self->count - 1];
    size_t low = 0, high = self->count - 1;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (self->cumulated[middle] <= wanted) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}
