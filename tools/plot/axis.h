/* SPDX-License-Identifier: MIT */
/*
 * axis.h - from values to places on a picture, and the values that get a mark. Pure.
 */
#ifndef PLOT_AXIS_H
#define PLOT_AXIS_H

#include <stdbool.h>
#include <stddef.h>

#define AXIS_TICKS      16
#define AXIS_TEXT_BYTES 32

struct axis {
    bool log;         /* powers are equally far apart; low is then above 0 */
    double low, high; /* low < high */
    double from, to;  /* where they are, in pixels */
};

/* Makes an axis from 0, with log from a power of ten, to a little more than most. least: the smallest value; only log asks. */
struct axis axis_around(bool log, double least, double most);
double axis_place(const struct axis *self, double value);
/* Round values within the axis, about 5 of them; returns how many. */
size_t axis_ticks(const struct axis *self, double ticks[AXIS_TICKS]);

typedef void axis_format(char out[AXIS_TEXT_BYTES], double value);
/* "250", "1.5k", "20M" */
void axis_format_number(char out[AXIS_TEXT_BYTES], double value);
/* Of µs: "250 µs", "1.5 ms", "2 s" */
void axis_format_us(char out[AXIS_TEXT_BYTES], double value);

#endif
