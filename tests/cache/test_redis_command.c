/* SPDX-License-Identifier: MIT */
/*
 * test_redis_command.c - commands as hiredis writes them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include <hiredis/hiredis.h>

#include "cache/redis_command.h"

static void assert_as_hiredis(int count, const char **arguments, const size_t *sizes)
{
    char *expected;
    long long size = redisFormatCommandArgv(&expected, count, arguments, sizes);
    struct fr_buffer out = {0};
    memset(fr_buffer_reserve(&out, 4096), 0xFF, 4096);
    fr_buffer_append_text(&out, "before");
    fr_redis_command_write(&out, count, arguments, sizes);
    assert_false(out.failed);
    assert_int_equal(out.size, 6 + size);
    assert_memory_equal(out.data, "before", 6);
    assert_memory_equal(out.data + 6, expected, (size_t)size + 1); /* and the zero byte after it */
    redisFreeCommand(expected);
    fr_buffer_fini(&out);
}

static void commands_are_those_of_hiredis(void **state)
{
    (void)state;
    assert_as_hiredis(1, (const char *[]){"INFO"}, (const size_t[]){4});
    assert_as_hiredis(3, (const char *[]){"SET", "a key", "\0\r\n$"}, (const size_t[]){3, 5, 4});
    assert_as_hiredis(2, (const char *[]){"GET", ""}, (const size_t[]){3, 0});
}

static void sizes_and_counts_of_any_length_are_whole(void **state)
{
    (void)state;
    static char text[100001];
    const char *arguments[1000];
    size_t sizes[1000];
    memset(text, 'x', sizeof text);
    for (unsigned i = 0; i < 1000; i++) {
        arguments[i] = text;
        sizes[i] = i;
    }
    for (int count = 1; count <= 1000; count = count < 10 ? count + 1 : count * 10) {
        assert_as_hiredis(count, arguments, sizes);
    }
    assert_as_hiredis(1000, arguments, sizes);
    for (size_t size = 1; size < sizeof text; size *= 10) {
        assert_as_hiredis(2, (const char *[]){text, text}, (const size_t[]){size - 1, size});
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commands_are_those_of_hiredis),
        cmocka_unit_test(sizes_and_counts_of_any_length_are_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
