/* SPDX-License-Identifier: MIT */
/*
 * sqlite_trigger.h - writes the triggers of a tracked table as SQL text. Pure; internal to this folder.
 */
#ifndef FR_STORE_SQLITE_TRIGGER_H
#define FR_STORE_SQLITE_TRIGGER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"

/* A cache key that rows of a table stand behind. Both are checked names; borrowed. */
struct fr_sqlite_kind {
    const char *kind;
    const char *columns; /* "a,b" */
};

/* What the triggers need to know of a table; every text is SQL, quoted where needed, and borrowed. */
struct fr_sqlite_table {
    const char *name;           /* a checked name */
    const char *is_new_row;     /* condition that finds the row NEW */
    const char *is_old_row;     /* condition that finds the row OLD */
    const char *conflicts;      /* condition that finds the rows with which NEW cannot coexist, or "" */
    const char *unique_columns; /* the columns that conflicts reads: "a","b" */
    bool has_update_time;       /* has a column update_time_us */
    const struct fr_sqlite_kind *kinds;
    size_t kind_count;
};

enum fr_sqlite_trigger {
    FR_SQLITE_AFTER_INSERT,
    FR_SQLITE_AFTER_UPDATE,
    FR_SQLITE_AFTER_DELETE,
    FR_SQLITE_BEFORE_INSERT,
    FR_SQLITE_BEFORE_UPDATE,
    FR_SQLITE_TRIGGER_COUNT,
};

/* Appends the trigger's name: "freshet_users_after_insert". */
void fr_sqlite_trigger_name(struct fr_buffer *out, const struct fr_sqlite_table *table,
                            enum fr_sqlite_trigger trigger);
/* Appends its CREATE TRIGGER as SQLite stores it in sqlite_master; nothing when the table needs no such
 * trigger. */
void fr_sqlite_trigger_sql(struct fr_buffer *out, const struct fr_sqlite_table *table,
                           enum fr_sqlite_trigger trigger);

#endif
