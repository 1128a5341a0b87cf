/* SPDX-License-Identifier: MIT */
/*
 * server.c - a server's life: register, listen, drain, stop.
 */
#include "rpc/server.h"

#include <nng/nng.h>

#include <nng/protocol/reqrep0/rep.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "rpc/address.h"
#include "rpc/nng_close.h"
#include "rpc/nng_error.h"
#include "rpc/nng_shut.h"
#include "rpc/server_internal.h"

#define FIRST_EXCHANGES 16
/* nng hands an answer to the kernel after it reports it as sent, and closing does not wait for that. */
#define LINGER_US       (50 * FR_MILLISECOND_US)
#define DRAIN_POLL_US   (2 * FR_MILLISECOND_US)
/* A drain does not wait for answers that nobody reads. */
#define DRAIN_STUCK_US  FR_SECOND_US
#define DRAIN_LOOK_US   (100 * FR_MILLISECOND_US)
/* Messages under way: for each connection twice what our channel has, and for a few that have many. */
#define FAIR_MESSAGES   4
#define MORE_MESSAGES   4096

/* FNV-1a (Fowler, Noll, Vo). */
static uint64_t hash_of(struct fr_bytes name)
{
    uint64_t hash = UINT64_C(0xCBF29CE484222325);
    for (size_t i = 0; i < name.size; i++) {
        hash = (hash ^ name.data[i]) * UINT64_C(0x100000001B3);
    }
    return hash;
}

struct method_slot *fr_server_find(const struct fr_server *self, struct fr_bytes name)
{
    uint64_t hash = hash_of(name);
    for (size_t i = 0; i < self->method_slots; i++) {
        struct method_slot *slot = &self->methods[(hash + i) & (self->method_slots - 1)];
        if (slot->declared.method == NULL) {
            return NULL;
        }
        if (slot->hash == hash && fr_bytes_equal(fr_bytes_of(slot->declared.method->name), name)) {
            return slot;
        }
    }
    return NULL;
}

static void insert(struct method_slot *slots, size_t count, const struct fr_server_method *method)
{
    uint64_t hash = hash_of(fr_bytes_of(method->method->name));
    size_t at = hash & (count - 1);
    while (slots[at].declared.method != NULL) {
        at = (at + 1) & (count - 1);
    }
    slots[at].hash = hash;
    slots[at].declared = *method;
}

/* Keeps the table at most half full. */
static enum fr_code reserve_methods(struct fr_server *self, size_t extra, struct fr_error *reterr)
{
    size_t slots = 16;
    while (slots < 2 * (self->method_count + extra)) {
        slots *= 2;
    }
    if (slots <= self->method_slots) {
        return FR_OK;
    }
    struct method_slot *grown = calloc(slots, sizeof grown[0]);
    if (grown == NULL) {
        return fr_error_no_memory(reterr);
    }
    for (size_t i = 0; i < self->method_slots; i++) {
        if (self->methods[i].declared.method != NULL) {
            insert(grown, slots, &self->methods[i].declared);
        }
    }
    free(self->methods);
    self->methods = grown;
    self->method_slots = slots;
    return FR_OK;
}

enum fr_code fr_server_register(struct fr_server *self, const char *name, const struct fr_server_method *methods,
                                size_t count, struct fr_error *reterr)
{
    if (reserve_methods(self, count, reterr) != FR_OK) {
        return FR_RESOURCE_EXHAUSTED;
    }
    const char **services = realloc(self->services, (self->service_count + 1) * sizeof services[0]);
    if (services == NULL) {
        return fr_error_no_memory(reterr);
    }
    self->services = services;
    self->services[self->service_count++] = name;
    for (size_t i = 0; i < count; i++) {
        insert(self->methods, self->method_slots, &methods[i]);
        self->method_count++;
    }
    return FR_OK;
}

enum fr_code fr_server_limit_method(struct fr_server *self, const char *method, unsigned max_open,
                                    struct fr_error *reterr)
{
    struct method_slot *slot = fr_server_find(self, fr_bytes_of(method));
    if (slot == NULL) {
        return fr_error_set(reterr, FR_NOT_FOUND, "this server has no method '%s'", method);
    }
    slot->max_open = max_open;
    return FR_OK;
}

static const struct fr_server_limits default_limits = {
    .connections = 10000,
    .messages = FAIR_MESSAGES * 10000 + MORE_MESSAGES,
    .connection_messages = 1024,
    .connection_bytes = (size_t)64 << 20,
    .open_calls = 65536,
    .session_calls = 16384,
    .session_bytes = (size_t)32 << 20,
    .held_bytes = (size_t)512 << 20,
    .park_us = 10 * FR_SECOND_US,
};

#define LIMIT(name) self->limits.name = limits->name != 0 ? limits->name : default_limits.name

void fr_server_set_limits(struct fr_server *self, const struct fr_server_limits *limits)
{
    LIMIT(connections);
    unsigned fair = FAIR_MESSAGES * self->limits.connections + MORE_MESSAGES;
    self->limits.messages = limits->messages != 0 ? limits->messages : fair;
    LIMIT(connection_messages);
    LIMIT(connection_bytes);
    LIMIT(open_calls);
    LIMIT(session_calls);
    LIMIT(session_bytes);
    LIMIT(held_bytes);
    LIMIT(park_us);
}

