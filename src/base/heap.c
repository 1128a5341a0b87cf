/* SPDX-License-Identifier: MIT */
/*
 * heap.c - how soon a program gives freed memory back to the system.
 */
#include "base/heap.h"

#include <stdlib.h>

#ifdef __GLIBC__
#include <malloc.h>

#define KEPT_BYTES (16 << 20)

void fr_heap_keep(void)
{
    /* Either one ends the rule by which glibc adapts both. */
    mallopt(M_TRIM_THRESHOLD, KEPT_BYTES);
    mallopt(M_MMAP_THRESHOLD, KEPT_BYTES);
}
#else
void fr_heap_keep(void)
{
}
#endif
