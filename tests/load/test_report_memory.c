/* SPDX-License-Identifier: MIT */
/*
 * test_report_memory.c - a report that found no memory, wherever that was, says so: it is linked with --wrap=realloc.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "load/report.h"

static int until_failure; /* calls of realloc; one fails, those after it do not */

void *__real_realloc(void *memory, size_t size);
void *__wrap_realloc(void *memory, size_t size);

void *__wrap_realloc(void *memory, size_t size)
{
    return until_failure > 0 && --until_failure == 0 ? NULL : __real_realloc(memory, size);
}

static void make_report(struct report *report)
{
    *report = (struct report){.address = "tcp://h:1", .methods = {"a.B/C"}, .weights = {1}, .method_count = 1};
    struct run *run = &report->runs[report->run_count++];
    *run = (struct run){.concurrency = 8, .channels = 1, .seconds = 1};
    assert_int_equal(tally_init(&run->tally, 1, false, NULL), FR_OK);
    tally_record(&run->tally, &(struct tally_call){.end_us = 100});
    assert_int_equal(run_finish(run, NULL), FR_OK);
}

static void every_failure_is_told(void (*append)(struct fr_buffer *, const struct report *))
{
    static struct report report; /* large */
    make_report(&report);
    for (int at = 1;; at++) {
        struct fr_buffer out = {0};
        until_failure = at;
        append(&out, &report);
        bool failed = until_failure == 0, told = out.failed;
        until_failure = 0;
        fr_buffer_fini(&out);
        assert_int_equal(told, failed);
        if (!failed) { /* it needs fewer */
            assert_true(at > 1);
            break;
        }
    }
    report_fini(&report);
}

static void json_says_that_it_is_not_whole(void **state)
{
    (void)state;
    every_failure_is_told(report_append_json);
}

static void prometheus_says_that_it_is_not_whole(void **state)
{
    (void)state;
    every_failure_is_told(report_append_prometheus);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_says_that_it_is_not_whole),
        cmocka_unit_test(prometheus_says_that_it_is_not_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
