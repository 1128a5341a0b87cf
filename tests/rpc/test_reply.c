/* SPDX-License-Identifier: MIT */
/*
 * test_reply.c - a reply has what was written, however well its size was guessed.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "rpc/reply.h"

/* Writes size bytes in pieces, takes the message and compares it. */
static void write_and_take(size_t expected, size_t size, size_t piece)
{
    struct fr_reply reply = {.expected = expected};
    for (size_t at = 0; at < size; at += piece) {
        size_t now = piece < size - at ? piece : size - at;
        uint8_t *to = fr_reply_extend(&reply, now);
        assert_non_null(to);
        for (size_t i = 0; i < now; i++) {
            to[i] = (uint8_t)((at + i) % 251);
        }
    }
    nng_msg *message = fr_reply_take(&reply);
    assert_non_null(message);
    assert_null(reply.message);
    assert_int_equal(nng_msg_len(message), size);
    const uint8_t *body = nng_msg_body(message);
    for (size_t i = 0; i < size; i++) {
        assert_int_equal(body[i], i % 251);
    }
    nng_msg_free(message);
}

static void what_was_written_is_in_the_message(void **state)
{
    (void)state;
    write_and_take(0, 0, 1);
    write_and_take(0, 1, 1);
    write_and_take(0, 100000, 77);
    write_and_take(100000, 100000, 77); /* guessed well */
    write_and_take(20, 100000, 77);     /* too low */
    write_and_take(100000, 50, 7);      /* much too high */
    write_and_take(SIZE_MAX, 50, 7);
}

static void a_reply_that_nobody_takes_is_forgotten(void **state)
{
    (void)state;
    struct fr_reply reply = {0};
    assert_non_null(fr_reply_extend(&reply, 10));
    fr_reply_fini(&reply);
    assert_null(reply.message);
    fr_reply_fini(&reply);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_is_in_the_message),
        cmocka_unit_test(a_reply_that_nobody_takes_is_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
