/* SPDX-License-Identifier: MIT */
/*
 * subscriber.c - SUBSCRIBE, decode events, ask the questions, and carry out what subscription.c concludes.
 *
 * A connection that has gone silent needs no heartbeat: as long as nothing is published there is nothing to miss, and
 * what is published moves the counter, which the next question finds.
 */
#include "cache/subscriber.h"

#include <string.h>

#include "base/clock.h"
#include "base/container.h"
#include "base/log.h"
#include "cache/record.h"

static void on_timer(uv_timer_t *timer);
static void on_answer(struct fr_question *question, const struct fr_question_answer *answer);

static void set_timer(struct fr_subscriber *self)
{
    uint64_t wake_us = fr_subscription_wake_us(&self->subscription);
    if (wake_us == self->wake_us) {
        return;
    }
    self->wake_us = wake_us;
    if (wake_us == 0) {
        uv_timer_stop(&self->timer);
        return;
    }
    uint64_t now_us = fr_clock_now_us();
    uv_update_time(self->timer.loop);
    uv_timer_start(&self->timer, on_timer, wake_us > now_us ? fr_loop_ms(wake_us - now_us) : 0, 0);
}

static bool is_covered(const struct fr_subscriber *self, const struct fr_event_wait *wait)
{
    return fr_subscription_covers(&self->subscription, wait->event, wait->told_us);
}

/* Posted rather than run: what they run may end this life of a connection, and that is being looked at here. */
static void release_waits(struct fr_subscriber *self)
{
    struct fr_event_wait **at = &self->waits;
    while (*at != NULL) {
        struct fr_event_wait *wait = *at;
        if (is_covered(self, wait)) {
            *at = wait->next;
            fr_loop_post(self->options.loop, &wait->task);
        } else {
            at = &wait->next;
        }
    }
}

/* After what was delivered has been carried out. */
static void show_heard(struct fr_subscriber *self)
{
    const struct fr_subscription *subscription = &self->subscription;
    bool whole = subscription->stage == FR_SUBSCRIPTION_WHOLE;
    if (whole) {
        atomic_store(&self->options.heard->number, subscription->delivered);
    }
    atomic_store(&self->options.heard->incarnation, whole ? subscription->incarnation : 0);
}

/* Readers stop before the drop and start after it. */
static void carry_out(struct fr_subscriber *self, struct fr_subscription_actions actions)
{
    if (actions.drop) {
        atomic_store(self->options.serves_until_us, 0);
        if (self->options.on_drop != NULL) {
            self->options.on_drop(self->options.argument, actions.cause);
        }
    }
    atomic_store(self->options.serves_until_us, self->subscription.serves_until_us);
    show_heard(self);
    if (actions.reconnect) {
        fr_redis_connection_drop(&self->connection, fr_drop_cause_name(actions.cause));
    }
    if (actions.ask && !fr_question_ask(&self->question, self->options.commands,
                                        fr_bytes_of(self->options.counter), on_answer)) {
        carry_out(self, fr_subscription_unanswered(&self->subscription));
        return;
    }
    set_timer(self);
    release_waits(self);
}

bool fr_subscriber_await(struct fr_subscriber *self, struct fr_event_wait *wait)
{
    if (is_covered(self, wait)) {
        return true;
    }
    wait->next = self->waits;
    self->waits = wait;
    return false;
}

/*
 * Either connection may be the one with the wrong life of Redis. The command connection is, if its own greeting says
 * otherwise, or if it is the older one: then the name may have moved to another Redis since.
 */
static void leave_other_life(struct fr_subscriber *self, uint64_t incarnation, bool subscription_differs,
                             uint64_t subscribed_us)
{
    struct fr_redis_connection *commands = self->options.commands;
    if (incarnation != commands->incarnation ||
        (subscription_differs && commands->ready_us < subscribed_us)) {
        fr_redis_connection_drop(commands, FR_REDIS_OTHER_LIFE);
    }
}

