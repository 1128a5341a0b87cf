/* SPDX-License-Identifier: MIT */
/*
 * placement_rule.h - on how many cores the members of a placement run: a pure rule over what they did lately.
 *
 * They begin with one core. When they need most of what they have, they get twice as many cores, and half as many once
 * those would be enough with room to spare. When each wait for the core is long, because others keep it busy, they run
 * wherever the system likes for a while, which doubles each time, and then try another core.
 */
#ifndef FR_BASE_PLACEMENT_RULE_H
#define FR_BASE_PLACEMENT_RULE_H

#include <stdbool.h>
#include <stdint.h>

/* What the members did in a while; sums over all of them. */
struct fr_placement_load {
    uint64_t wall_us; /* how long the while was */
    uint64_t run_us;  /* they ran */
    uint64_t wait_us; /* they were ready but had no core */
    uint64_t turns;   /* they got a core */
};

struct fr_placement_rule {
    unsigned cores; /* that the process may use */
    unsigned width; /* how many the members use now, 1 to cores */
    unsigned first; /* of these; the others follow, round the end */
    unsigned step;  /* from a contended core to the next one to try */
    uint64_t wide_until_us, wide_us;
};

/*
 * Every process begins with the first of its cores, so that those that talk to each other share it; seed, such as the
 * process id, spreads them when that core is contended. cores is at least 1.
 */
void fr_placement_rule_init(struct fr_placement_rule *self, unsigned cores, unsigned seed);

/* true: width or first has changed. */
bool fr_placement_rule_step(struct fr_placement_rule *self, uint64_t now_us, const struct fr_placement_load *load);

#endif
