/* SPDX-License-Identifier: MIT */
/*
 * test_arena.c - the bump allocator.
 */
#include "message/arena.h"

#include <string.h>

#include <protobuf-c/protobuf-c.h>

#include "message/support.h"

static void memory_is_aligned_and_does_not_overlap(void **state)
{
    (void)state;
    struct fr_arena *arena = fr_arena_new(128);
    unsigned char *blocks[100];
    for (size_t i = 0; i < 100; i++) {
        blocks[i] = fr_arena_alloc(arena, i);
        assert_non_null(blocks[i]);
        assert_int_equal((uintptr_t)blocks[i] % _Alignof(max_align_t), 0);
        memset(blocks[i], (int)i, i);
    }
    for (size_t i = 0; i < 100; i++) {
        for (size_t j = 0; j < i; j++) {
            assert_int_equal(blocks[i][j], i);
        }
    }
    fr_arena_free(arena);
}

static void a_large_block_leaves_the_current_chunk_in_use(void **state)
{
    (void)state;
    struct fr_arena *arena = fr_arena_new(256);
    fr_arena_alloc(arena, 250); /* the first chunk is full */
    char *before = fr_arena_alloc(arena, 16);
    assert_non_null(fr_arena_alloc(arena, 100000));
    char *after = fr_arena_alloc(arena, 16);
    assert_ptr_equal(after, before + 16);
    fr_arena_free(arena);
}

static void a_reset_gives_the_first_chunk_again(void **state)
{
    (void)state;
    struct fr_arena *arena = fr_arena_new(256);
    void *first = fr_arena_alloc(arena, 16);
    for (int i = 0; i < 50; i++) {
        assert_non_null(fr_arena_alloc(arena, 300));
        assert_non_null(fr_arena_alloc(arena, 60));
    }
    fr_arena_reset(arena);
    assert_ptr_equal(fr_arena_alloc(arena, 16), first);
    fr_arena_free(arena);
}

static void sizes_that_do_not_fit_give_null(void **state)
{
    (void)state;
    struct fr_arena *arena = fr_arena_new(64);
    assert_null(fr_arena_alloc(arena, SIZE_MAX));
    assert_null(fr_arena_alloc(arena, SIZE_MAX - 64));
    assert_null(fr_arena_copy_text(arena, "", SIZE_MAX));
    assert_non_null(fr_arena_alloc(arena, 1));
    fr_arena_free(arena);
}

static void copied_text_ends_with_a_nul(void **state)
{
    (void)state;
    struct fr_arena *arena = fr_arena_new(64);
    assert_string_equal(fr_arena_copy_text(arena, "freshet", 5), "fresh");
    assert_string_equal(fr_arena_copy_text(arena, NULL, 0), "");
    fr_arena_free(arena);
}

static void the_allocator_draws_from_the_arena(void **state)
{
    (void)state;
    struct fr_arena *arena = fr_arena_new(1024);
    char *first = fr_arena_alloc(arena, 16);
    ProtobufCAllocator *allocator = fr_arena_allocator(arena);
    char *second = allocator->alloc(allocator->allocator_data, 16);
    assert_ptr_equal(second, first + 16);
    allocator->free(allocator->allocator_data, second);
    assert_ptr_equal(fr_arena_alloc(arena, 16), second + 16);
    fr_arena_free(arena);
    fr_arena_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_aligned_and_does_not_overlap),
        cmocka_unit_test(a_large_block_leaves_the_current_chunk_in_use),
        cmocka_unit_test(a_reset_gives_the_first_chunk_again),
        cmocka_unit_test(sizes_that_do_not_fit_give_null),
        cmocka_unit_test(copied_text_ends_with_a_nul),
        cmocka_unit_test(the_allocator_draws_from_the_arena),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
