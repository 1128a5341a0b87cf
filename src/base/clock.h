/* SPDX-License-Identifier: MIT */
/*
 * clock.h - the two clocks, in microseconds.
 */
#ifndef FR_BASE_CLOCK_H
#define FR_BASE_CLOCK_H

#include <stdint.h>

#define FR_MILLISECOND_US UINT64_C(1000)
#define FR_SECOND_US      UINT64_C(1000000)

/* Monotonic, for durations and deadlines; never 0. Counts while the machine sleeps. */
uint64_t fr_clock_now_us(void);
/* Since the Unix epoch, for people and for records. */
uint64_t fr_clock_wall_us(void);

/* How long before now_us was since_us? 0 when it was later: another thread may have read the clock since. */
uint64_t fr_clock_elapsed_us(uint64_t since_us, uint64_t now_us);

/* now_us + timeout_us; a timeout beyond a year, such as a peer may send, counts as a year, so nothing overflows. */
uint64_t fr_clock_deadline_us(uint64_t now_us, uint64_t timeout_us);

#endif
