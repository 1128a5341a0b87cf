/* SPDX-License-Identifier: MIT */
/*
 * test_account.c - when a read counts as stale, and by how much.
 */
#include "check/account.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* Staleness of a read that begins and ends with what is known now. */
static uint64_t read_at(const struct account *account, uint64_t now_us, bool found, uint64_t version)
{
    uint64_t newer;
    struct account_read read = account_begin(account, now_us);
    return account_end(account, &read, &(struct account_seen){found, version}, &newer);
}

static void a_key_without_writes_is_never_stale(void **state)
{
    (void)state;
    struct account account = {0};
    assert_int_equal(read_at(&account, 100, true, 0), 0);
    assert_int_equal(read_at(&account, 100, false, 0), 0);
}

static void a_version_below_an_answered_one_is_stale_since_that_answer(void **state)
{
    (void)state;
    struct account account = {0};
    account_written(&account, 5, false, 100);
    assert_int_equal(read_at(&account, 130, true, 4), 30);
    assert_int_equal(read_at(&account, 130, true, 5), 0);
    assert_int_equal(read_at(&account, 130, true, 6), 0);
    account_fini(&account);
}

static void the_first_answer_that_a_read_missed_counts(void **state)
{
    (void)state;
    uint64_t newer = 0;
    struct account account = {0};
    account_written(&account, 5, false, 100);
    account_written(&account, 7, false, 200);
    assert_int_equal(read_at(&account, 230, true, 5), 30);
    assert_int_equal(read_at(&account, 230, true, 3), 130);
    struct account_read read = account_begin(&account, 230);
    account_end(&account, &read, &(struct account_seen){true, 3}, &newer);
    assert_int_equal(newer, 7);
    account_fini(&account);
}

static void answers_may_come_in_another_order_than_versions(void **state)
{
    (void)state;
    struct account account = {0};
    account_written(&account, 9, false, 100);
    account_written(&account, 8, false, 150);
    assert_int_equal(read_at(&account, 160, true, 8), 60);
    assert_int_equal(read_at(&account, 160, true, 7), 60);
    assert_int_equal(read_at(&account, 160, true, 9), 0);
    account_fini(&account);
}

static void a_write_answered_after_the_read_began_does_not_count(void **state)
{
    (void)state;
    uint64_t newer;
    struct account account = {0};
    account_written(&account, 5, false, 100);
    struct account_read read = account_begin(&account, 120);
    account_written(&account, 6, false, 140);
    assert_int_equal(account_end(&account, &read, &(struct account_seen){true, 5}, &newer), 0);
    assert_int_equal(account_end(&account, &read, &(struct account_seen){true, 4}, &newer), 20);
    assert_int_equal(newer, 5);
    account_fini(&account);
}

static void a_row_that_was_deleted_must_not_be_seen(void **state)
{
    (void)state;
    struct account account = {0};
    account_written(&account, 5, false, 100);
    account_deletion_begins(&account);
    account_written(&account, 6, true, 200);
    account_deletion_ends(&account, 0);
    assert_int_equal(read_at(&account, 250, true, 5), 50);
    assert_int_equal(read_at(&account, 250, false, 0), 0);
    account_fini(&account);
}

static void a_row_that_was_created_again_must_be_seen(void **state)
{
    (void)state;
    struct account account = {0};
    account_written(&account, 6, true, 200);
    account_written(&account, 7, false, 300);
    account_written(&account, 8, false, 400);
    assert_int_equal(read_at(&account, 450, false, 0), 150);
    account_fini(&account);
}

static void nobody_knows_while_a_deletion_is_in_doubt(void **state)
{
    (void)state;
    uint64_t newer;
    struct account account = {0};
    account_written(&account, 5, false, 100);
    struct account_read before = account_begin(&account, 110);
    account_deletion_begins(&account);
    struct account_read during = account_begin(&account, 120);
    account_deletion_ends(&account, 500);
    assert_int_equal(account_end(&account, &before, &(struct account_seen){false, 0}, &newer), 0);
    assert_int_equal(account_end(&account, &during, &(struct account_seen){false, 0}, &newer), 0);
    assert_int_equal(read_at(&account, 499, false, 0), 0);
    assert_int_equal(read_at(&account, 500, false, 0), 400);
    assert_int_equal(read_at(&account, 499, true, 4), 399); /* what is there has a version all the same */
    account_fini(&account);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_without_writes_is_never_stale),
        cmocka_unit_test(a_version_below_an_answered_one_is_stale_since_that_answer),
        cmocka_unit_test(the_first_answer_that_a_read_missed_counts),
        cmocka_unit_test(answers_may_come_in_another_order_than_versions),
        cmocka_unit_test(a_write_answered_after_the_read_began_does_not_count),
        cmocka_unit_test(a_row_that_was_deleted_must_not_be_seen),
        cmocka_unit_test(a_row_that_was_created_again_must_be_seen),
        cmocka_unit_test(nobody_knows_while_a_deletion_is_in_doubt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
