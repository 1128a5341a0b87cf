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

/* A write that took no time. */
static void write_at(struct account *account, uint64_t now_us, uint64_t version, bool deleted)
{
    account_written(account, &(struct account_write){version, now_us, deleted}, now_us);
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
    write_at(&account, 100, 5, false);
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
    write_at(&account, 100, 5, false);
    write_at(&account, 200, 7, false);
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
    write_at(&account, 100, 9, false);
    write_at(&account, 150, 8, false);
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
    write_at(&account, 100, 5, false);
    struct account_read read = account_begin(&account, 120);
    write_at(&account, 140, 6, false);
    assert_int_equal(account_end(&account, &read, &(struct account_seen){true, 5}, &newer), 0);
    assert_int_equal(account_end(&account, &read, &(struct account_seen){true, 4}, &newer), 20);
    assert_int_equal(newer, 5);
    account_fini(&account);
}

static void a_row_that_was_deleted_must_not_be_seen(void **state)
{
    (void)state;
    struct account account = {0};
    write_at(&account, 100, 5, false);
    account_deletion_ends(&account, account_deletion_begins(&account));
    write_at(&account, 200, 6, true);
    assert_int_equal(read_at(&account, 250, true, 5), 50);
    assert_int_equal(read_at(&account, 250, false, 0), 0);
    account_fini(&account);
}

static void a_row_that_was_created_again_must_be_seen(void **state)
{
    (void)state;
    struct account account = {0};
    write_at(&account, 200, 6, true);
    write_at(&account, 300, 7, false);
    write_at(&account, 400, 8, false);
    assert_int_equal(read_at(&account, 450, false, 0), 150);
    account_fini(&account);
}

static void nobody_knows_after_a_deletion_in_doubt(void **state)
{
    (void)state;
    uint64_t newer;
    struct account account = {0};
    write_at(&account, 100, 5, false);
    struct account_read before = account_begin(&account, 110);
    uint64_t doubt = account_deletion_begins(&account);
    struct account_read during = account_begin(&account, 120);
    account_deletion_in_doubt(&account, doubt, 500);
    assert_int_equal(account_end(&account, &before, &(struct account_seen){false, 0}, &newer), 0);
    assert_int_equal(account_end(&account, &during, &(struct account_seen){false, 0}, &newer), 0);
    assert_int_equal(read_at(&account, 900, false, 0), 0); /* it may have come to pass before */
    assert_int_equal(read_at(&account, 900, true, 4), 800); /* what is there has a version all the same */
    account_fini(&account);
}

static void only_a_write_that_began_after_it_ends_the_doubt(void **state)
{
    (void)state;
    struct account account = {0};
    account_deletion_in_doubt(&account, account_deletion_begins(&account), 500);
    account_written(&account, &(struct account_write){6, 510, false}, 490);
    assert_int_equal(read_at(&account, 600, false, 0), 0);
    account_written(&account, &(struct account_write){7, 520, false}, 500);
    assert_int_equal(read_at(&account, 600, false, 0), 90);
    account_fini(&account);
}

static void a_deletion_with_a_known_outcome_leaves_an_earlier_doubt(void **state)
{
    (void)state;
    struct account account = {0};
    account_deletion_in_doubt(&account, account_deletion_begins(&account), 500);
    account_deletion_ends(&account, account_deletion_begins(&account));
    write_at(&account, 300, 6, false);
    assert_int_equal(read_at(&account, 400, false, 0), 0);
    account_deletion_in_doubt(&account, account_deletion_begins(&account), 450);
    write_at(&account, 460, 7, false);
    assert_int_equal(read_at(&account, 480, false, 0), 0);
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
        cmocka_unit_test(nobody_knows_after_a_deletion_in_doubt),
        cmocka_unit_test(only_a_write_that_began_after_it_ends_the_doubt),
        cmocka_unit_test(a_deletion_with_a_known_outcome_leaves_an_earlier_doubt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
