/* SPDX-License-Identifier: MIT */
/*
 * test_id_table.c - the table of ids against a plain array, and with ids chosen to collide.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "rpc/id_table.h"

#define MODEL_ENTRIES 600

struct item {
    struct fr_id_entry entry;
    bool in_table, visited;
};

static struct item *item_of(struct fr_id_entry *entry)
{
    return (struct item *)((char *)entry - offsetof(struct item, entry));
}

static size_t count_in_table(const struct item *items, size_t count)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        found += items[i].in_table;
    }
    return found;
}

/* Each entry is met once, and no other one. */
static void assert_walk(const struct fr_id_table *table, struct item *items, size_t count)
{
    size_t met = 0;
    for (size_t i = 0; i < count; i++) {
        items[i].visited = false;
    }
    for (struct fr_id_entry *entry = NULL; (entry = fr_id_table_next(table, entry)) != NULL; met++) {
        assert_true(item_of(entry)->in_table);
        assert_false(item_of(entry)->visited);
        item_of(entry)->visited = true;
    }
    assert_int_equal(met, count_in_table(items, count));
    assert_int_equal(table->count, met);
}

static void toggle(struct fr_id_table *table, struct item *item)
{
    if (item->in_table) {
        fr_id_table_remove(table, &item->entry);
    } else {
        fr_id_table_insert(table, &item->entry);
    }
    item->in_table = !item->in_table;
}

static void take_all(struct fr_id_table *table, struct item *items, size_t count)
{
    size_t expected = count_in_table(items, count), taken = 0;
    for (struct fr_id_entry *entry = fr_id_table_take_all(table); entry != NULL; entry = entry->next) {
        assert_true(item_of(entry)->in_table);
        item_of(entry)->in_table = false;
        taken++;
    }
    assert_int_equal(taken, expected);
    assert_int_equal(table->count, 0);
    assert_null(fr_id_table_next(table, NULL));
}

static void an_empty_table_holds_nothing(void **state)
{
    (void)state;
    struct fr_id_table table;
    assert_true(fr_id_table_init(&table));
    assert_int_equal(table.count, 0);
    assert_null(fr_id_table_find(&table, 0));
    assert_null(fr_id_table_find(&table, UINT64_MAX));
    assert_null(fr_id_table_next(&table, NULL));
    assert_null(fr_id_table_take_all(&table));
    fr_id_table_fini(&table);
}

static void zeroed_memory_can_be_ended(void **state)
{
    (void)state;
    struct fr_id_table table = {0};
    fr_id_table_fini(&table);
}

/* Ids 0 and the greatest one are among them; most are random. */
static void it_behaves_as_an_array_does(void **state)
{
    (void)state;
    static struct item items[MODEL_ENTRIES];
    struct fr_id_table table;
    memset(items, 0, sizeof items);
    assert_true(fr_id_table_init(&table));
    for (size_t i = 0; i < MODEL_ENTRIES; i++) {
        items[i].entry.id = i < 3 ? i - 1 : fr_random_u64() << 10 | i; /* all different */
    }
    for (unsigned step = 0; step < 20000; step++) {
        /* Phases of many and of few. */
        size_t some = step / 2000 % 2 == 0 ? MODEL_ENTRIES : 20;
        struct item *item = &items[fr_random_below(some)];
        assert_ptr_equal(fr_id_table_find(&table, item->entry.id), item->in_table ? &item->entry : NULL);
        toggle(&table, item);
        assert_ptr_equal(fr_id_table_find(&table, item->entry.id), item->in_table ? &item->entry : NULL);
        if (step % 500 == 0) {
            assert_walk(&table, items, MODEL_ENTRIES);
        }
        if (step % 5000 == 4999) {
            take_all(&table, items, MODEL_ENTRIES);
        }
    }
    assert_walk(&table, items, MODEL_ENTRIES);
    fr_id_table_fini(&table);
}

