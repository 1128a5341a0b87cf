/* SPDX-License-Identifier: MIT */
/*
 * test_findings.c - samples to figures, figures to words, and what the kernel counts on a connection.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "variants/child.h"
#include "variants/connection.h"
#include "variants/findings.h"

static void set(struct shape_findings *shape, enum pack_codec_index codec, enum metric metric, unsigned count,
                const double *values)
{
    struct samples *samples = &shape->variants[codec].levels[LEVEL_NEAR].metrics[metric];
    samples->count = count;
    memcpy(samples->values, values, count * sizeof values[0]);
}

static enum winner judge(enum metric metric, unsigned count, const double *protobuf, const double *json)
{
    static struct shape_findings shape;
    memset(&shape, 0, sizeof shape);
    set(&shape, PACK_PROTOBUF, metric, count, protobuf);
    set(&shape, PACK_JSON, metric, count, json);
    return winner_of(&shape, LEVEL_NEAR, metric);
}

static void a_spread_is_median_and_quartiles(void **state)
{
    struct samples samples = {.values = {50, 10, 30, 20, 40}, .count = 5};
    struct spread spread = spread_of(&samples);
    (void)state;
    assert_float_equal(spread.median, 30, 1e-9);
    assert_float_equal(spread.low, 20, 1e-9);
    assert_float_equal(spread.high, 40, 1e-9);
    assert_float_equal(spread.percent, 100.0 / 3, 1e-9);
    assert_float_equal(samples.values[0], 50, 0); /* left in their order */
    samples.count = 0;
    assert_float_equal(spread_of(&samples).median, 0, 0);
}

static void more_calls_and_less_of_all_else_win(void **state)
{
    const double few[] = {100, 101, 102}, many[] = {150, 151, 152};
    (void)state;
    assert_int_equal(judge(METRIC_CALLS, 3, many, few), WINNER_PROTOBUF);
    assert_int_equal(judge(METRIC_CALLS, 3, few, many), WINNER_JSON);
    assert_int_equal(judge(METRIC_P99, 3, many, few), WINNER_JSON);
    assert_int_equal(judge(METRIC_CPU, 3, few, many), WINNER_PROTOBUF);
}

static void what_is_close_or_overlaps_is_a_tie(void **state)
{
    const double base[] = {100, 101, 102}, close[] = {104, 105, 106}, wide[] = {90, 150, 220};
    (void)state;
    assert_int_equal(judge(METRIC_P50, 3, base, close), WINNER_TIE);
    assert_int_equal(judge(METRIC_P50, 3, wide, (const double[]){100, 130, 160}), WINNER_TIE);
    assert_int_equal(judge(METRIC_RECEIVED, 3, base, wide), WINNER_PROTOBUF); /* bytes have no noise */
}

static void too_few_rounds_judge_no_times(void **state)
{
    const double few[] = {100, 100}, many[] = {900, 900};
    (void)state;
    assert_int_equal(judge(METRIC_P99, 2, few, many), WINNER_NOBODY);
    assert_int_equal(judge(METRIC_SENT, 2, few, many), WINNER_PROTOBUF);
    assert_int_equal(judge(METRIC_SENT, 0, few, many), WINNER_NOBODY);
}

static void an_outcome_becomes_figures_of_a_call(void **state)
{
    static struct point point;
    static struct client_outcome outcome;
    const uint64_t cpu_ns[3] = {2000000, 4000000, 1000000};
    (void)state;
    outcome = (struct client_outcome){.calls = 1000, .time_us = 500000, .sent_bytes = 50000, .received_bytes = 90000};
    for (unsigned i = 1; i <= 1000; i++) {
        fr_histogram_record(&outcome.latency_us, i);
    }
    point_add(&point, &outcome, cpu_ns);
    assert_float_equal(point.metrics[METRIC_CALLS].values[0], 2000, 1e-9);
    assert_float_equal(point.metrics[METRIC_P50].values[0], 500, 500.0 / 64);
    assert_float_equal(point.metrics[METRIC_P999].values[0], 999, 999.0 / 64);
    assert_float_equal(point.metrics[METRIC_SENT].values[0], 50, 1e-9);
    assert_float_equal(point.metrics[METRIC_RECEIVED].values[0], 90, 1e-9);
    assert_float_equal(point.metrics[METRIC_CLIENT].values[0], 2, 1e-9);
    assert_float_equal(point.metrics[METRIC_REDIS].values[0], 1, 1e-9);
    assert_float_equal(point.metrics[METRIC_CPU].values[0], 7, 1e-9);
    point_add(&point, &(struct client_outcome){.calls = 0}, cpu_ns); /* a run without an answer has no figures */
    assert_int_equal(point.metrics[METRIC_CALLS].count, 1);
}

