/* SPDX-License-Identifier: MIT */
/*
 * test_near_arena.c - blocks never overlap, and what was freed becomes one block again.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdalign.h>
#include <string.h>

#include "base/random.h"
#include "cache/near_arena.h"

enum { REGION = 256 * 1024, BLOCKS = 2000 };

static alignas(8) uint8_t region[REGION];
static struct fr_near_arena arena;

static int setup(void **state)
{
    (void)state;
    fr_near_arena_init(&arena, region, sizeof region);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fr_near_arena_fini(&arena);
    return 0;
}

/* Writes a pattern into the content of a block, or checks it. */
static void fill(fr_near_offset block, size_t size, uint8_t pattern)
{
    uint8_t *bytes = fr_near_at(region, block);
    assert_true(bytes >= region && bytes + size <= region + sizeof region);
    memset(bytes + FR_NEAR_BLOCK_HEADER_BYTES, pattern, size - FR_NEAR_BLOCK_HEADER_BYTES);
}

static void check(fr_near_offset block, size_t size, uint8_t pattern)
{
    const uint8_t *bytes = fr_near_at(region, block);
    for (size_t i = FR_NEAR_BLOCK_HEADER_BYTES; i < size; i++) {
        assert_int_equal(bytes[i], pattern);
    }
}

/* Mostly small, now and then large. */
static size_t random_size(void)
{
    return FR_NEAR_BLOCK_HEADER_BYTES + 1 + fr_random_below(UINT64_C(1) << (3 + fr_random_below(11)));
}

static void random_blocks_keep_their_content_and_the_whole_region_comes_back(void **state)
{
    (void)state;
    static struct {
        fr_near_offset block;
        size_t size;
        uint8_t pattern;
    } blocks[BLOCKS];
    uint64_t used_units = 0, failures = 0;
    for (unsigned step = 0; step < 60000; step++) {
        size_t i = fr_random_below(BLOCKS);
        if (blocks[i].block != 0) {
            check(blocks[i].block, blocks[i].size, blocks[i].pattern);
            used_units -= fr_near_arena_units_of(&arena, blocks[i].block);
            fr_near_arena_free(&arena, blocks[i].block);
            blocks[i].block = 0;
        } else {
            blocks[i].size = random_size();
            blocks[i].pattern = (uint8_t)fr_random_u64();
            blocks[i].block = fr_near_arena_alloc(&arena, blocks[i].size);
            if (blocks[i].block == 0) {
                failures++;
                continue;
            }
            uint32_t units = fr_near_arena_units_of(&arena, blocks[i].block);
            assert_true(units >= fr_near_units_for(blocks[i].size));
            assert_true(units <= fr_near_units_for(blocks[i].size) + 1);
            used_units += units;
            fill(blocks[i].block, blocks[i].size, blocks[i].pattern);
        }
        assert_int_equal(arena.used, used_units);
    }
    assert_true(failures > 0);
    for (size_t i = 0; i < BLOCKS; i++) {
        if (blocks[i].block != 0) {
            check(blocks[i].block, blocks[i].size, blocks[i].pattern);
            fr_near_arena_free(&arena, blocks[i].block);
        }
    }
    assert_int_equal(arena.used, 0);
    fr_near_offset all = fr_near_arena_alloc(&arena, sizeof region - 2 * FR_NEAR_UNIT_BYTES);
    assert_int_not_equal(all, 0);
    fr_near_arena_free(&arena, all);
}

static void a_region_full_of_equal_blocks_has_no_holes(void **state)
{
    (void)state;
    enum { SIZE = 128 };
    unsigned count = 0;
    while (fr_near_arena_alloc(&arena, SIZE) != 0) {
        count++;
    }
    assert_int_equal(count, (REGION - 2 * FR_NEAR_UNIT_BYTES) / SIZE);
}

static void more_than_the_region_is_refused(void **state)
{
    (void)state;
    assert_int_equal(fr_near_arena_alloc(&arena, sizeof region), 0);
    assert_int_equal(fr_near_arena_alloc(&arena, SIZE_MAX), 0);
    assert_int_equal(arena.used, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(random_blocks_keep_their_content_and_the_whole_region_comes_back, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_region_full_of_equal_blocks_has_no_holes, setup, teardown),
        cmocka_unit_test_setup_teardown(more_than_the_region_is_refused, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
