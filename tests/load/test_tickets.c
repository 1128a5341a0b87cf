/* SPDX-License-Identifier: MIT */
/*
 * test_tickets.c - the warm-up is not measured, calls are due when the schedule says so, and no more are taken than there are.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "load/tickets.h"

#define START_US (1000 * FR_SECOND_US)
#define TAKERS   3

static struct tickets tickets;
static struct ticket ticket;

static void a_closed_loop_measures_after_its_warm_up(void **state)
{
    (void)state;
    tickets_init(&tickets, NULL, 2, FR_SECOND_US, 0);
    tickets_start(&tickets, START_US);
    for (uint64_t number = 1; number <= 3; number++) {
        assert_int_equal(tickets_take(&tickets, START_US + number, &ticket), TICKET_TAKEN);
        assert_false(ticket.measured);
        assert_int_equal(ticket.number, number);
        assert_int_equal(ticket.due_us, START_US + number);
    }
    assert_int_equal(tickets_started(&tickets), 0);
    tickets_measure(&tickets);
    for (uint64_t number = 3 + 1; number <= 3 + 2; number++) {
        assert_int_equal(tickets_take(&tickets, START_US, &ticket), TICKET_TAKEN);
        assert_true(ticket.measured);
        assert_int_equal(ticket.number, number);
    }
    assert_int_equal(tickets_take(&tickets, START_US, &ticket), TICKET_OVER);
    assert_int_equal(tickets_started(&tickets), 2);
    assert_int_equal(tickets_planned(&tickets), 2);
}

struct taker {
    pthread_t thread;
    uint64_t measure_at; /* calls of its own; 0: another one begins measuring */
    uint64_t warm, warm_last, measured, measured_first, measured_last;
};

static pthread_barrier_t all_there;

static void *take_until_it_is_over(void *argument)
{
    struct taker *self = argument;
    struct ticket mine;
    pthread_barrier_wait(&all_there);
    while (tickets_take(&tickets, START_US, &mine) == TICKET_TAKEN) {
        if (mine.measured) {
            self->measured_first = self->measured++ == 0 ? mine.number : self->measured_first;
            self->measured_last = mine.number;
        } else {
            self->warm++;
            self->warm_last = mine.number;
            if (self->warm == self->measure_at) {
                tickets_measure(&tickets);
            }
        }
    }
    return NULL;
}

static void no_number_comes_twice_while_measuring_begins(void **state)
{
    (void)state;
    struct taker takers[TAKERS] = {{.measure_at = 100000}}; /* by when the others run as well */
    uint64_t warm = 0, warm_last = 0, measured = 0, measured_first = UINT64_MAX, measured_last = 0;
    tickets_init(&tickets, NULL, 10000, FR_SECOND_US, 0);
    tickets_start(&tickets, START_US);
    assert_int_equal(pthread_barrier_init(&all_there, NULL, TAKERS), 0);
    for (size_t i = 0; i < TAKERS; i++) {
        assert_int_equal(pthread_create(&takers[i].thread, NULL, take_until_it_is_over, &takers[i]), 0);
    }
    for (size_t i = 0; i < TAKERS; i++) {
        struct taker *taker = &takers[i];
        pthread_join(taker->thread, NULL);
        warm += taker->warm;
        measured += taker->measured;
        warm_last = taker->warm_last > warm_last ? taker->warm_last : warm_last;
        measured_last = taker->measured_last > measured_last ? taker->measured_last : measured_last;
        if (taker->measured > 0 && taker->measured_first < measured_first) {
            measured_first = taker->measured_first;
        }
    }
    pthread_barrier_destroy(&all_there);
    assert_int_equal(warm_last, warm);
    assert_int_equal(measured, 10000);
    assert_int_equal(measured_first, warm + 1);
    assert_int_equal(measured_last, warm + 10000);
}

static void a_closed_loop_without_count_has_no_end(void **state)
{
    (void)state;
    tickets_init(&tickets, NULL, 0, 0, FR_SECOND_US);
    tickets_start(&tickets, START_US);
    assert_int_equal(tickets_take(&tickets, START_US, &ticket), TICKET_TAKEN);
    assert_true(ticket.measured);
    assert_int_equal(tickets_planned(&tickets), 0);
}

