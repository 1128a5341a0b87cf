/* SPDX-License-Identifier: MIT */
/*
 * clock.c - the two clocks, in microseconds.
 */
#include "base/clock.h"

#include <time.h>

#define LONGEST_TIMEOUT_US (UINT64_C(365) * 86400 * FR_SECOND_US)

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

uint64_t fr_clock_elapsed_us(uint64_t since_us, uint64_t now_us)
{
    return now_us > since_us ? now_us - since_us : 0;
}

uint64_t fr_clock_deadline_us(uint64_t now_us, uint64_t timeout_us)
{
    return now_us + (timeout_us < LONGEST_TIMEOUT_US ? timeout_us : LONGEST_TIMEOUT_US);
}
