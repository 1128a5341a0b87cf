/* SPDX-License-Identifier: MIT */
/*
 * rows.c - columns of the tables to fields of messages, and back.
 */
#include "variants/rows.h"

#include "base/clock.h"

#define MICROSECOND_NS 1000

void *rows_take(struct rows *self, size_t size)
{
    void *memory = fr_arena_alloc(self->arena, size);
    self->failed = self->failed || memory == NULL;
    return memory;
}

char *rows_text(struct rows *self, const struct fr_store_row *row, unsigned column)
{
    struct fr_bytes text = fr_store_row_get(row, column).bytes;
    char *copied = fr_arena_copy_text(self->arena, (const char *)text.data, text.size);
    self->failed = self->failed || copied == NULL;
    return copied;
}

Google__Protobuf__Timestamp *rows_time(struct rows *self, const struct fr_store_row *row, unsigned column)
{
    int64_t time_us = fr_store_row_get(row, column).integer;
    Google__Protobuf__Timestamp *time = rows_take(self, sizeof *time);
    if (time != NULL) {
        google__protobuf__timestamp__init(time);
        time->seconds = time_us / (int64_t)FR_SECOND_US;
        time->nanos = (int32_t)(time_us % (int64_t)FR_SECOND_US) * MICROSECOND_NS;
    }
    return time;
}

struct fr_store_value rows_time_value(const Google__Protobuf__Timestamp *time)
{
    return fr_store_integer(time->seconds * (int64_t)FR_SECOND_US + time->nanos / MICROSECOND_NS);
}
