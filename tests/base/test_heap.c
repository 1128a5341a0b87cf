/* SPDX-License-Identifier: MIT */
/*
 * test_heap.c - memory that was freed comes back without page faults.
 */
#include "base/heap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
/* cmocka.h needs the standard headers first. */
#include <cmocka.h>

#define TURNS 50

static long page_faults(void)
{
    struct rusage usage;
    assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
    return usage.ru_minflt;
}

static void use(size_t size)
{
    volatile char *block = malloc(size);
    assert_non_null(block);
    for (size_t i = 0; i < size; i += (size_t)sysconf(_SC_PAGESIZE)) {
        block[i] = 1;
    }
    free((void *)block);
}

/* One below the C library's own limits, one above. */
static void a_freed_block_comes_back_without_page_faults(void **state)
{
    static const size_t sizes[] = {100000, 1000000};
    (void)state;
#ifndef __GLIBC__
    skip();
#endif
    fr_heap_keep();
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        use(sizes[i]);
        use(sizes[i]);
        long before = page_faults();
        for (unsigned turn = 0; turn < TURNS; turn++) {
            use(sizes[i]);
        }
        /* Each turn has at least 24 pages. */
        assert_true(page_faults() - before < TURNS);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_freed_block_comes_back_without_page_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
