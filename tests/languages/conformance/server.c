/* SPDX-License-Identifier: MIT */
/*
 * server.c - probe.v1.Conformance, for the clients of all languages.
 *
 * usage: conformance-server ADDRESS: prints the address that it serves on, and ends at SIGTERM.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/random.h"
#include "base/timer.h"
#include "probe/probe.freshet.h"

#define SHUFFLE_WITHIN_US 30000
#define MAX_GATHERED      4096

/* An answer that a timer gives: the request. */
struct later {
    struct fr_timer timer;
    struct fr_call *call;
    const Probe__V1__Values *request;
};

enum progress { NOT_SEEN, ARRIVED, OVER };

/* A call of Sleep that is never answered. It stays in the list for ever. */
struct sleeper {
    struct sleeper *next;
    struct fr_call *call;
    char *text;
    enum progress progress;
};

/* A call of Arrived or Over that waits for it. */
struct waiter {
    struct waiter *next;
    struct fr_call *call;
    const Probe__V1__Values *request;
    enum progress wanted;
};

static pthread_mutex_t mu = PTHREAD_MUTEX_INITIALIZER;
static struct sleeper *sleepers; /* guarded by mu, as all below */
static struct waiter *waiters;
static struct later *gathered[MAX_GATHERED];
static size_t gathered_count;

static void *allocate(size_t size)
{
    void *memory = calloc(1, size);
    FR_ASSERT(memory != NULL);
    return memory;
}

static void mirror_metadata(struct fr_call *call)
{
    struct fr_metadata metadata = fr_call_metadata(call);
    for (size_t i = 0; i < metadata.count; i++) {
        struct fr_bytes key = metadata.entries[i].key;
        char text[FR_METADATA_MAX_BYTES];
        snprintf(text, sizeof text, "%.*s", (int)key.size, (const char *)key.data);
        fr_call_set_metadata(call, text, metadata.entries[i].value);
    }
}

static void echo(struct fr_call *call, const Probe__V1__Values *request, void *context)
{
    (void)context;
    mirror_metadata(call);
    probe_v1_conformance_reply_echo(call, request);
}

static void fail(struct fr_call *call, const Probe__V1__Values *request, void *context)
{
    const Probe__V1__Failure *failure = request->failure;
    (void)context;
    mirror_metadata(call);
    if (failure == NULL) {
        fr_call_fail(call, FR_INVALID_ARGUMENT, "failure is missing");
        return;
    }
    for (size_t i = 0; i < failure->n_details; i++) {
        const Probe__V1__Detail *detail = failure->details[i];
        fr_call_add_detail(call, detail->type_url, (struct fr_bytes){detail->value.data, detail->value.len});
    }
    fr_call_set_retry_after(call, failure->retry_after_us);
    fr_call_fail(call, (enum fr_code)failure->code, "%s", failure->message);
}

static void large(struct fr_call *call, const Probe__V1__Values *request, void *context)
{
    Probe__V1__Values answer = PROBE__V1__VALUES__INIT;
    (void)context;
    answer.text = allocate((size_t)request->number + 1);
    memset(answer.text, 'x', (size_t)request->number);
    probe_v1_conformance_reply_large(call, &answer);
    free(answer.text);
}

/* ---- answers that come later ---- */

static void answer_later(struct fr_timer *timer)
{
    struct later *self = (struct later *)timer;
    mirror_metadata(self->call);
    fr_call_reply_message(self->call, &self->request->base);
    free(self);
}

static struct later *later_new(struct fr_call *call, const Probe__V1__Values *request)
{
    struct later *self = allocate(sizeof *self);
    self->call = call;
    self->request = request;
    return self;
}

static void shuffle(struct fr_call *call, const Probe__V1__Values *request, void *context)
{
    (void)context;
    pthread_mutex_lock(&mu);
    FR_ASSERT(gathered_count < MAX_GATHERED);
    gathered[gathered_count++] = later_new(call, request);
    if (gathered_count >= request->natural) {
        for (size_t i = 0; i < gathered_count; i++) {
            fr_timer_start(&gathered[i]->timer, fr_clock_now_us() + fr_random_below(SHUFFLE_WITHIN_US), answer_later);
        }
        gathered_count = 0;
    }
    pthread_mutex_unlock(&mu);
}

