/* SPDX-License-Identifier: MIT */
/*
 * clock.c - the two clocks, in microseconds.
 */
#include "base/clock.h"

#include <time.h>

static uint64_t read_us(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * FR_SECOND_US + (uint64_t)now.tv_nsec / 1000;
}

uint64_t fr_clock_now_us(void)
{
    return read_us(CLOCK_BOOTTIME);
}

uint64_t fr_clock_wall_us(void)
{
    return read_us(CLOCK_REALTIME);
}
