/* SPDX-License-Identifier: MIT */
/*
 * load.c - chains of calls, each started by the end of the one before; runs are counted in shared memory.
 */
#include "rpc/load.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
/* cmocka.h needs the standard headers first. */
#include <cmocka.h>

#include "base/worker_pool.h"
#include "rpc/program.h"
#include "rpc/server.h"

#define RUN "test.v1.Load/Run" /* counts the call whose number is the payload; some answer late */

static atomic_uint *map_runs(int fd)
{
    void *runs = mmap(NULL, LOAD_CALLS * sizeof(atomic_uint), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    FR_ASSERT(runs != MAP_FAILED);
    return runs;
}

/* ---- the client ---- */

void load_init(struct load *self)
{
    *self = (struct load){.shared = memfd_create("runs", MFD_CLOEXEC)};
    assert_true(self->shared >= 0);
    assert_int_equal(ftruncate(self->shared, LOAD_CALLS * sizeof(atomic_uint)), 0);
    self->runs = map_runs(self->shared);
    self->ends = calloc(LOAD_CALLS, 1);
    assert_non_null(self->ends);
    fr_wait_init(&self->wait);
}

void load_fini(struct load *self)
{
    munmap(self->runs, LOAD_CALLS * sizeof(atomic_uint));
    close(self->shared);
    free(self->ends);
    fr_wait_fini(&self->wait);
}

/* One call; freed when it is done. */
struct load_call {
    struct load *load;
    uint32_t number;
};

static void start_next(struct load *self);

static void on_done(void *argument, const struct fr_result *result)
{
    struct load_call *call = argument;
    struct load *self = call->load;
    self->ends[call->number] = result->code == FR_OK                                  ? LOAD_ANSWERED
                               : result->code == FR_UNAVAILABLE && !result->not_sent ? LOAD_IN_DOUBT
                                                                                      : LOAD_FAILED;
    if (self->ends[call->number] == LOAD_FAILED) {
        fprintf(stderr, "call %" PRIu32 " failed with code %d: %s\n", call->number, result->code, result->message);
    }
    free(call);
    bool stopping = atomic_load(&self->stopping);
    if (!stopping) {
        start_next(self);
    }
    fr_wait_lock(&self->wait);
    self->finished++;
    self->ended_chains += stopping;
    fr_wait_unlock_changed(&self->wait);
}

static void start_next(struct load *self)
{
    struct load_call *call = malloc(sizeof *call);
    FR_ASSERT(call != NULL);
    *call = (struct load_call){self, atomic_fetch_add(&self->next, 1)};
    FR_ASSERT(call->number < LOAD_CALLS);
    struct fr_call_options options = {.timeout_us = 3 * FR_TEST_PATIENCE_US, .idempotent = call->number % 2 == 0};
    struct fr_bytes payload = {(const uint8_t *)&call->number, sizeof call->number};
    fr_channel_start(self->channel, RUN, payload, &options, on_done, call, NULL);
}

void load_start(struct load *self, struct fr_channel *channel)
{
    self->channel = channel;
    for (unsigned i = 0; i < LOAD_CHAINS; i++) {
        start_next(self);
    }
}

void load_wait_more(struct load *self, uint64_t count)
{
    fr_wait_lock(&self->wait);
    uint64_t wanted = self->finished + count;
    fr_wait_unlock_changed(&self->wait);
    assert_true(fr_wait_for(&self->wait, &self->finished, wanted, 3 * FR_TEST_PATIENCE_US));
}

void load_stop(struct load *self)
{
    atomic_store(&self->stopping, true);
    assert_true(fr_wait_for(&self->wait, &self->ended_chains, LOAD_CHAINS, 3 * FR_TEST_PATIENCE_US));
}

unsigned load_count(const struct load *self, bool idempotent, int end)
{
    unsigned count = 0;
    for (unsigned i = idempotent ? 0 : 1; i < atomic_load(&self->next); i += 2) {
        count += self->ends[i] == end;
    }
    return count;
}

void load_runs(const struct load *self, bool idempotent, int end, unsigned *ret_least, unsigned *ret_most)
{
    *ret_least = UINT32_MAX;
    *ret_most = 0;
    for (unsigned i = idempotent ? 0 : 1; i < atomic_load(&self->next); i += 2) {
        unsigned runs = atomic_load(&self->runs[i]);
        if (self->ends[i] == end) {
            *ret_least = runs < *ret_least ? runs : *ret_least;
            *ret_most = runs > *ret_most ? runs : *ret_most;
        }
    }
}

/* ---- the server ---- */

struct service {
    atomic_uint *runs;
    struct fr_worker_pool *workers;
};

struct errand {
    struct fr_work work;
    struct fr_call *call;
};

static void answer_late(struct fr_work *work, unsigned worker)
{
    struct errand *errand = (struct errand *)work;
    (void)worker;
    fr_call_reply(errand->call, fr_call_request(errand->call));
    free(errand);
}

static void run(struct fr_call *call, void *context)
{
    struct service *service = context;
    uint32_t number;
    memcpy(&number, fr_call_request(call).data, sizeof number);
    atomic_fetch_add(&service->runs[number], 1);
    if (number % 8 < 4) {
        fr_call_reply(call, fr_call_request(call));
        return;
    }
    struct errand *errand = malloc(sizeof *errand);
    FR_ASSERT(errand != NULL);
    *errand = (struct errand){{.run = answer_late}, call};
    FR_ASSERT(fr_worker_pool_submit(service->workers, &errand->work, NULL) == FR_OK);
}

int load_serve(const char *address)
{
    static const struct fr_method method = {.name = RUN};
    struct service service = {.runs = map_runs(PROGRAM_SHARED_FD)};
    struct fr_server_method served = {.method = &method, .handler = run, .context = &service};
    struct fr_server *server;
    char byte;
    FR_ASSERT(fr_worker_pool_new(2, LOAD_CALLS, &service.workers, NULL) == FR_OK);
    FR_ASSERT(fr_server_new(&server, NULL) == FR_OK);
    FR_ASSERT(fr_server_register(server, "test.v1.Load", &served, 1, NULL) == FR_OK);
    FR_ASSERT(fr_server_listen(server, address, NULL) == FR_OK);
    FR_ASSERT(fr_server_serve(server, NULL) == FR_OK);
    FR_ASSERT(write(STDOUT_FILENO, fr_server_address(server), strlen(fr_server_address(server))) > 0);
    FR_ASSERT(read(STDIN_FILENO, &byte, 1) == 0);
    size_t left = fr_server_drain(server, FR_TEST_PATIENCE_US);
    fr_server_free(server);
    fr_worker_pool_free(service.workers);
    return left == 0 ? 0 : 1;
}
