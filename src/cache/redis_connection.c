/* SPDX-License-Identifier: MIT */
/*
 * redis_connection.c - connect, time out, lose and reconnect.
 *
 * hiredis frees a context after a disconnect and ends its commands with NULL replies. The rules that keep
 * this sound: a context that is given up is detached first (data = NULL), so its late callbacks reach only
 * their requests; it is never freed from inside its onConnect; replies come in the order of sending, so the
 * oldest request is always the first of the list.
 */
#include "cache/redis_connection.h"

#include <stdio.h>
#include <string.h>

#include <hiredis/hiredis.h>

#include "base/clock.h"
#include "cache/redis_command.h"
#include "cache/redis_events.h"
#include "cache/redis_greeting.h"

#define CONNECT_TIMEOUT_US (1 * FR_SECOND_US) /* from the look-up to ready */
#define RECONNECT_FIRST_US (10 * FR_MILLISECOND_US)
#define RECONNECT_MAX_US   (1 * FR_SECOND_US)
#define STEADY_US          (1 * FR_SECOND_US) /* a life this long lets the next pause be short again */
#define MAX_OUTSTANDING    65536
#define MAX_UNSENT_BYTES   (64u << 20)
#define KEPT_COMMAND_BYTES 65536u /* of the memory that a command is written to */

static void attempt(struct fr_redis_connection *self);
static void on_timer(uv_timer_t *timer);

static void start_timer(struct fr_redis_connection *self, uint64_t delay_us)
{
    uv_update_time(self->timer.loop);
    uv_timer_start(&self->timer, on_timer, fr_loop_ms(delay_us), 0);
}

/* The life is over and its context detached. */
static void lost(struct fr_redis_connection *self, const char *why)
{
    if (self->ready_us != 0 && fr_clock_now_us() - self->ready_us >= STEADY_US) {
        self->backoff.attempt = 0;
    }
    self->state = FR_REDIS_WAITING;
    self->ready_us = 0;
    start_timer(self, fr_backoff_next_us(&self->backoff));
    self->options.on_lost(self->options.argument, why);
}

static void give_up_context(struct fr_redis_connection *self)
{
    redisAsyncContext *context = self->context;
    self->context = NULL;
    if (context != NULL) {
        context->data = NULL;
        redisAsyncFree(context); /* ends the requests, now or when the current reply was handled */
    }
}

void fr_redis_connection_drop(struct fr_redis_connection *self, const char *why)
{
    if (self->state == FR_REDIS_CLOSED || self->state == FR_REDIS_WAITING) {
        return;
    }
    self->state = FR_REDIS_WAITING;
    give_up_context(self);
    lost(self, why);
}

void fr_redis_connection_judge(struct fr_redis_connection *self, const redisReply *reply)
{
    if (reply != NULL && reply->type == REDIS_REPLY_ERROR &&
        (strncmp(reply->str, "READONLY", 8) == 0 || strncmp(reply->str, "MASTERDOWN", 10) == 0 ||
         strncmp(reply->str, "NOAUTH", 6) == 0)) {
        fr_redis_connection_drop(self, reply->str);
    }
}

static void drop_unreachable(struct fr_redis_connection *self, const char *cause)
{
    char why[512];
    snprintf(why, sizeof why, "cannot reach redis at %s: %s", self->options.url->address, cause);
    fr_redis_connection_drop(self, why);
}

/* hiredis frees the context by itself after these two. */
static void on_connect(const redisAsyncContext *context, int status)
{
    struct fr_redis_connection *self = context->data;
    if (self == NULL || status == REDIS_OK) {
        return;
    }
    self->context->data = NULL;
    self->context = NULL;
    drop_unreachable(self, context->c.errstr);
}

static void on_disconnect(const redisAsyncContext *context, int status)
{
    (void)status;
    struct fr_redis_connection *self = context->data;
    if (self == NULL) {
        return;
    }
    self->context = NULL;
    char why[512];
    snprintf(why, sizeof why, "redis at %s: %s", self->options.url->address, context->c.errstr);
    fr_redis_connection_drop(self, why);
}

