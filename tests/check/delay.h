/* SPDX-License-Identifier: MIT */
/*
 * delay.h - how long Redis takes from PUBLISH to delivery, measured beside the load: the yardstick of staleness.
 */
#ifndef CHECK_DELAY_H
#define CHECK_DELAY_H

#include "base/error.h"
#include "base/histogram.h"

/*
 * Publishes a hundred times a second to a channel of its own, on a thread, and hears it on another. One at a time.
 *   FR_UNAVAILABLE  no Redis on this port of the loopback interface
 */
FR_MUST_CHECK enum fr_code delay_start(unsigned port, struct fr_error *reterr);
/* Adds what was measured, in microseconds. */
void delay_stop(struct fr_histogram *out);

#endif
