/* SPDX-License-Identifier: MIT */
/*
 * commit.c - runs a write in a transaction on a worker, and answers once its invalidations are out.
 *
 * The answer waits for INVALIDATE and publish, so that who wrote reads the new value next; when Redis is not there
 * it does not wait, and the relay finishes later.
 */
#include "service/commit.h"

#include <stdlib.h>

#include "base/log.h"
#include "cached/event.h"
#include "cached/failure.h"
#include "cached/row.h"

struct commit {
    struct fr_work work;
    struct fr_service *service;
    struct fr_call *call;
    const struct ProtobufCMessage *request;
    fr_write *write;
    struct fr_buffer response; /* packed */
};

static void commit_free(struct commit *self)
{
    fr_buffer_fini(&self->response);
    free(self);
}

static void on_announced(void *argument, struct fr_event_id newest)
{
    struct commit *self = argument;
    fr_event_tell(self->call, newest);
    fr_call_reply(self->call, fr_buffer_bytes(&self->response));
    commit_free(self);
}

/* Before the commit, so that a write whose answer cannot be given has not happened. */
static enum fr_code pack(struct commit *self, const struct ProtobufCMessage *response,
                         struct fr_error *reterr)
{
    struct fr_error cause;
    enum fr_code code = fr_row_pack(response, &self->response, &cause);
    return code == FR_OK ? FR_OK : fr_error_set(reterr, code, "%.200s; nothing was written", cause.message);
}

static enum fr_code commit(struct commit *self, struct fr_store_connection *connection,
                           struct fr_store_marks *ret_marks, struct fr_error *reterr)
{
    struct fr_arena *arena = fr_call_arena(self->call);
    struct ProtobufCMessage *response;
    enum fr_code code = arena == NULL ? fr_error_no_memory(reterr) : fr_store_begin(connection, reterr);
    if (code != FR_OK) {
        return code;
    }
    code = self->write(connection, self->request, arena, &response, reterr);
    code = code != FR_OK ? code : pack(self, response, reterr);
    if (code != FR_OK) {
        fr_store_rollback(connection);
        return code;
    }
    return fr_store_commit(connection, ret_marks, reterr);
}

static void run(struct fr_work *work, unsigned worker)
{
    struct commit *self = (struct commit *)work;
    struct fr_service *service = self->service;
    struct fr_store_marks marks = {0};
    struct fr_error error = {0};
    if (fr_call_is_over(self->call)) {
        fr_error_set(&error, FR_DEADLINE_EXCEEDED, "no worker was free in time; nothing was written");
    } else {
        error.code = commit(self, service->connections[worker], &marks, &error);
    }
    if (error.code != FR_OK) {
        fr_failure_log(FR_FAILED_WRITE, service->connections[worker], &error);
        fr_call_fail_error(self->call, &error);
        commit_free(self);
        return;
    }
    for (size_t i = 0; i < marks.count; i++) {
        fr_log_request("db update", fr_log_text("kind", marks.items[i].kind),
                       fr_log_text("reference", marks.items[i].reference),
                       fr_log_number("version", marks.items[i].version));
    }
    fr_relay_announce(service->relay, &marks, on_announced, self);
}

void fr_commit(struct fr_service *service, struct fr_call *call, const struct ProtobufCMessage *request,
               fr_write *write)
{
    struct commit *self = calloc(1, sizeof *self);
    struct fr_error error;
    if (self == NULL) {
        fr_call_fail(call, FR_RESOURCE_EXHAUSTED, "out of memory");
        return;
    }
    *self = (struct commit){
        .work.run = run, .service = service, .call = call, .request = request, .write = write};
    if (fr_worker_pool_submit(service->pool, &self->work, &error) != FR_OK) {
        fr_call_set_retry_after(call, FR_OVERLOAD_PAUSE_US);
        fr_call_fail_error(call, &error);
        free(self);
    }
}