static void words_tell_ties_from_wins(void **state)
{
    static struct findings findings;
    const double few[] = {100, 101, 102}, many[] = {200, 201, 202};
    struct fr_buffer text = {0};
    (void)state;
    findings = (struct findings){.rounds = 3, .shape_count = 1};
    findings.shapes[0].dataset = &datasets[0];
    set(&findings.shapes[0], PACK_PROTOBUF, METRIC_CALLS, 3, few);
    set(&findings.shapes[0], PACK_JSON, METRIC_CALLS, 3, few);
    set(&findings.shapes[0], PACK_PROTOBUF, METRIC_P50, 3, many);
    set(&findings.shapes[0], PACK_JSON, METRIC_P50, 3, few);
    set(&findings.shapes[0], PACK_PROTOBUF, METRIC_RECEIVED, 3, few);
    set(&findings.shapes[0], PACK_JSON, METRIC_RECEIVED, 3, many);
    findings_append_words(&text, &findings);
    assert_string_equal(fr_buffer_text(&text),
                        "\nWhere JSON, straight by the schema, ties or does better:\n"
                        "  user from near: calls/s tie, p50 1.99 times\n"
                        "Where protobuf does better:\n"
                        "  user from near: bytes received 1.99 times\n");
    fr_buffer_fini(&text);
}

/* Both ends of a connection over the loopback interface. */
static unsigned connect_pair(int ends[2])
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
    ends[0] = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(ends[0], (struct sockaddr *)&address, size), 0);
    ends[1] = accept(listener, NULL, NULL);
    assert_true(ends[1] >= 0);
    close(listener);
    return ntohs(address.sin_port);
}

static void the_kernel_counts_every_byte_of_a_connection(void **state)
{
    char bytes[5000] = {0};
    int ends[2];
    (void)state;
    unsigned port = connect_pair(ends);
    struct connection_bytes before = connection_count(port);
    assert_int_equal(send(ends[0], bytes, 1234, 0), 1234);
    assert_int_equal(recv(ends[1], bytes, 1234, MSG_WAITALL), 1234);
    assert_int_equal(send(ends[1], bytes, 5000, 0), 5000);
    assert_int_equal(recv(ends[0], bytes, 5000, MSG_WAITALL), 5000);
    struct connection_bytes after = connection_count(port);
    assert_int_equal(after.sent - before.sent, 1234);
    assert_int_equal(after.received - before.received, 5000);
    close(ends[0]);
    close(ends[1]);
    assert_int_equal(connection_count(port).sent, 0);
}

static void answer_and_work(int fd, const void *context)
{
    volatile unsigned sum = 0;
    char letter;
    while (child_receive(fd, &letter, 1)) {
        while (process_cpu_ns(getpid()) < 20000000) {
            sum += 1;
        }
        letter = *(const char *)context;
        (void)child_send(fd, &letter, 1);
    }
}

static void a_child_answers_and_its_time_is_counted_apart(void **state)
{
    struct child child;
    char letter = 'a';
    (void)state;
    assert_int_equal(child_start(&child, answer_and_work, "z", NULL), FR_OK);
    assert_true(child_send(child.fd, &letter, 1));
    assert_true(child_receive(child.fd, &letter, 1));
    assert_int_equal(letter, 'z');
    assert_true(process_cpu_ns(child.pid) >= 20000000);
    assert_true(process_memory_bytes(child.pid) > 4096);
    child_end(&child, false);
    assert_int_equal(child.pid, 0);
    child_end(&child, false); /* none is fine */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_spread_is_median_and_quartiles),
        cmocka_unit_test(more_calls_and_less_of_all_else_win),
        cmocka_unit_test(what_is_close_or_overlaps_is_a_tie),
        cmocka_unit_test(too_few_rounds_judge_no_times),
        cmocka_unit_test(an_outcome_becomes_figures_of_a_call),
        cmocka_unit_test(words_tell_ties_from_wins),
        cmocka_unit_test(the_kernel_counts_every_byte_of_a_connection),
        cmocka_unit_test(a_child_answers_and_its_time_is_counted_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
