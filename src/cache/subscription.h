/* SPDX-License-Identifier: MIT */
/*
 * subscription.h - internal to this folder: whether a subscription is proved whole, so that a near cache may serve.
 *
 * Pure: what happened goes in, what has to be done comes out, and times are handed in (fr_clock_now_us). Redis draws
 * the numbers of all events from one counter, so nothing needs to be known of who publishes. A subscription
 *
 *   LOST          has no connection, or one that is to be replaced
 *   ACKNOWLEDGED  is heard, but what it delivers is tied to nothing yet: it awaits a base-line, which is the
 *                 counter as Redis answers it to a question that was asked after the acknowledgement
 *   WHOLE         has delivered every event since its base-line
 *
 * A question that is good (same life of Redis, and all that was counted has been delivered) proves the near cache to
 * hold nothing older than the moment when the question was *asked*. It lets the near cache serve for two periods from
 * there; the next question is asked after one, and has one to be found good. So a near cache shows nothing that was
 * invalidated more than 2 x FR_SUBSCRIPTION_PERIOD_US ago, whatever fails, and stops by the clock alone.
 *
 * Events at or under a base-line may still be on their way when it is taken. They need not arrive: the cache was
 * emptied after them, and Redis had been told of each invalidation before its number was drawn.
 */
#ifndef FR_CACHE_SUBSCRIPTION_H
#define FR_CACHE_SUBSCRIPTION_H

#include <stdbool.h>
#include <stdint.h>

#include "cache/drop_cause.h"
#include "cache/record.h"

/* From one question to the next, and how long it has to be found good. */
#define FR_SUBSCRIPTION_PERIOD_US UINT64_C(250000)

enum fr_subscription_stage { FR_SUBSCRIPTION_LOST, FR_SUBSCRIPTION_ACKNOWLEDGED, FR_SUBSCRIPTION_WHOLE };

/* Zeroed memory is a subscription that is LOST. The fields are private except serves_until_us. */
struct fr_subscription {
    enum fr_subscription_stage stage;
    uint64_t incarnation;     /* of the Redis that has the subscription */
    uint64_t serves_until_us; /* the near cache may serve before this time; 0: it may not */
    uint64_t delivered;       /* WHOLE: the last event, or the base-line */
    uint64_t late; /* WHOLE: events up to this may follow the base-line, and prove nothing; 0: none */
    /* The unbroken run of events that ends with the last one since the question. */
    uint64_t run_first, run_last;
    uint64_t asked_us;
    uint64_t asked_at; /* delivered when it was asked; 0: not WHOLE then */
    bool asking;       /* a question is under way */
    bool obsolete;     /* it was asked for a subscription before this one */
    bool waiting;      /* its answer is here, and the events up to target are not */
    uint64_t target;
};

/* To be carried out in this order, after an earlier serves_until_us was withdrawn and before a later one is shown. */
struct fr_subscription_actions {
    bool drop;                /* empty the near cache */
    enum fr_drop_cause cause; /* with drop */
    bool reconnect;           /* replace the connection of the subscription; lost need not be reported */
    bool ask;                 /* ask Redis for counter and incarnation; answered or unanswered is owed */
};

/* SUBSCRIBE was acknowledged on a connection that greeted this incarnation. */
struct fr_subscription_actions fr_subscription_acknowledged(struct fr_subscription *self,
                                                            uint64_t incarnation, uint64_t now_us);
/* An event was delivered. Its key has been invalidated before this is called. */
struct fr_subscription_actions fr_subscription_event(struct fr_subscription *self, uint64_t number,
                                                     uint64_t now_us);
/* The end of the question that was asked last: what Redis said, or that it said nothing. */
struct fr_subscription_actions fr_subscription_answered(struct fr_subscription *self, uint64_t counter,
                                                        uint64_t incarnation, uint64_t now_us);
struct fr_subscription_actions fr_subscription_unanswered(struct fr_subscription *self);
/* Questions can be sent again: no need to wait for the next period. */
struct fr_subscription_actions fr_subscription_askable(struct fr_subscription *self, uint64_t now_us);
/* The connection of the subscription is gone. */
struct fr_subscription_actions fr_subscription_lost(struct fr_subscription *self);
/* Time has passed; to be called at fr_subscription_wake_us, any other time does no harm. */
struct fr_subscription_actions fr_subscription_tick(struct fr_subscription *self, uint64_t now_us);
/*
 * Whether the near cache shows nothing that event, of which this process learned at told_us, made old: it does not serve,
 * or the event was delivered, or a question was asked since that found all of them delivered. If not yet, then at
 * the latest when the next question has had its period: 2 x FR_SUBSCRIPTION_PERIOD_US after told_us, whatever was told.
 */
bool fr_subscription_covers(const struct fr_subscription *self, struct fr_event_id event, uint64_t told_us);
/* When there is something to do but for what is reported; 0: never. */
uint64_t fr_subscription_wake_us(const struct fr_subscription *self);

#endif
