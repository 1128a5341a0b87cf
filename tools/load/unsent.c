/* SPDX-License-Identifier: MIT */
/*
 * unsent.c - calls of an open loop that were due, but could not be sent before the load ended.
 */
#include "load/unsent.h"

#define GROUPS ((uint64_t)1 << 20) /* at most: a moment's work at any rate */

void unsent_record(const struct unsent *self, struct tally *tally)
{
    uint64_t calls = self->until > self->from ? self->until - self->from : 0;
    uint64_t size = calls / GROUPS + 1, group = 0;
    for (uint64_t from = self->from; from < self->until; from += size) {
        uint64_t count = self->until - from < size ? self->until - from : size, number;
        uint64_t due_us = schedule_time_us(self->schedule, from + count - 1);
        struct tally_call call = {.start_us = TALLY_NOT_SENT,
                                  .due_us = due_us < self->end_us ? due_us : self->end_us,
                                  .end_us = self->end_us};
        /* By the number of the group, or a size that the weights' sum divides would find one method alone. */
        call.method = mix_choose(self->mix, (size == 1 ? from : group++) + 1, &number);
        tally_record_unfinished(tally, &call, count);
    }
}