static void on_answer(struct fr_question *question, const struct fr_question_answer *answer)
{
    struct fr_subscriber *self = FR_CONTAINER(question, struct fr_subscriber, question);
    if (answer == NULL) {
        carry_out(self, fr_subscription_unanswered(&self->subscription));
        return;
    }
    uint64_t incarnation = answer->incarnation, subscribed_us = self->connection.ready_us;
    struct fr_subscription_actions actions =
        fr_subscription_answered(&self->subscription, answer->counter, incarnation, fr_clock_now_us());
    carry_out(self, actions);
    leave_other_life(self, incarnation, actions.reconnect, subscribed_us);
}

static void on_timer(uv_timer_t *timer)
{
    struct fr_subscriber *self = timer->data;
    self->wake_us = 0;
    carry_out(self, fr_subscription_tick(&self->subscription, fr_clock_now_us()));
}

/* What is malformed proves nothing: a number that it hid is missed, and found missing. */
static void handle_event(struct fr_subscriber *self, const redisReply *payload)
{
    struct fr_invalidation_event event;
    struct fr_bytes bytes = {.data = (const uint8_t *)payload->str, .size = (size_t)payload->len};
    if (!fr_invalidation_event_decode(bytes, &event)) {
        self->malformed++;
        fr_log(FR_LOG_DEBUG, "malformed invalidation", fr_log_text("channel", self->options.channel),
               fr_log_number("size", bytes.size), fr_log_number("malformed", self->malformed));
        return;
    }
    self->options.on_invalidation(self->options.argument, &event);
    carry_out(self, fr_subscription_event(&self->subscription, event.number, fr_clock_now_us()));
}

static bool is_text(const redisReply *reply, const char *text)
{
    return reply->type == REDIS_REPLY_STRING && strcmp(reply->str, text) == 0;
}

/* The acknowledgement of SUBSCRIBE and messages; NULL when the connection ends. */
static void on_message(redisAsyncContext *context, void *answer, void *argument)
{
    struct fr_subscriber *self = argument;
    const redisReply *reply = answer;
    if (context != self->connection.context || reply == NULL || reply->type != REDIS_REPLY_ARRAY ||
        reply->elements != 3) {
        return;
    }
    const redisReply *payload = reply->element[2];
    if (is_text(reply->element[0], "subscribe")) {
        carry_out(self, fr_subscription_acknowledged(&self->subscription, self->connection.incarnation,
                                                     fr_clock_now_us()));
    } else if (is_text(reply->element[0], "message") && payload->type == REDIS_REPLY_STRING) {
        handle_event(self, payload);
    }
}

static void on_ready(void *argument)
{
    struct fr_subscriber *self = argument;
    if (redisAsyncCommand(self->connection.context, on_message, self, "SUBSCRIBE %s",
                          self->options.channel) != REDIS_OK) {
        fr_redis_connection_drop(&self->connection, "cannot subscribe");
    }
}

static void on_lost(void *argument, const char *why)
{
    (void)why; /* the command connection reports the state of Redis */
    struct fr_subscriber *self = argument;
    carry_out(self, fr_subscription_lost(&self->subscription));
}

static void close_part(struct fr_subscriber *self)
{
    if (--self->open_parts == 0) {
        self->options.on_closed(self->options.closed_argument);
    }
}

static void on_connection_closed(void *argument)
{
    close_part(argument);
}

static void on_timer_closed(uv_handle_t *handle)
{
    close_part(handle->data);
}

void fr_subscriber_start(struct fr_subscriber *self, const struct fr_subscriber_options *options)
{
    *self = (struct fr_subscriber){.options = *options, .open_parts = 2};
    uv_timer_init(fr_loop_uv_get(options->loop), &self->timer);
    self->timer.data = self;
    const struct fr_redis_connection_options connection = {
        .loop = options->loop,
        .url = options->url,
        .command_timeout_us = options->command_timeout_us,
        .on_ready = on_ready,
        .on_lost = on_lost,
        .on_closed = on_connection_closed,
        .argument = self,
    };
    fr_redis_connection_start(&self->connection, &connection);
}

void fr_subscriber_ready(struct fr_subscriber *self)
{
    carry_out(self, fr_subscription_askable(&self->subscription, fr_clock_now_us()));
}

void fr_subscriber_close(struct fr_subscriber *self)
{
    carry_out(self, fr_subscription_lost(&self->subscription));
    fr_redis_connection_close(&self->connection);
    uv_close((uv_handle_t *)&self->timer, on_timer_closed);
}
