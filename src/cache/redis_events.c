/* SPDX-License-Identifier: MIT */
/*
 * redis_events.c - lets a hiredis context live on a libuv loop.
 */
#include "cache/redis_events.h"

#include <stdlib.h>
#include <sys/ioctl.h>

#define MAX_READS 16

struct redis_events {
    uv_poll_t poll;
    uv_prepare_t flush; /* runs before each wait of the loop */
    redisAsyncContext *context; /* NULL once hiredis gave it up */
    bool want_read, want_write;
    bool connected;     /* the socket was writable once */
    int polled;         /* what poll watches */
    unsigned open_handles;
    void (*on_turn_end)(void *argument);
    void *argument;
};

static void on_poll(uv_poll_t *poll, int status, int events);

static void watch(struct redis_events *self)
{
    int wanted = (self->want_read ? UV_READABLE : 0) | (self->want_write || !self->connected ? UV_WRITABLE : 0);
    if (wanted != self->polled) {
        self->polled = wanted;
        if (wanted == 0) {
            uv_poll_stop(&self->poll);
        } else {
            uv_poll_start(&self->poll, wanted, on_poll);
        }
    }
}

/*
 * hiredis reads 16 KiB at a time. What came together is handled within one turn, so that its answers leave together; but
 * for so many reads only, as others want their turn too.
 */
static void read_what_came(struct redis_events *self)
{
    int left_bytes = 1;
    for (unsigned reads = 0; reads < MAX_READS && self->context != NULL && left_bytes > 0; reads++) {
        redisAsyncHandleRead(self->context);
        if (self->context != NULL && ioctl(self->context->c.fd, FIONREAD, &left_bytes) != 0) {
            left_bytes = 0;
        }
    }
}

/* hiredis may free the context in any of its handlers; then context is NULL and nothing is watched any more. */
static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct redis_events *self = poll->data;
    /* An error of the poll shows as an error of the read or write. */
    int happened = status < 0 ? UV_READABLE | UV_WRITABLE : events;
    if (self->context != NULL && (happened & UV_WRITABLE) != 0) {
        self->connected = true;
        redisAsyncHandleWrite(self->context);
    }
    if ((happened & UV_READABLE) != 0) {
        read_what_came(self);
    }
    if (self->context != NULL) {
        watch(self);
    }
}

static void on_flush(uv_prepare_t *flush)
{
    struct redis_events *self = flush->data;
    if (self->context != NULL && self->connected) {
        self->on_turn_end(self->argument);
    }
    if (self->context != NULL && self->want_write && self->connected) {
        redisAsyncHandleWrite(self->context);
    }
    if (self->context != NULL) {
        watch(self); /* for writing only when the socket was full */
    }
}

static void add_read(void *data)
{
    ((struct redis_events *)data)->want_read = true;
}

static void del_read(void *data)
{
    ((struct redis_events *)data)->want_read = false;
}

static void add_write(void *data)
{
    ((struct redis_events *)data)->want_write = true;
}

static void del_write(void *data)
{
    ((struct redis_events *)data)->want_write = false;
}

static void on_closed(uv_handle_t *handle)
{
    struct redis_events *self = handle->data;
    if (--self->open_handles == 0) {
        free(self);
    }
}

static void cleanup(void *data)
{
    struct redis_events *self = data;
    self->context = NULL;
    uv_close((uv_handle_t *)&self->poll, on_closed);
    uv_close((uv_handle_t *)&self->flush, on_closed);
}

bool fr_redis_events_attach(redisAsyncContext *context, uv_loop_t *loop, void (*on_turn_end)(void *argument),
                            void *argument)
{
    struct redis_events *self = calloc(1, sizeof *self);
    if (self == NULL || uv_poll_init(loop, &self->poll, context->c.fd) != 0) {
        free(self);
        return false;
    }
    uv_prepare_init(loop, &self->flush);
    self->poll.data = self->flush.data = self;
    self->context = context;
    self->on_turn_end = on_turn_end;
    self->argument = argument;
    self->open_handles = 2;
    uv_prepare_start(&self->flush, on_flush);
    context->ev.addRead = add_read;
    context->ev.delRead = del_read;
    context->ev.addWrite = add_write;
    context->ev.delWrite = del_write;
    context->ev.cleanup = cleanup;
    context->ev.data = self;
    watch(self);
    return true;
}
