/* SPDX-License-Identifier: MIT */
/*
 * test_state_folder.c - the default database follows the environment, and its folder is made.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/state_folder.h"

#define PATH_BYTES 256

static char home[] = "/tmp/freshet-state-XXXXXX";

static int make_home(void **state)
{
    (void)state;
    return mkdtemp(home) == NULL;
}

/* Each folder below home that a test has made, the innermost first. */
static int remove_home(void **state)
{
    static const char *const folders[] = {"/.local/state/freshet", "/.local/state", "/.local", "/freshet",
                                          ""};
    char path[PATH_BYTES];
    (void)state;
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        snprintf(path, sizeof path, "%s%s", home, folders[i]);
        rmdir(path);
    }
    return access(home, F_OK) == 0;
}

static void set(const char *state, const char *user)
{
    assert_int_equal(state == NULL ? unsetenv("XDG_STATE_HOME") : setenv("XDG_STATE_HOME", state, 1), 0);
    assert_int_equal(user == NULL ? unsetenv("HOME") : setenv("HOME", user, 1), 0);
}

static void assert_default(const char *below)
{
    char path[PATH_BYTES], wanted[PATH_BYTES];
    struct fr_error error;
    struct stat folder;
    /* Twice: the folder may be there already. */
    assert_int_equal(fr_default_database(path, sizeof path, &error), FR_OK);
    assert_int_equal(fr_default_database(path, sizeof path, &error), FR_OK);
    snprintf(wanted, sizeof wanted, "%s%s", home, below);
    assert_string_equal(path, wanted);
    *strrchr(path, '/') = '\0';
    assert_int_equal(stat(path, &folder), 0);
    assert_true(S_ISDIR(folder.st_mode));
    assert_int_equal(folder.st_mode & 0077, 0);
}

static void assert_refused(size_t size, const char *cause)
{
    char path[PATH_BYTES];
    struct fr_error error;
    assert_int_equal(fr_default_database(path, size, &error), FR_FAILED_PRECONDITION);
    assert_non_null(strstr(error.message, cause));
    assert_non_null(strstr(error.message, "--db"));
}

static void it_lies_in_the_state_folder(void **state)
{
    (void)state;
    set(home, "/nowhere");
    assert_default("/freshet/freshet.db");
}

static void it_lies_below_the_home_otherwise(void **state)
{
    (void)state;
    set("not/absolute", home);
    assert_default("/.local/state/freshet/freshet.db");
}

static void a_refusal_says_what_to_do(void **state)
{
    (void)state;
    set(NULL, NULL);
    assert_refused(PATH_BYTES, "neither XDG_STATE_HOME nor HOME");
    set("/dev/null", NULL);
    assert_refused(PATH_BYTES, "cannot create the folder '/dev/null/freshet': Not a directory");
    set(home, NULL);
    assert_refused(sizeof home, "too long");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_lies_in_the_state_folder),
        cmocka_unit_test(it_lies_below_the_home_otherwise),
        cmocka_unit_test(a_refusal_says_what_to_do),
    };
    return cmocka_run_group_tests(tests, make_home, remove_home);
}