static void an_open_loop_is_due_by_the_schedule(void **state)
{
    (void)state;
    struct schedule schedule;
    assert_int_equal(schedule_parse(&schedule, "const:10", NULL), FR_OK);
    tickets_init(&tickets, &schedule, 0, FR_SECOND_US, FR_SECOND_US / 2);
    tickets_start(&tickets, START_US);
    assert_int_equal(tickets_planned(&tickets), 5);
    for (uint64_t i = 0; i < 10 + 5; i++) { /* a second of warm-up at the same rate, then half a second */
        uint64_t due_us = START_US + i * FR_SECOND_US / 10;
        assert_int_equal(tickets_next_us(&tickets), due_us);
        assert_int_equal(tickets_take(&tickets, due_us - 1, &ticket), TICKET_NOT_DUE);
        assert_int_equal(tickets_take(&tickets, due_us + 7, &ticket), TICKET_TAKEN);
        assert_int_equal(ticket.measured, i >= 10);
        assert_int_equal(ticket.number, i + 1);
        assert_int_equal(ticket.due_us, due_us);
    }
    assert_true(tickets_next_us(&tickets) == SCHEDULE_NEVER);
    assert_int_equal(tickets_take(&tickets, UINT64_MAX - 1, &ticket), TICKET_OVER);
    assert_int_equal(tickets_started(&tickets), 5);
}

static void an_open_loop_with_a_count_ends_with_it(void **state)
{
    (void)state;
    struct schedule schedule;
    assert_int_equal(schedule_parse(&schedule, "const:10", NULL), FR_OK);
    tickets_init(&tickets, &schedule, 3, FR_SECOND_US / 5, 0); /* a warm-up of two calls */
    tickets_start(&tickets, START_US);
    assert_int_equal(tickets_planned(&tickets), 3);
    for (uint64_t i = 0; i < 2 + 3; i++) {
        assert_int_equal(tickets_next_us(&tickets), START_US + i * FR_SECOND_US / 10);
        assert_int_equal(tickets_take(&tickets, tickets_next_us(&tickets), &ticket), TICKET_TAKEN);
        assert_int_equal(ticket.measured, i >= 2);
    }
    assert_true(tickets_next_us(&tickets) == SCHEDULE_NEVER);
    assert_int_equal(tickets_take(&tickets, UINT64_MAX - 1, &ticket), TICKET_OVER);
    assert_int_equal(tickets_started(&tickets), 3);
    assert_int_equal(tickets_due(&tickets, 5 * FR_SECOND_US), 3);
}

static void a_schedule_that_ends_before_the_count_ends_it(void **state)
{
    (void)state;
    struct schedule schedule;
    assert_int_equal(schedule_parse(&schedule, "step:2:-1:1s", NULL), FR_OK); /* 2 calls, then 1 */
    tickets_init(&tickets, &schedule, 10, 0, 0);
    tickets_start(&tickets, START_US);
    for (uint64_t i = 0; i < 3; i++) {
        assert_int_equal(tickets_take(&tickets, UINT64_MAX - 1, &ticket), TICKET_TAKEN);
    }
    assert_true(tickets_next_us(&tickets) == SCHEDULE_NEVER);
    assert_int_equal(tickets_take(&tickets, UINT64_MAX - 1, &ticket), TICKET_OVER);
}

static void what_is_due_but_was_not_taken_counts(void **state)
{
    (void)state;
    struct schedule schedule;
    assert_int_equal(schedule_parse(&schedule, "const:10", NULL), FR_OK);
    tickets_init(&tickets, &schedule, 0, 0, FR_SECOND_US);
    tickets_start(&tickets, START_US);
    assert_int_equal(tickets_take(&tickets, START_US, &ticket), TICKET_TAKEN);
    assert_int_equal(tickets_due(&tickets, 0), 1);
    assert_int_equal(tickets_due(&tickets, FR_SECOND_US / 4), 3);
    assert_int_equal(tickets_due(&tickets, 5 * FR_SECOND_US), 10);
    assert_int_equal(tickets_started(&tickets), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_closed_loop_measures_after_its_warm_up),
        cmocka_unit_test(no_number_comes_twice_while_measuring_begins),
        cmocka_unit_test(a_closed_loop_without_count_has_no_end),
        cmocka_unit_test(an_open_loop_is_due_by_the_schedule),
        cmocka_unit_test(an_open_loop_with_a_count_ends_with_it),
        cmocka_unit_test(a_schedule_that_ends_before_the_count_ends_it),
        cmocka_unit_test(what_is_due_but_was_not_taken_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