static void on_turn_end(void *argument)
{
    struct fr_redis_connection *self = argument;
    if (self->options.on_turn_end != NULL) {
        self->options.on_turn_end(self->options.argument);
    }
}

static void connect_to(struct fr_redis_connection *self, const char *host)
{
    redisAsyncContext *context = redisAsyncConnect(host, self->options.url->port);
    if (context == NULL || context->err != 0) {
        char cause[sizeof context->c.errstr];
        snprintf(cause, sizeof cause, "%s", context == NULL ? "no memory" : context->c.errstr);
        if (context != NULL) {
            redisAsyncFree(context);
        }
        drop_unreachable(self, cause);
        return;
    }
    if (!fr_redis_events_attach(context, self->timer.loop, on_turn_end, self)) {
        redisAsyncFree(context);
        drop_unreachable(self, "cannot watch the socket");
        return;
    }
    context->data = self;
    redisAsyncSetConnectCallback(context, on_connect);
    redisAsyncSetDisconnectCallback(context, on_disconnect);
    self->context = context;
    self->state = FR_REDIS_GREETING;
    fr_redis_greet(self);
}

/*
 * The nth address, IPv4 ones first, counted round: a host may have several, and Redis listen on one of them.
 */
static bool pick_address(const struct addrinfo *list, unsigned nth, char *out, size_t capacity)
{
    const struct addrinfo *ordered[16];
    unsigned count = 0;
    for (unsigned pass = 0; pass < 2; pass++) {
        for (const struct addrinfo *at = list; at != NULL && count < 16; at = at->ai_next) {
            if (at->ai_family == (pass == 0 ? AF_INET : AF_INET6)) {
                ordered[count++] = at;
            }
        }
    }
    if (count == 0) {
        return false;
    }
    const struct addrinfo *chosen = ordered[nth % count];
    return getnameinfo(chosen->ai_addr, chosen->ai_addrlen, out, (socklen_t)capacity, NULL, 0,
                       NI_NUMERICHOST) == 0;
}

static void report_closed(struct fr_redis_connection *self)
{
    if (self->timer_closed && !self->looking_up) {
        self->options.on_closed(self->options.argument);
    }
}

static void on_lookup(uv_getaddrinfo_t *lookup, int status, struct addrinfo *list)
{
    struct fr_redis_connection *self = lookup->data;
    char host[NI_MAXHOST];
    bool found = status == 0 && pick_address(list, self->attempts, host, sizeof host);
    uv_freeaddrinfo(list);
    self->looking_up = false;
    if (self->state == FR_REDIS_CLOSED) {
        report_closed(self);
    } else if (self->state == FR_REDIS_RESOLVING && !found) {
        drop_unreachable(self, status != 0 ? uv_strerror(status) : "the host has no address");
    } else if (self->state == FR_REDIS_RESOLVING) {
        self->attempts++;
        connect_to(self, host);
    }
}

static void attempt(struct fr_redis_connection *self)
{
    self->state = FR_REDIS_RESOLVING;
    start_timer(self, CONNECT_TIMEOUT_US);
    const char *host = self->options.url->host;
    struct in6_addr address;
    if (inet_pton(AF_INET, host, &address) == 1 || inet_pton(AF_INET6, host, &address) == 1) {
        connect_to(self, host);
        return;
    }
    if (self->looking_up) {
        return; /* that of an attempt before, which is still good */
    }
    self->lookup.data = self;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    int failure = uv_getaddrinfo(self->timer.loop, &self->lookup, on_lookup, host, NULL, &hints);
    self->looking_up = failure == 0;
    if (failure != 0) {
        drop_unreachable(self, uv_strerror(failure));
    }
}

/*
 * The oldest command is too old only if its reply is not in the socket either: when this process itself was
 * stopped for a while, the timer runs before the socket is read. So it gets one more round of the loop.
 */
static void check_oldest(struct fr_redis_connection *self)
{
    struct fr_redis_request *oldest = self->first;
    if (oldest == NULL) {
        return;
    }
    uint64_t age_us = fr_clock_now_us() - oldest->sent_us;
    if (age_us < self->options.command_timeout_us) {
        start_timer(self, self->options.command_timeout_us - age_us);
    } else if (self->overdue != oldest) {
        self->overdue = oldest;
        start_timer(self, FR_MILLISECOND_US);
    } else {
        char why[512];
        snprintf(why, sizeof why, "redis at %s: no answer within %llu ms", self->options.url->address,
                 (unsigned long long)fr_loop_ms(self->options.command_timeout_us));
        fr_redis_connection_drop(self, why);
    }
}

