/* SPDX-License-Identifier: MIT */
/*
 * machine.h - what the figures were measured on and with.
 */
#ifndef PAYLOAD_MACHINE_H
#define PAYLOAD_MACHINE_H

#include <stdbool.h>

#define MACHINE_TEXT_BYTES 160

struct machine {
    char cpu[MACHINE_TEXT_BYTES];
    long processors;
    char system[MACHINE_TEXT_BYTES];
    char compiler[MACHINE_TEXT_BYTES];
    const char *flags;
    double load; /* average of the last minute, when it was asked for; negative: not known */
};

void machine_init(struct machine *self);
/* Whether others keep so much of the machine busy that the figures suffer. */
bool machine_is_busy(const struct machine *self);

#endif
