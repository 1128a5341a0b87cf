/* SPDX-License-Identifier: MIT */
/*
 * allocations.h - counts what this process takes from malloc, libraries included.
 *
 * allocations.c stands before malloc in the program that links it, so only freshet-bench-allocations does.
 */
#ifndef PAYLOAD_ALLOCATIONS_H
#define PAYLOAD_ALLOCATIONS_H

#include <stdint.h>

/* Calls of malloc, calloc, realloc and their aligned kin so far. One thread only. */
uint64_t allocations_so_far(void);

#endif
