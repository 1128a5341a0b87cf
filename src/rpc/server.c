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
#include "rpc/server_internal.h"

#define FIRST_EXCHANGES 16
/* nng hands an answer to the kernel after it reports it as sent, and closing does not wait for that. */
#define LINGER_US       (50 * FR_MILLISECOND_US)
#define DRAIN_POLL_US   (2 * FR_MILLISECOND_US)

/* FNV-1a (Fowler, Noll, Vo). */
static uint64_t hash_of(struct fr_bytes name)
{
    uint64_t hash = UINT64_C(0xCBF29CE484222325);
    for (size_t i = 0; i < name.size; i++) {
        hash = (hash ^ name.data[i]) * UINT64_C(0x100000001B3);
    }
    return hash;
}

const struct fr_server_method *fr_server_find(const struct fr_server *self, struct fr_bytes name)
{
    uint64_t hash = hash_of(name);
    for (size_t i = 0; i < self->method_slots; i++) {
        const struct fr_server_method *slot = &self->methods[(hash + i) & (self->method_slots - 1)];
        if (slot->method == NULL) {
            return NULL;
        }
        if (fr_bytes_equal(fr_bytes_of(slot->method->name), name)) {
            return slot;
        }
    }
    return NULL;
}

static void insert(struct fr_server_method *slots, size_t count, const struct fr_server_method *method)
{
    uint64_t hash = hash_of(fr_bytes_of(method->method->name));
    while (slots[hash & (count - 1)].method != NULL) {
        hash++;
    }
    slots[hash & (count - 1)] = *method;
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
    struct fr_server_method *grown = calloc(slots, sizeof grown[0]);
    if (grown == NULL) {
        return fr_error_no_memory(reterr);
    }
    for (size_t i = 0; i < self->method_slots; i++) {
        if (self->methods[i].method != NULL) {
            insert(grown, slots, &self->methods[i]);
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

enum fr_code fr_server_new(struct fr_server **ret_server, struct fr_error *reterr)
{
    struct fr_server *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return fr_error_no_memory(reterr);
    }
    atomic_init(&self->refs, 1);
    pthread_mutex_init(&self->mu, NULL);
    int result = nng_rep0_open(&self->socket);
    enum fr_code code = FR_OK;
    if (result != 0) {
        code = fr_nng_error(reterr, result, "cannot open", "a REP socket");
    } else {
        nng_socket_set_size(self->socket, NNG_OPT_RECVMAXSZ, FR_MAX_BATCH_BYTES);
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

/* Calls not yet answered and sent, and those answered by their deadline whose handlers still run: these keep a
   reference through their batch. */
static size_t open_work(const struct fr_server *self)
{
    size_t unsent = atomic_load(&self->open_batches);
    size_t running = atomic_load(&self->refs) - 1;
    return running > unsent ? running : unsent;
}

size_t fr_server_drain(struct fr_server *self, uint64_t timeout_us)
{
    uint64_t end_us = fr_clock_now_us() + timeout_us;
    atomic_store(&self->serving, false);
    atomic_store(&self->draining, true);
    /* Polled: who gives up the last reference may not touch the server again, not even to wake us. */
    while (open_work(self) > 0 && fr_clock_now_us() < end_us) {
        pause_us(DRAIN_POLL_US);
    }
    size_t left = open_work(self);
    pause_us(LINGER_US);
    return left;
}

void fr_server_unref(struct fr_server *self)
{
    if (atomic_fetch_sub(&self->refs, 1) != 1) {
        return;
    }
    for (size_t i = 0; i < self->exchange_count; i++) {
        fr_exchange_free(self->exchanges[i]);
    }
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
    if (nng_listener_id(self->listener) > 0) {
        nng_listener_close(self->listener);
    }
    /* The list no longer changes: fr_exchange_open refuses. */
    for (size_t i = 0; i < self->exchange_count; i++) {
        fr_exchange_stop(self->exchanges[i]);
    }
    for (size_t i = 0; i < self->exchange_count; i++) {
        fr_exchange_close(self->exchanges[i]);
    }
    /* Now, not with the last reference: calls that are never answered must not keep the port and its connections. */
    fr_nng_close(self->socket, drop_reference, self);
}