enum fr_code fr_server_new(struct fr_server **ret_server, struct fr_error *reterr)
{
    struct fr_server *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return fr_error_no_memory(reterr);
    }
    atomic_init(&self->refs, 1);
    pthread_mutex_init(&self->mu, NULL);
    self->limits = default_limits;
    int result = nng_rep0_open(&self->socket);
    enum fr_code code = fr_peers_init(self, reterr);
    if (result != 0) {
        code = fr_nng_error(reterr, result, "cannot open", "a REP socket");
    } else if (code == FR_OK) {
        nng_socket_set_size(self->socket, NNG_OPT_RECVMAXSZ, FR_MAX_BATCH_BYTES);
        nng_socket_set_bool(self->socket, NNG_OPT_TCP_KEEPALIVE, true);
        code = fr_health_register(self, reterr);
    }
    if (code != FR_OK) {
        fr_server_free(self);
        return code;
    }
    *ret_server = self;
    return FR_OK;
}

enum fr_code fr_server_listen(struct fr_server *self, const char *address, struct fr_error *reterr)
{
    if (fr_address_check(address, reterr) != FR_OK) {
        return FR_INVALID_ARGUMENT;
    }
    int result = nng_listener_create(&self->listener, self->socket, address);
    if (result == 0) {
        result = nng_listener_start(self->listener, 0);
    }
    if (result != 0) {
        return fr_nng_error(reterr, result, "cannot listen on", address);
    }
    int port = 0;
    nng_listener_get_int(self->listener, NNG_OPT_TCP_BOUND_PORT, &port);
    snprintf(self->address, sizeof self->address, "%.*s:%d", (int)(strrchr(address, ':') - address), address,
             port);
    return FR_OK;
}

enum fr_code fr_server_serve(struct fr_server *self, struct fr_error *reterr)
{
    enum fr_code code = FR_OK;
    atomic_store(&self->serving, true);
    for (unsigned i = 0; i < FIRST_EXCHANGES && code == FR_OK; i++) {
        code = fr_exchange_open(self, reterr);
    }
    if (code == FR_OK) {
        fr_peers_watch(self);
    }
    return code;
}

const char *fr_server_address(const struct fr_server *self)
{
    return self->address;
}

void fr_server_set_serving(struct fr_server *self, bool serving)
{
    atomic_store(&self->serving, serving);
}

static void pause_us(uint64_t time_us)
{
    struct timespec pause = {.tv_nsec = (long)time_us * 1000};
    nanosleep(&pause, NULL);
}

/* Messages not yet answered and sent, and those whose calls ended early but whose handlers still run. */
static size_t open_work(struct fr_server *self)
{
    size_t unsent = atomic_load(&self->open_batches);
    size_t live = atomic_load(&self->live_batches);
    return live > unsent ? live : unsent;
}

size_t fr_server_drain(struct fr_server *self, uint64_t timeout_us)
{
    uint64_t begin_us = fr_clock_now_us();
    uint64_t now_us = begin_us, look_us = begin_us;
    size_t open;
    atomic_store(&self->serving, false);
    atomic_store(&self->draining, true);
    fr_peers_release_all(self);
    /* Polled: who gives up the last reference may not touch the server again, not even to wake us. */
    while ((open = open_work(self)) > 0 && now_us - begin_us < timeout_us) {
        if (now_us >= look_us) {
            fr_peers_close_stuck(self, DRAIN_STUCK_US);
            look_us = now_us + DRAIN_LOOK_US;
        }
        pause_us(DRAIN_POLL_US);
        now_us = fr_clock_now_us();
    }
    /* Not looked at again if there was none: what came since is turned away, and is open for that moment only. */
    int calls = open == 0 ? 0 : atomic_load(&self->running);
    pause_us(LINGER_US);
    return calls > 0 ? (size_t)calls : open;
}

void fr_server_unref(struct fr_server *self)
{
    if (atomic_fetch_sub(&self->refs, 1) != 1) {
        return;
    }
    for (size_t i = 0; i < self->exchange_count; i++) {
        fr_exchange_free(self->exchanges[i]);
    }
    fr_peers_fini(self);
    pthread_mutex_destroy(&self->mu);
    free(self->exchanges);
    free(self->services);
    free(self->methods);
    free(self);
}

static void drop_reference(void *argument)
{
    fr_server_unref(argument);
}

void fr_server_free(struct fr_server *self)
{
    if (self == NULL) {
        return;
    }
    pthread_mutex_lock(&self->mu);
    self->stopping = true;
    pthread_mutex_unlock(&self->mu);
    atomic_store(&self->freeing, true);
    if (nng_listener_id(self->listener) > 0) {
        fr_nng_shut_listener(self->listener);
    }
    size_t pipe_count;
    nng_pipe *pipes = fr_peers_pipes(self, &pipe_count);
    /* Before the socket, which would close them. The listener is left to it: closed before, nng_close could still use
       what the reaper frees (nng issue 1657). */
    fr_nng_end_pipes(pipes, pipe_count);
    free(pipes);
    /* The list no longer changes: fr_exchange_open refuses. */
    for (size_t i = 0; i < self->exchange_count; i++) {
        fr_exchange_stop(self->exchanges[i]);
    }
    for (size_t i = 0; i < self->exchange_count; i++) {
        fr_exchange_close(self->exchanges[i]);
    }
    fr_peers_kill_all(self);
    /* Now, not with the last reference: calls that are never answered must not keep the port and its connections. */
    fr_nng_close(&(struct fr_nng_closing){
        .socket = self->socket,
        .closed = drop_reference,
        .argument = self,
    });
}
