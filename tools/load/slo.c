/* SPDX-License-Identifier: MIT */
/*
 * slo.c - objectives that a run must meet.
 */
#include "load/slo.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/options.h"
#include "freshet/report.h"

static bool read_number(const char *text, double *ret_number, const char **ret_rest)
{
    char *end;
    *ret_number = strtod(text, &end);
    *ret_rest = end;
    return end != text && isfinite(*ret_number) && *ret_number >= 0;
}

static bool read_time(struct slo *self, const char *value)
{
    uint64_t limit_us;
    /* A bare number would be seconds, where most people mean milliseconds. */
    if (!fr_duration_parse(value, &limit_us) || value[strspn(value, "0123456789.")] == '\0') {
        return false;
    }
    self->limit = (double)limit_us;
    return true;
}

static bool read_errors(struct slo *self, const char *value)
{
    const char *rest;
    self->kind = SLO_ERRORS;
    if (!read_number(value, &self->limit, &rest)) {
        return false;
    }
    if (strcmp(rest, "%") == 0) {
        self->kind = SLO_ERROR_SHARE;
        self->limit /= 100;
        return self->limit <= 1;
    }
    return *rest == '\0' && self->limit == floor(self->limit);
}

static bool read_quantile(struct slo *self, const char *name, const char *equals)
{
    const char *rest;
    double percent;
    self->kind = SLO_QUANTILE;
    if (!read_number(name + 1, &percent, &rest) || rest != equals || percent <= 0 || percent > 100) {
        return false;
    }
    self->fraction = percent / 100;
    return read_time(self, equals + 1);
}

static bool read_any(struct slo *self, const char *text)
{
    const char *equals = strchr(text, '='), *rest;
    if (equals == NULL) {
        return false;
    }
    if (strncmp(text, "errors=", 7) == 0) {
        return read_errors(self, equals + 1);
    }
    if (strncmp(text, "rate=", 5) == 0) {
        self->kind = SLO_RATE;
        return read_number(equals + 1, &self->limit, &rest) && *rest == '\0';
    }
    if (strncmp(text, "max=", 4) == 0 || strncmp(text, "mean=", 5) == 0) {
        self->kind = text[1] == 'a' ? SLO_MAX : SLO_MEAN;
        return read_time(self, equals + 1);
    }
    return text[0] == 'p' && read_quantile(self, text, equals);
}

enum fr_code slo_parse(struct slo *ret_slo, const char *text, struct fr_error *reterr)
{
    struct slo slo = {.text = text};
    if (!read_any(&slo, text)) {
        return fr_error_set(
            reterr, FR_INVALID_ARGUMENT,
            "'%.60s' is no objective; expected such as p99=5ms, max=1s, mean=2ms (times "
            "have a unit), errors=0.1%%, errors=0 or rate=5000",
            text);
    }
    *ret_slo = slo;
    return FR_OK;
}

/* In the unit of the limit. */
static double reached(const struct slo *self, const struct run *run)
{
    const struct tally_method *sum = run->sum;
    switch (self->kind) {
    case SLO_QUANTILE:
        return (double)latency_quantile_us(&sum->latency, self->fraction);
    case SLO_MAX:
        return (double)sum->latency.max_us;
    case SLO_MEAN:
        return latency_mean_us(&sum->latency);
    case SLO_ERRORS:
        return (double)tally_errors(sum);
    case SLO_ERROR_SHARE:
        return tally_calls(sum) > 0 ? (double)tally_errors(sum) / (double)tally_calls(sum) : 0;
    case SLO_RATE:
        return run_calls_per_s(run);
    }
    return 0;
}

static bool is_of_latency(const struct slo *self)
{
    return self->kind == SLO_QUANTILE || self->kind == SLO_MAX || self->kind == SLO_MEAN;
}

bool slo_is_met(const struct slo *self, const struct run *run)
{
    if (self->kind == SLO_RATE) {
        return reached(self, run) >= self->limit;
    }
    return !(is_of_latency(self) && run->sum->latency.count == 0) && reached(self, run) <= self->limit;
}

void slo_append_reached(const struct slo *self, const struct run *run, struct fr_buffer *out)
{
    double value = reached(self, run);
    if (is_of_latency(self) && run->sum->latency.count == 0) {
        fr_buffer_append_text(out, "no answer");
    } else if (is_of_latency(self)) {
        report_time(out, (uint64_t)value);
    } else if (self->kind == SLO_ERROR_SHARE) {
        fr_buffer_append_format(out, "%.3g%%", value * 100);
    } else {
        fr_buffer_append_format(out, self->kind == SLO_ERRORS ? "%.0f" : "%.1f calls/s", value);
    }
}
