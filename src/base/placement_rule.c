/* SPDX-License-Identifier: MIT */
/*
 * placement_rule.c - the thresholds come from measurements that docs/decisions/0014-placement.md holds.
 */
#include "base/placement_rule.h"

#include "base/clock.h"

#define FULL_PERCENT  85  /* of the cores in use */
#define ROOMY_PERCENT 60  /* of half of them */
#define LONG_WAIT_US  200 /* a turn; waking a sleeping core takes about 30, waits among the members 5 to 50 */
#define WAITING_PART  4   /* of the time; who waits less has no reason to move */
#define WIDE_MIN_US   FR_SECOND_US
#define WIDE_MAX_US   (64 * FR_SECOND_US)

void fr_placement_rule_init(struct fr_placement_rule *self, unsigned cores, unsigned seed)
{
    *self = (struct fr_placement_rule){.cores = cores, .width = 1, .wide_us = WIDE_MIN_US};
    self->step = cores > 1 ? 1 + seed % (cores - 1) : 0;
}

static bool contended(const struct fr_placement_load *load)
{
    return load->wait_us > LONG_WAIT_US * load->turns && load->wait_us > load->wall_us / WAITING_PART;
}

static bool full(const struct fr_placement_load *load, unsigned width)
{
    return 100 * load->run_us > FULL_PERCENT * width * load->wall_us;
}

static bool roomy(const struct fr_placement_load *load, unsigned width)
{
    return 100 * load->run_us < ROOMY_PERCENT * width * load->wall_us;
}

static void give_way(struct fr_placement_rule *self, uint64_t now_us)
{
    self->width = self->cores;
    self->first = (self->first + self->step) % self->cores;
    self->wide_until_us = now_us + self->wide_us;
    self->wide_us = self->wide_us < WIDE_MAX_US ? 2 * self->wide_us : WIDE_MAX_US;
}

bool fr_placement_rule_step(struct fr_placement_rule *self, uint64_t now_us, const struct fr_placement_load *load)
{
    unsigned before = self->width, half = (self->width + 1) / 2;
    if (self->width < self->cores && contended(load)) {
        give_way(self, now_us);
    } else if (self->width < self->cores && full(load, self->width)) {
        self->width = 2 * self->width < self->cores ? 2 * self->width : self->cores;
    } else if (half < self->width && now_us >= self->wide_until_us && roomy(load, half)) {
        self->width = half;
    }
    return self->width != before;
}
