/* SPDX-License-Identifier: MIT */
/*
 * sink.h - what decoded fields are read into: a checksum over all of them, the same for every codec.
 *
 * While a codec is checked, the sum depends on every byte, number and name and on their order, but not on the order of
 * a map's entries. While it is timed, numbers are added up, and a text or blob counts with its length and its ends: one
 * addition for each field costs next to nothing. Also for C++.
 */
#ifndef PAYLOAD_SINK_H
#define PAYLOAD_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define SINK_FACTOR UINT64_C(0x9E3779B97F4A7C15) /* 2^64 / golden ratio, odd */

struct sink {
    uint64_t sum;
    bool strict;
};

static inline void sink_number(struct sink *self, uint64_t value)
{
    self->sum = self->strict ? ((self->sum ^ value) + 1) * SINK_FACTOR : self->sum + value;
}

/* The number of the field whose value comes next. */
static inline void sink_field(struct sink *self, uint32_t number)
{
    if (self->strict) {
        sink_number(self, number);
    }
}

static inline void sink_real(struct sink *self, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    sink_number(self, bits);
}

static inline void sink_text(struct sink *self, const void *text, size_t size)
{
    const uint8_t *bytes = (const uint8_t *)text;
    sink_number(self, size);
    if (size > 0) {
        sink_number(self, (uint64_t)bytes[0] + bytes[size - 1]);
    }
    for (size_t i = 0; self->strict && i < size; i++) {
        sink_number(self, bytes[i]);
    }
}

/* The sum of an entry of a map is made apart, then added. */
static inline struct sink sink_entry(const struct sink *self)
{
    struct sink entry;
    entry.sum = 0;
    entry.strict = self->strict;
    return entry;
}

#endif
