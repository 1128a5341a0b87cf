/* SPDX-License-Identifier: MIT */
/*
 * subscription.c - the rules by which a subscription is whole.
 */
#include "cache/subscription.h"

#define SERVES_US (2 * FR_SUBSCRIPTION_PERIOD_US) /* from when a good question was asked */

static const struct fr_subscription_actions nothing;

const char *fr_drop_cause_name(enum fr_drop_cause cause)
{
    static const char *const names[FR_DROP_CAUSES] = {
        [FR_DROP_GAP] = "gap",
        [FR_DROP_SILENT] = "silent",
        [FR_DROP_UNANSWERED] = "unanswered",
        [FR_DROP_INCARNATION] = "incarnation",
        [FR_DROP_CONNECTION] = "connection",
        [FR_DROP_BASE_LINE] = "base_line",
    };
    return names[cause];
}

/* What was delivered is not known to be all: nothing is served until there is another base-line. */
static struct fr_subscription_actions distrust(struct fr_subscription *self, enum fr_subscription_stage stage,
                                               enum fr_drop_cause cause)
{
    struct fr_subscription_actions actions = {.drop = self->stage == FR_SUBSCRIPTION_WHOLE, .cause = cause};
    self->stage = stage;
    self->serves_until_us = 0;
    self->waiting = false;
    return actions;
}

/* One question at a time: the answer of one that is under way is as good, or leads to another. */
static struct fr_subscription_actions ask(struct fr_subscription *self,
                                          struct fr_subscription_actions actions, uint64_t now_us)
{
    if (!self->asking) {
        self->asking = actions.ask = true;
        self->obsolete = false;
        self->asked_us = now_us;
        self->asked_at = self->stage == FR_SUBSCRIPTION_WHOLE ? self->delivered : 0;
        self->run_first = self->run_last = 0;
    }
    return actions;
}

static struct fr_subscription_actions gap(struct fr_subscription *self, uint64_t now_us)
{
    return ask(self, distrust(self, FR_SUBSCRIPTION_ACKNOWLEDGED, FR_DROP_GAP), now_us);
}

static void find_good(struct fr_subscription *self)
{
    self->waiting = false;
    self->serves_until_us = self->asked_us + SERVES_US;
}

/*
 * Events above the base-line may have come before the answer did, on another connection. They must follow it without
 * a gap.
 */
static struct fr_subscription_actions take_base_line(struct fr_subscription *self, uint64_t counter,
                                                     uint64_t now_us)
{
    bool ahead = self->run_last > counter;
    if (ahead && self->run_first > counter + 1) {
        return ask(self, nothing, now_us);
    }
    self->stage = FR_SUBSCRIPTION_WHOLE;
    self->delivered = ahead ? self->run_last : counter;
    self->late = ahead ? 0 : counter;
    find_good(self);
    return (struct fr_subscription_actions){.drop = true, .cause = FR_DROP_BASE_LINE};
}

struct fr_subscription_actions fr_subscription_acknowledged(struct fr_subscription *self,
                                                            uint64_t incarnation, uint64_t now_us)
{
    self->stage = FR_SUBSCRIPTION_ACKNOWLEDGED;
    self->incarnation = incarnation;
    self->obsolete = self->asking;
    return ask(self, nothing, now_us);
}

struct fr_subscription_actions fr_subscription_event(struct fr_subscription *self, uint64_t number,
                                                     uint64_t now_us)
{
    if (number != self->run_last + 1) {
        self->run_first = number;
    }
    self->run_last = number;
    if (self->stage != FR_SUBSCRIPTION_WHOLE) {
        return nothing;
    }
    if (number == self->delivered + 1) {
        self->delivered = number;
        self->late = 0;
        if (self->waiting && number >= self->target) {
            find_good(self);
        }
        return nothing;
    }
    return number <= self->late ? nothing : gap(self, now_us);
}

struct fr_subscription_actions fr_subscription_answered(struct fr_subscription *self, uint64_t counter,
                                                        uint64_t incarnation, uint64_t now_us)
{
    self->asking = false;
    if (self->stage == FR_SUBSCRIPTION_LOST) {
        return nothing;
    }
    if (self->obsolete) {
        return ask(self, nothing, now_us);
    }
    if (incarnation != self->incarnation) {
        struct fr_subscription_actions actions = distrust(self, FR_SUBSCRIPTION_LOST, FR_DROP_INCARNATION);
        actions.reconnect = true;
        return actions;
    }
    if (self->stage == FR_SUBSCRIPTION_ACKNOWLEDGED) {
        return take_base_line(self, counter, now_us);
    }
    if (counter < self->asked_at) {
        return gap(self, now_us);
    }
    if (self->delivered >= counter) {
        find_good(self);
    } else {
        self->waiting = true;
        self->target = counter;
    }
    return nothing;
}

struct fr_subscription_actions fr_subscription_unanswered(struct fr_subscription *self)
{
    self->asking = false;
    if (self->stage == FR_SUBSCRIPTION_LOST) {
        return nothing;
    }
    return distrust(self, FR_SUBSCRIPTION_ACKNOWLEDGED, FR_DROP_UNANSWERED);
}

struct fr_subscription_actions fr_subscription_askable(struct fr_subscription *self, uint64_t now_us)
{
    return self->stage == FR_SUBSCRIPTION_ACKNOWLEDGED ? ask(self, nothing, now_us) : nothing;
}

struct fr_subscription_actions fr_subscription_lost(struct fr_subscription *self)
{
    return distrust(self, FR_SUBSCRIPTION_LOST, FR_DROP_CONNECTION);
}

/* A question that got no answer in its period may still get one, and that one makes a base-line. */
struct fr_subscription_actions fr_subscription_tick(struct fr_subscription *self, uint64_t now_us)
{
    if (self->stage == FR_SUBSCRIPTION_LOST || now_us < self->asked_us + FR_SUBSCRIPTION_PERIOD_US) {
        return nothing;
    }
    if (self->waiting) {
        struct fr_subscription_actions actions = distrust(self, FR_SUBSCRIPTION_LOST, FR_DROP_SILENT);
        actions.reconnect = true;
        return actions;
    }
    if (self->asking) {
        return distrust(self, FR_SUBSCRIPTION_ACKNOWLEDGED, FR_DROP_UNANSWERED);
    }
    return ask(self, nothing, now_us);
}

/* A number of another life of Redis says nothing about those that were delivered. */
bool fr_subscription_covers(const struct fr_subscription *self, struct fr_event_id event, uint64_t told_us)
{
    return self->stage != FR_SUBSCRIPTION_WHOLE ||
           (event.incarnation == self->incarnation && event.number <= self->delivered) ||
           self->serves_until_us > told_us + SERVES_US;
}

uint64_t fr_subscription_wake_us(const struct fr_subscription *self)
{
    bool idle =
        self->stage == FR_SUBSCRIPTION_LOST || (self->stage == FR_SUBSCRIPTION_ACKNOWLEDGED && self->asking);
    return idle ? 0 : self->asked_us + FR_SUBSCRIPTION_PERIOD_US;
}
