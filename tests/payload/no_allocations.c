/* SPDX-License-Identifier: MIT */
/*
 * no_allocations.c - stands in for payload/allocations.c, which goes before the malloc of the whole program.
 */
#include "payload/allocations.h"

uint64_t allocations_so_far(void)
{
    return 0;
}
