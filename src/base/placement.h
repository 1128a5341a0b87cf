/* SPDX-License-Identifier: MIT */
/*
 * placement.h - keeps the threads that hand messages to one another on few cores.
 *
 * A message passes several threads: one polls, another reads, a third runs the callback. To wake a thread on a core
 * that sleeps costs its waker and itself tens of microseconds on a virtual machine, on the same core about one, and a
 * scheduler that spreads threads over idle cores chooses the former each time. So the members share one core while it
 * is enough; placement_rule.h says when they get more. Other threads are left alone.
 *
 * Linux; where the system refuses, nothing changes. All functions are thread-safe.
 */
#ifndef FR_BASE_PLACEMENT_H
#define FR_BASE_PLACEMENT_H

#include <stdbool.h>
#include <stdint.h>

/*
 * From now on the placement decides on which of the process's cores this thread runs (a kernel thread id of this
 * process). Threads that a member starts inherit its cores. Beyond 64 members it does nothing.
 */
void fr_placement_join(int tid);
/* Before the thread ends; may be no member. */
void fr_placement_leave(int tid);

/* To be called about once a message, on the way of the work; most calls cost one load. now_us is fr_clock_now_us. */
void fr_placement_tick(uint64_t now_us);

/* false: members run wherever the system likes. The default is true. */
void fr_placement_set_compact(bool compact);

#endif