/* What the server does with a session that ends: the entries leave while the list of them is walked. */
static void taken_entries_hang_together_and_can_be_inserted_again(void **state)
{
    (void)state;
    struct item items[50] = {{.in_table = false}};
    struct fr_id_table table;
    assert_true(fr_id_table_init(&table));
    for (unsigned round = 0; round < 3; round++) {
        for (size_t i = 0; i < 50; i++) {
            items[i].entry.id = i * 1000;
            toggle(&table, &items[i]);
        }
        assert_walk(&table, items, 50);
        take_all(&table, items, 50);
        for (size_t i = 0; i < 50; i++) {
            assert_null(fr_id_table_find(&table, i * 1000));
        }
    }
    fr_id_table_fini(&table);
}

static size_t longest_chain(const struct fr_id_table *table)
{
    size_t longest = 0;
    for (size_t i = 0; i < (size_t)1 << table->bits; i++) {
        size_t length = 0;
        for (const struct fr_id_entry *entry = table->buckets[i]; entry != NULL; entry = entry->next) {
            length++;
        }
        longest = length > longest ? length : longest;
    }
    return longest;
}

/* The longest chain with count ids, first, first + step, first + 2 * step, …; every one is found. */
static size_t fill(uint64_t first, uint64_t step, size_t count)
{
    struct fr_id_table table;
    struct item *items = calloc(count, sizeof items[0]);
    assert_non_null(items);
    assert_true(fr_id_table_init(&table));
    for (size_t i = 0; i < count; i++) {
        items[i].entry.id = first + i * step;
        toggle(&table, &items[i]);
    }
    for (size_t i = 0; i < count; i++) {
        assert_ptr_equal(fr_id_table_find(&table, items[i].entry.id), &items[i].entry);
    }
    assert_null(fr_id_table_find(&table, first + count * step));
    assert_walk(&table, items, count);
    assert_true(((size_t)1 << table.bits) >= count); /* it has grown */
    size_t longest = longest_chain(&table);
    for (size_t i = 0; i < count; i++) {
        toggle(&table, &items[i]);
    }
    assert_int_equal(table.count, 0);
    fr_id_table_fini(&table);
    free(items);
    return longest;
}

/*
 * An arithmetic progression of ids, which is how ids with equal low bits, equal high bits, or counted upwards look.
 * No step is bad for more than a small share of the factors; so the median of many tables has short chains.
 */
static void no_progression_of_ids_makes_long_chains(void **state)
{
    (void)state;
    static const uint64_t steps[] = {
        1, 2, 3, 1000, 4096, UINT64_C(1) << 32, UINT64_C(1) << 40, UINT64_C(1) << 52, /* equal low bits */
        UINT64_C(0x9E3779B97F4A7C15), UINT64_C(0x100000001B3),
    };
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        unsigned short_ones = 0;
        for (unsigned table = 0; table < 21; table++) {
            uint64_t first = steps[i] == 1 ? UINT64_MAX - 2000 : fr_random_u64(); /* equal high bits */
            short_ones += fill(first, steps[i], 1000) <= 32;
        }
        assert_in_range(short_ones, 11, 21);
    }
}

static void a_large_table_keeps_its_entries_through_growth(void **state)
{
    (void)state;
    assert_in_range(fill(1, 1, 100000), 1, 100000);
}

static void tables_differ_in_their_factor(void **state)
{
    (void)state;
    struct fr_id_table left, right;
    assert_true(fr_id_table_init(&left));
    assert_true(fr_id_table_init(&right));
    assert_int_not_equal(left.factor, right.factor);
    assert_int_equal(left.factor & 1, 1);
    fr_id_table_fini(&left);
    fr_id_table_fini(&right);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_table_holds_nothing),
        cmocka_unit_test(zeroed_memory_can_be_ended),
        cmocka_unit_test(it_behaves_as_an_array_does),
        cmocka_unit_test(taken_entries_hang_together_and_can_be_inserted_again),
        cmocka_unit_test(no_progression_of_ids_makes_long_chains),
        cmocka_unit_test(a_large_table_keeps_its_entries_through_growth),
        cmocka_unit_test(tables_differ_in_their_factor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
