/* SPDX-License-Identifier: MIT */
/*
 * dial.c - a channel to an address that a person gave.
 *
 * A resolver takes as long as it likes and cannot be cancelled, so a thread looks up; out of time, it is left to itself.
 */
#include "freshet/dial.h"

#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/condition.h"
#include "freshet/address.h"
#include "rpc/channel.h"

#define SCHEME "tcp://"

/* Whoever of the thread and its caller is the last to leave frees it. */
struct look_up {
    char host[ADDRESS_BYTES];
    pthread_mutex_t mu;
    pthread_cond_t changed;
    bool done, abandoned;     /* guarded by mu, as what follows */
    int result, system_errno; /* of getaddrinfo */
};

static void look_up_free(struct look_up *self)
{
    pthread_cond_destroy(&self->changed);
    pthread_mutex_destroy(&self->mu);
    free(self);
}

static int resolve(const char *host, int flags)
{
    const struct addrinfo tcp = {.ai_socktype = SOCK_STREAM, .ai_flags = flags};
    struct addrinfo *found;
    int result = getaddrinfo(host, NULL, &tcp, &found);
    if (result == 0) {
        freeaddrinfo(found);
    }
    return result;
}

static void *run(void *argument)
{
    struct look_up *self = argument;
    int result = resolve(self->host, 0), system_errno = errno;
    pthread_mutex_lock(&self->mu);
    self->result = result;
    self->system_errno = system_errno;
    self->done = true;
    bool abandoned = self->abandoned;
    pthread_cond_signal(&self->changed);
    pthread_mutex_unlock(&self->mu);
    if (abandoned) {
        look_up_free(self);
    }
    return NULL;
}

static enum fr_code explain(const char *address, int result, int system_errno, struct fr_error *reterr)
{
    switch (result) {
    case 0:
        return FR_OK;
    case EAI_MEMORY:
        return fr_error_no_memory(reterr);
    case EAI_NONAME:
    case EAI_NODATA:
        return fr_error_set(reterr, FR_UNAVAILABLE, "cannot connect to %.120s: unknown host: %s", address,
                            gai_strerror(result));
    default:
        return fr_error_set(reterr, FR_UNAVAILABLE, "cannot look up %.120s: %s", address,
                            result == EAI_SYSTEM ? strerror(system_errno) : gai_strerror(result));
    }
}

static enum fr_code look_up_until(const char *address, const char *host, uint64_t deadline_us, struct fr_error *reterr)
{
    struct look_up *self = calloc(1, sizeof *self);
    pthread_t thread;
    if (self == NULL) {
        return fr_error_no_memory(reterr);
    }
    snprintf(self->host, sizeof self->host, "%s", host);
    pthread_mutex_init(&self->mu, NULL);
    fr_condition_init(&self->changed);
    if (pthread_create(&thread, NULL, run, self) != 0) {
        look_up_free(self);
        return fr_error_no_memory(reterr);
    }
    pthread_detach(thread);
    pthread_mutex_lock(&self->mu);
    while (!self->done && fr_condition_wait(&self->changed, &self->mu, deadline_us)) {
    }
    bool done = self->done;
    int result = self->result, system_errno = self->system_errno;
    self->abandoned = !done;
    pthread_mutex_unlock(&self->mu);
    if (!done) {
        return fr_error_set(reterr, FR_DEADLINE_EXCEEDED, "cannot look up %.120s: no answer in time", address);
    }
    look_up_free(self);
    return explain(address, result, system_errno, reterr);
}

/* Anything that is no "tcp://host:port" is left to fr_channel_new. */
static enum fr_code look_up(const char *address, uint64_t deadline_us, struct fr_error *reterr)
{
    char host[ADDRESS_BYTES];
    if (strncmp(address, SCHEME, strlen(SCHEME)) != 0) {
        return FR_OK;
    }
    const char *begin = address + strlen(SCHEME), *colon = strrchr(begin, ':');
    if (colon == NULL || colon == begin || begin[0] == '[') {
        return FR_OK;
    }
    snprintf(host, sizeof host, "%.*s", (int)(colon - begin), begin);
    return resolve(host, AI_NUMERICHOST) == 0 ? FR_OK : look_up_until(address, host, deadline_us, reterr);
}

enum fr_code dial(const char *address, uint64_t *timeout_us, struct fr_channel **ret_channel, struct fr_error *reterr)
{
    uint64_t start_us = fr_clock_now_us();
    enum fr_code code = look_up(address, fr_clock_deadline_us(start_us, *timeout_us), reterr);
    uint64_t spent_us = fr_clock_now_us() - start_us;
    *timeout_us = spent_us < *timeout_us ? *timeout_us - spent_us : 1; /* 0 would be no limit */
    return code == FR_OK ? fr_channel_new(address, NULL, ret_channel, reterr) : code;
}
