/* SPDX-License-Identifier: MIT */
/*
 * heap.h - how soon a program gives freed memory back to the system.
 *
 * glibc returns the top of a heap once 128 KiB of it are free, and takes larger blocks from the system one by one,
 * until one of those was freed. A server whose messages come near that, which those of a few hundred calls do, then gets
 * the same pages anew with every message and pays a page fault for each, on a virtual machine a microsecond or more.
 */
#ifndef FR_BASE_HEAP_H
#define FR_BASE_HEAP_H

#ifdef __cplusplus
extern "C" {
#endif

/*
 * From now on up to 16 MiB, as much as a message may have, stay at the top of each heap; glibc makes up to eight heaps
 * per core. For the main of a program that handles messages, before it starts threads. Another C library keeps its ways.
 */
void fr_heap_keep(void);

#ifdef __cplusplus
}
#endif

#endif
