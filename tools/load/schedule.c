/* SPDX-License-Identifier: MIT */
/*
 * schedule.c - when each call of an open loop is due.
 *
 * A shape gives N(t), how many calls are due in the first t seconds, and its inverse.
 */
#include "load/schedule.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/options.h"

#define FIELDS    4
#define TEXT_SIZE 128

/* After the last step the rate stays; INFINITY: there is no last one. */
static double last_step(const struct schedule *self)
{
    return self->by == 0 ? 0 : ceil((self->to - self->from) / self->by);
}

static double rate_of_step(const struct schedule *self, double step)
{
    return step >= last_step(self) ? self->to : self->from + step * self->by;
}

/* Due before this step, which is at most the last one. */
static double calls_before_step(const struct schedule *self, double step)
{
    return self->period_s * step * (self->from + self->by * (step - 1) / 2);
}

static double step_calls(const struct schedule *self, double seconds)
{
    double step = fmin(floor(seconds / self->period_s), last_step(self));
    return calls_before_step(self, step) + (seconds - step * self->period_s) * rate_of_step(self, step);
}

/* The step in which call n is due: the largest one before which at most n are. */
static double step_of_call(const struct schedule *self, double n)
{
    double low = 0, high = 1, last = last_step(self);
    while (high < last && calls_before_step(self, high) <= n) {
        low = high;
        high *= 2;
    }
    high = high < last ? high : last + 1;
    while (high - low > 1) {
        double middle = floor((low + high) / 2);
        if (calls_before_step(self, middle) <= n) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

static double step_seconds(const struct schedule *self, double n)
{
    double step = step_of_call(self, n), rate = rate_of_step(self, step);
    double left = n - calls_before_step(self, step);
    return rate > 0 ? step * self->period_s + left / rate : INFINITY;
}

static double ramp_calls(const struct schedule *self, double seconds)
{
    double within = fmin(seconds, self->period_s);
    double slope = (self->to - self->from) / self->period_s;
    return within * (self->from + slope * within / 2) + (seconds - within) * self->to;
}

static double ramp_seconds(const struct schedule *self, double n)
{
    double whole = ramp_calls(self, self->period_s);
    if (n >= whole) {
        return self->to > 0 ? self->period_s + (n - whole) / self->to : INFINITY;
    }
    double slope = (self->to - self->from) / self->period_s;
    /* The smaller root of slope/2 t^2 + from t = n, in the form that subtracts nothing. */
    double root = sqrt(fmax(0, self->from * self->from + 2 * slope * n));
    return n == 0 ? 0 : 2 * n / (self->from + root);
}

uint64_t schedule_time_us(const struct schedule *self, uint64_t n)
{
    double seconds = self->shape == SCHEDULE_CONST  ? (double)n / self->from
                     : self->shape == SCHEDULE_STEP ? step_seconds(self, (double)n)
                                                    : ramp_seconds(self, (double)n);
    double time_us = seconds * (double)FR_SECOND_US;
    return time_us < 0x1p63 ? (uint64_t)time_us : SCHEDULE_NEVER;
}

uint64_t schedule_calls_before(const struct schedule *self, uint64_t time_us)
{
    double seconds = (double)time_us / (double)FR_SECOND_US;
    double calls = self->shape == SCHEDULE_CONST  ? seconds * self->from
                   : self->shape == SCHEDULE_STEP ? step_calls(self, seconds)
                                                  : ramp_calls(self, seconds);
    uint64_t count = (uint64_t)calls;
    /* The formulas round: what schedule_time_us says is what counts. */
    while (count > 0 && schedule_time_us(self, count - 1) >= time_us) {
        count--;
    }
    while (schedule_time_us(self, count) < time_us) {
        count++;
    }
    return count;
}

double schedule_rate(const struct schedule *self, uint64_t time_us)
{
    double seconds = (double)time_us / (double)FR_SECOND_US;
    switch (self->shape) {
    case SCHEDULE_STEP:
        return rate_of_step(self, floor(seconds / self->period_s));
    case SCHEDULE_RAMP:
        return seconds >= self->period_s ? self->to
                                         : self->from + (self->to - self->from) * seconds / self->period_s;
    default:
        return self->from;
    }
}

static bool read_rate(const char *text, bool negative_too, double *ret_rate)
{
    char *end;
    double rate = strtod(text, &end);
    if (end == text || *end != '\0' || !isfinite(rate) || fabs(rate) > SCHEDULE_MAX_RATE ||
        (rate < 0 && !negative_too)) {
        return false;
    }
    *ret_rate = rate;
    return true;
}

static bool read_period(const char *text, double *ret_seconds)
{
    uint64_t time_us;
    if (!fr_duration_parse(text, &time_us) || time_us == 0) {
        return false;
    }
    *ret_seconds = (double)time_us / (double)FR_SECOND_US;
    return true;
}

static bool read_step(struct schedule *self, char *const fields[], size_t count)
{
    self->shape = SCHEDULE_STEP;
    if ((count != 3 && count != 4) || !read_rate(fields[0], false, &self->from) ||
        !read_rate(fields[1], true, &self->by) || !read_period(fields[2], &self->period_s)) {
        return false;
    }
    self->to = self->by > 0 ? INFINITY : self->by < 0 ? 0 : self->from;
    if (count == 4 && !read_rate(fields[3], false, &self->to)) {
        return false;
    }
    return (self->to - self->from) * self->by >= 0 && self->from + fabs(self->by) > 0;
}

static bool read_shape(struct schedule *self, const char *name, char *const fields[], size_t count)
{
    if (strcmp(name, "const") == 0) {
        self->shape = SCHEDULE_CONST;
        return count == 1 && read_rate(fields[0], false, &self->from) && self->from > 0;
    }
    if (strcmp(name, "step") == 0) {
        return read_step(self, fields, count);
    }
    self->shape = SCHEDULE_RAMP;
    return strcmp(name, "ramp") == 0 && count == 3 && read_rate(fields[0], false, &self->from) &&
           read_rate(fields[1], false, &self->to) && read_period(fields[2], &self->period_s) &&
           self->from + self->to > 0;
}

enum fr_code schedule_parse(struct schedule *ret_schedule, const char *text, struct fr_error *reterr)
{
    struct schedule schedule = {.shape = SCHEDULE_CONST};
    char copy[TEXT_SIZE], *fields[FIELDS], *rest = copy, *name, *field;
    size_t count = 0;
    bool good = strlen(text) < sizeof copy;
    if (good) {
        memcpy(copy, text, strlen(text) + 1);
        name = strsep(&rest, ":");
        while ((field = strsep(&rest, ":")) != NULL && (good = count < FIELDS)) {
            fields[count++] = field;
        }
        good = good && read_shape(&schedule, name, fields, count);
    }
    if (!good) {
        return fr_error_set(
            reterr, FR_INVALID_ARGUMENT,
            "'%.60s' is no schedule; expected const:RATE, step:FROM:BY:EVERY[:TO] such as "
            "step:1000:500:10s, or ramp:FROM:TO:OVER such as ramp:100:5000:1m, with rates up to %g",
            text, SCHEDULE_MAX_RATE);
    }
    *ret_schedule = schedule;
    return FR_OK;
}

void schedule_append(const struct schedule *self, struct fr_buffer *out)
{
    switch (self->shape) {
    case SCHEDULE_CONST:
        fr_buffer_append_format(out, "%g calls/s", self->from);
        break;
    case SCHEDULE_STEP:
        fr_buffer_append_format(out, "from %g calls/s, %g %s every %g s", self->from, fabs(self->by),
                                self->by < 0 ? "less" : "more", self->period_s);
        if (isfinite(self->to)) {
            fr_buffer_append_format(out, " until %g calls/s", self->to);
        }
        break;
    case SCHEDULE_RAMP:
        fr_buffer_append_format(out, "from %g to %g calls/s over %g s", self->from, self->to, self->period_s);
        break;
    }
}