/* ---- calls that are never answered, and those that ask after them ---- */

static enum progress progress_locked(const char *text)
{
    for (const struct sleeper *each = sleepers; each != NULL; each = each->next) {
        if (strcmp(each->text, text) == 0) {
            return each->progress;
        }
    }
    return NOT_SEEN;
}

/* Takes out a waiter that need not wait any longer; NULL when there is none. */
static struct waiter *take_ready(void)
{
    struct waiter *found = NULL;
    pthread_mutex_lock(&mu);
    for (struct waiter **at = &waiters; *at != NULL && found == NULL; at = &(*at)->next) {
        if (progress_locked((*at)->request->text) >= (*at)->wanted) {
            found = *at;
            *at = found->next;
            break;
        }
    }
    pthread_mutex_unlock(&mu);
    return found;
}

static void answer_waiters(void)
{
    for (struct waiter *ready = take_ready(); ready != NULL; ready = take_ready()) {
        fr_call_reply_message(ready->call, &ready->request->base);
        free(ready);
    }
}

static void on_over(void *argument)
{
    struct sleeper *self = argument;
    fr_call_fail(self->call, FR_CANCELLED, "nobody waits");
    pthread_mutex_lock(&mu);
    self->progress = OVER;
    pthread_mutex_unlock(&mu);
    answer_waiters();
}

static void sleep_for_ever(struct fr_call *call, const char *text)
{
    struct sleeper *self = allocate(sizeof *self);
    self->call = call;
    self->text = strdup(text);
    self->progress = ARRIVED;
    FR_ASSERT(self->text != NULL);
    pthread_mutex_lock(&mu);
    self->next = sleepers;
    sleepers = self;
    pthread_mutex_unlock(&mu);
    answer_waiters();
    fr_call_on_over(call, on_over, self);
}

static void sleep_a_while(struct fr_call *call, const Probe__V1__Values *request, void *context)
{
    (void)context;
    if (request->number < 0) {
        sleep_for_ever(call, request->text);
    } else {
        fr_timer_start(&later_new(call, request)->timer, fr_clock_now_us() + 1000 * (uint64_t)request->number,
                       answer_later);
    }
}

static void wait_for(struct fr_call *call, const Probe__V1__Values *request, enum progress wanted)
{
    struct waiter *self = allocate(sizeof *self);
    *self = (struct waiter){NULL, call, request, wanted};
    pthread_mutex_lock(&mu);
    self->next = waiters;
    waiters = self;
    pthread_mutex_unlock(&mu);
    answer_waiters();
}

static void arrived(struct fr_call *call, const Probe__V1__Values *request, void *context)
{
    (void)context;
    wait_for(call, request, ARRIVED);
}

static void over(struct fr_call *call, const Probe__V1__Values *request, void *context)
{
    (void)context;
    wait_for(call, request, OVER);
}

int main(int argc, char **argv)
{
    static const struct probe_v1_conformance_service service = {.echo = echo, .fail = fail, .sleep = sleep_a_while,
        .large = large, .shuffle = shuffle, .arrived = arrived, .over = over};
    struct fr_server *server = NULL;
    struct fr_error error = {0};
    sigset_t ends;
    int signal_number;
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &ends, NULL);
    if (argc != 2 || fr_server_new(&server, &error) != FR_OK ||
        probe_v1_conformance_register(server, &service, NULL) != FR_OK ||
        fr_server_listen(server, argv[1], &error) != FR_OK || fr_server_serve(server, &error) != FR_OK) {
        fprintf(stderr, "conformance-server: %s\n", error.message);
        return 1;
    }
    printf("%s\n", fr_server_address(server));
    fflush(stdout);
    sigwait(&ends, &signal_number);
    fr_server_free(server);
    return 0;
}
