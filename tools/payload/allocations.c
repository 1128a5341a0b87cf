/* SPDX-License-Identifier: MIT */
/*
 * allocations.c - counts what this process takes from malloc.
 *
 * The program's own malloc goes before the C library's for every shared library as well, and passes on to it. The
 * cost is one increment for each call. Sanitizers bring a malloc of their own and tell us of each call instead.
 */
#include "payload/allocations.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

static uint64_t count;

uint64_t allocations_so_far(void)
{
    return count;
}

#ifdef PAYLOAD_SANITIZED

int __sanitizer_install_malloc_and_free_hooks(void (*on_malloc)(const volatile void *, size_t),
                                              void (*on_free)(const volatile void *));

static void on_malloc(const volatile void *memory, size_t size)
{
    (void)memory;
    (void)size;
    count++;
}

static void on_free(const volatile void *memory)
{
    (void)memory;
}

__attribute__((constructor)) static void install(void)
{
    __sanitizer_install_malloc_and_free_hooks(on_malloc, on_free);
}

#else

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t members, size_t size);
void *__libc_realloc(void *memory, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

void *malloc(size_t size)
{
    count++;
    return __libc_malloc(size);
}

void *calloc(size_t members, size_t size)
{
    count++;
    return __libc_calloc(members, size);
}

void *realloc(void *memory, size_t size)
{
    count++;
    return __libc_realloc(memory, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    count++;
    return __libc_memalign(alignment, size);
}

int posix_memalign(void **ret_memory, size_t alignment, size_t size)
{
    count++;
    void *memory = __libc_memalign(alignment, size);
    if (memory == NULL) {
        return ENOMEM;
    }
    *ret_memory = memory;
    return 0;
}

#endif
