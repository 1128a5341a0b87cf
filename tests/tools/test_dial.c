/* SPDX-License-Identifier: MIT */
/*
 * test_dial.c - looking up a host that somebody named: what it ends in, and when.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <string.h>

#include "base/clock.h"
#include "freshet/dial.h"
#include "rpc/channel.h"

#define BRIEF_US   (20 * FR_MILLISECOND_US)
#define PATIENT_US (60 * FR_SECOND_US)

/* A resolver: what it answers, and whether it does not yet. */
static pthread_mutex_t mu = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static bool silent;             /* guarded by mu, as what follows */
static unsigned asked, answered; /* for names */
static int answer;

int __real_getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **ret_found);
int __wrap_getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **ret_found);

/* The linker has the calls of dial.c go here. */
int __wrap_getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **ret_found)
{
    if (hints->ai_flags & AI_NUMERICHOST) {
        return __real_getaddrinfo(node, service, hints, ret_found);
    }
    pthread_mutex_lock(&mu);
    asked++;
    while (silent) {
        pthread_cond_wait(&changed, &mu);
    }
    int result = answer;
    answered++;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&mu);
    errno = ECONNREFUSED; /* what EAI_SYSTEM refers to */
    return result != 0 ? result : __real_getaddrinfo("127.0.0.1", service, hints, ret_found);
}

static int reset(void **state)
{
    (void)state;
    silent = false;
    asked = answered = 0;
    answer = 0;
    return 0;
}

static enum fr_code try(const char *address, uint64_t timeout_us, struct fr_error *error)
{
    struct fr_channel *channel = NULL;
    uint64_t left_us = timeout_us;
    enum fr_code code = dial(address, &left_us, &channel, error);
    assert_true(left_us > 0 && left_us <= timeout_us);
    fr_channel_free(channel);
    return code;
}

static void a_number_is_not_looked_up(void **state)
{
    (void)state;
    assert_int_equal(try("tcp://127.0.0.1:1", PATIENT_US, NULL), FR_OK);
    assert_int_equal(try("tcp://[::1]:1", PATIENT_US, NULL), FR_OK);
    assert_int_equal(asked, 0);
}

static void what_is_no_address_is_not_looked_up(void **state)
{
    static const char *const none[] = {"", "tcp", "tcp://", "tcp://host", "tcp://:1", "ipc:///x:1"};
    (void)state;
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        (void)!try(none[i], PATIENT_US, NULL);
    }
    assert_int_equal(asked, 0);
}

static void a_name_is_looked_up_once(void **state)
{
    (void)state;
    assert_int_equal(try("tcp://localhost:1", PATIENT_US, NULL), FR_OK);
    assert_int_equal(asked, 1);
}

static void a_failure_says_what_failed(void **state)
{
    static const struct {
        int result;
        enum fr_code code;
        const char *message;
    } failures[] = {
        {EAI_NONAME, FR_UNAVAILABLE, "cannot connect to tcp://host:1: unknown host"},
        {EAI_NODATA, FR_UNAVAILABLE, "cannot connect to tcp://host:1: unknown host"},
        {EAI_AGAIN, FR_UNAVAILABLE, "cannot look up tcp://host:1: "},
        {EAI_FAIL, FR_UNAVAILABLE, "cannot look up tcp://host:1: "},
        {EAI_SYSTEM, FR_UNAVAILABLE, "cannot look up tcp://host:1: Connection refused"},
        {EAI_MEMORY, FR_RESOURCE_EXHAUSTED, "out of memory"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof failures / sizeof failures[0]; i++) {
        struct fr_error error;
        answer = failures[i].result;
        assert_int_equal(try("tcp://host:1", PATIENT_US, &error), failures[i].code);
        assert_int_equal(strncmp(error.message, failures[i].message, strlen(failures[i].message)), 0);
    }
}

static void a_resolver_that_does_not_answer_is_given_up_on(void **state)
{
    struct fr_error error;
    (void)state;
    silent = true;
    uint64_t start_us = fr_clock_now_us();
    assert_int_equal(try("tcp://host:1", BRIEF_US, &error), FR_DEADLINE_EXCEEDED);
    assert_string_equal(error.message, "cannot look up tcp://host:1: no answer in time");
    assert_in_range(fr_clock_now_us() - start_us, BRIEF_US, PATIENT_US);
    /* Its late answer, good or bad, is nobody's. */
    pthread_mutex_lock(&mu);
    silent = false;
    pthread_cond_broadcast(&changed);
    while (answered < 1) {
        pthread_cond_wait(&changed, &mu);
    }
    pthread_mutex_unlock(&mu);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_number_is_not_looked_up, reset),
        cmocka_unit_test_setup(what_is_no_address_is_not_looked_up, reset),
        cmocka_unit_test_setup(a_name_is_looked_up_once, reset),
        cmocka_unit_test_setup(a_failure_says_what_failed, reset),
        cmocka_unit_test_setup(a_resolver_that_does_not_answer_is_given_up_on, reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