static void on_timer(uv_timer_t *timer)
{
    struct fr_redis_connection *self = timer->data;
    switch (self->state) {
    case FR_REDIS_WAITING:
        attempt(self);
        break;
    case FR_REDIS_RESOLVING:
    case FR_REDIS_GREETING:
        drop_unreachable(self, "no answer within 1 s");
        break;
    case FR_REDIS_READY:
        check_oldest(self);
        break;
    case FR_REDIS_CLOSED:
        break;
    }
}

void fr_redis_connection_greeted(struct fr_redis_connection *self)
{
    self->state = FR_REDIS_READY;
    self->ready_us = fr_clock_now_us();
    uv_timer_stop(&self->timer);
    self->options.on_ready(self->options.argument);
}

static void on_reply(redisAsyncContext *context, void *reply, void *argument)
{
    (void)context;
    struct fr_redis_request *request = argument;
    struct fr_redis_connection *self = request->connection;
    FR_ASSERT(self->first == request);
    self->first = request->next;
    if (self->first == NULL) {
        self->last = &self->first;
    }
    self->outstanding--;
    self->overdue = NULL;
    request->done(request, reply);
}

bool fr_redis_connection_is_ready(const struct fr_redis_connection *self)
{
    return self->state == FR_REDIS_READY && self->context != NULL;
}

/* hiredis copies the command. */
static bool write_command(struct fr_redis_connection *self, struct fr_redis_request *request, int count,
                          const char *const *arguments, const size_t *sizes)
{
    fr_buffer_clear(&self->command);
    fr_redis_command_write(&self->command, count, arguments, sizes);
    bool written = !self->command.failed &&
                   redisAsyncFormattedCommand(self->context, on_reply, request, (const char *)self->command.data,
                                              self->command.size) == REDIS_OK;
    if (self->command.capacity > KEPT_COMMAND_BYTES) {
        fr_buffer_fini(&self->command);
    }
    return written;
}

bool fr_redis_connection_send(struct fr_redis_connection *self, struct fr_redis_request *request, int count,
                              const char *const *arguments, const size_t *sizes)
{
    bool greets = self->state == FR_REDIS_GREETING && request == &self->greeting;
    bool open = self->context != NULL && (self->state == FR_REDIS_READY || greets);
    if (!open || self->outstanding >= MAX_OUTSTANDING || sdslen(self->context->c.obuf) > MAX_UNSENT_BYTES ||
        !write_command(self, request, count, arguments, sizes)) {
        return false;
    }
    request->next = NULL;
    request->connection = self;
    request->sent_us = fr_clock_now_us();
    *self->last = request;
    self->last = &request->next;
    self->outstanding++;
    if (self->state == FR_REDIS_READY && !uv_is_active((uv_handle_t *)&self->timer)) {
        start_timer(self, self->options.command_timeout_us);
    }
    return true;
}

void fr_redis_connection_start(struct fr_redis_connection *self,
                               const struct fr_redis_connection_options *options)
{
    *self = (struct fr_redis_connection){
        .options = *options,
        .backoff = {.initial_us = RECONNECT_FIRST_US, .max_us = RECONNECT_MAX_US},
    };
    self->last = &self->first;
    uv_timer_init(fr_loop_uv_get(options->loop), &self->timer);
    self->timer.data = self;
    attempt(self);
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct fr_redis_connection *self = handle->data;
    self->timer_closed = true;
    report_closed(self);
}

void fr_redis_connection_close(struct fr_redis_connection *self)
{
    self->state = FR_REDIS_CLOSED;
    give_up_context(self);
    fr_buffer_fini(&self->command);
    if (self->looking_up) {
        uv_cancel((uv_req_t *)&self->lookup);
    }
    uv_close((uv_handle_t *)&self->timer, on_timer_closed);
}
