/* SPDX-License-Identifier: MIT */
/*
 * axis.c - from values to places on a picture, and the values that get a mark.
 */
#include "plot/axis.h"

#include <math.h>
#include <stdio.h>

#define AIM        5    /* ticks */
#define HEAD_SPACE 1.05 /* above the largest value */

struct axis axis_around(bool log, double least, double most)
{
    struct axis axis = {.log = log};
    if (log) {
        least = least > 0 ? least : 1;
        most = most > least ? most : least;
        axis.low = pow(10, floor(log10(least)));
        axis.high = fmax(most * HEAD_SPACE, axis.low * 10);
    } else {
        axis.high = most > 0 ? most * HEAD_SPACE : 1;
    }
    return axis;
}

double axis_place(const struct axis *self, double value)
{
    double share = self->log ? log(fmax(value, self->low) / self->low) / log(self->high / self->low)
                             : (value - self->low) / (self->high - self->low);
    return self->from + share * (self->to - self->from);
}

static size_t log_ticks(const struct axis *self, double ticks[AXIS_TICKS])
{
    static const double steps[] = {1, 2, 5};
    bool wide = self->high / self->low > 1000; /* decades alone are enough marks then */
    size_t count = 0;
    for (double decade = self->low; decade <= self->high * (1 + 1e-9) && count < AXIS_TICKS; decade *= 10) {
        for (size_t i = 0; i < (wide ? 1 : 3) && count < AXIS_TICKS; i++) {
            if (decade * steps[i] <= self->high * (1 + 1e-9)) {
                ticks[count++] = decade * steps[i];
            }
        }
    }
    return count;
}

size_t axis_ticks(const struct axis *self, double ticks[AXIS_TICKS])
{
    if (self->log) {
        return log_ticks(self, ticks);
    }
    double rough = (self->high - self->low) / AIM, power = pow(10, floor(log10(rough))),
           times = rough / power;
    double step = power * (times < 1.5 ? 1 : times < 3.5 ? 2 : times < 7.5 ? 5 : 10);
    size_t count = 0;
    for (double value = ceil(self->low / step) * step; value <= self->high && count < AXIS_TICKS;
         value += step) {
        ticks[count++] = value;
    }
    return count;
}

static void format(char out[AXIS_TEXT_BYTES], double value, const char *const units[4])
{
    unsigned unit = 0;
    while (fabs(value) >= 1000 && unit < 3 && units[unit + 1] != NULL) {
        value /= 1000;
        unit++;
    }
    snprintf(out, AXIS_TEXT_BYTES, "%.4g%s", value, units[unit]);
}

void axis_format_number(char out[AXIS_TEXT_BYTES], double value)
{
    static const char *const units[4] = {"", "k", "M", NULL};
    format(out, value, units);
}

void axis_format_us(char out[AXIS_TEXT_BYTES], double value)
{
    static const char *const units[4] = {" µs", " ms", " s", NULL};
    format(out, value, units);
}
