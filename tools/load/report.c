/* SPDX-License-Identifier: MIT */
/*
 * report.c - what was measured: sums over all runs.
 */
#include "load/report.h"

void report_fini(struct report *self)
{
    for (size_t i = 0; i < self->run_count; i++) {
        run_fini(&self->runs[i]);
    }
    self->run_count = 0;
}

uint64_t report_errors(const struct report *self)
{
    uint64_t errors = 0;
    for (size_t i = 0; i < self->run_count; i++) {
        errors += tally_errors(self->runs[i].sum);
    }
    return errors;
}

bool report_meets_slos(const struct report *self)
{
    for (size_t i = 0; i < self->run_count; i++) {
        for (size_t j = 0; j < self->slo_count; j++) {
            if (!slo_is_met(&self->slos[j], &self->runs[i])) {
                return false;
            }
        }
    }
    return true;
}

bool report_is_complete(const struct report *self)
{
    for (size_t i = 0; i < self->run_count; i++) {
        if (self->runs[i].interrupted) {
            return false;
        }
    }
    return self->run_count >= self->runs_asked;
}

bool report_limits_errors(const struct report *self)
{
    for (size_t i = 0; i < self->slo_count; i++) {
        if (self->slos[i].kind == SLO_ERRORS || self->slos[i].kind == SLO_ERROR_SHARE) {
            return true;
        }
    }
    return false;
}
