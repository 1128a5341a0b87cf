/* SPDX-License-Identifier: MIT */
/*
 * watch.h - what other processes have used: processor time and resident memory.
 */
#ifndef PEERS_WATCH_H
#define PEERS_WATCH_H

#include <stdint.h>

#include "base/options.h"

/* Seconds of processor time that the processes have used, all threads and the kernel's part; pids in decimal. */
double watch_cpu_s(const struct fr_option_list *pids);
double watch_own_cpu_s(void);
/* Resident bytes of the processes together; shared pages count in each. */
uint64_t watch_rss_bytes(const struct fr_option_list *pids);
uint64_t watch_own_rss_bytes(void);

#endif
