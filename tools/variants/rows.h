/* SPDX-License-Identifier: MIT */
/*
 * rows.h - columns of the tables to fields of messages, and back.
 */
#ifndef VARIANTS_ROWS_H
#define VARIANTS_ROWS_H

#include <google/protobuf/timestamp.pb-c.h>

#include "message/arena.h"
#include "store/store.h"

/* What a row is read into; failed: there was no memory. */
struct rows {
    struct fr_arena *arena;
    bool failed;
};

/* Uninitialized; NULL without memory. */
void *rows_take(struct rows *self, size_t size);
char *rows_text(struct rows *self, const struct fr_store_row *row, unsigned column);
/* Of a column in microseconds since the Unix epoch. */
Google__Protobuf__Timestamp *rows_time(struct rows *self, const struct fr_store_row *row, unsigned column);
struct fr_store_value rows_time_value(const Google__Protobuf__Timestamp *time);

#endif
