/* SPDX-License-Identifier: MIT */
/*
 * report.c - what was measured, over all runs.
 */
#include "load/report.h"

void report_fini(struct report *self)
{
    for (size_t i = 0; i < self->run_count; i++) {
        run_fini(&self->runs[i]);
    }
    self->run_count = 0;
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
