/* SPDX-License-Identifier: MIT */
/*
 * sqlite_trigger.c - writes the triggers of a tracked table as SQL text.
 *
 * Every row write draws the next value of freshet_sequence, stamps it on the row and marks the row's keys
 * with it. Plain SQL throughout, so that the triggers also work for a write typed into the sqlite3 shell.
 *
 * The stamp is itself an UPDATE of the table and fires AFTER UPDATE again: from AFTER INSERT always, from
 * AFTER UPDATE with recursive_triggers on. freshet_sequence.stamping tells it from a user's UPDATE. That
 * alone would also silence a write that a user's own trigger makes because of the stamp, so the guard asks as
 * well that the row has just taken the newest version. No user's UPDATE passes as a stamp, whatever version
 * it types.
 *
 * An "OR IGNORE" or "OR REPLACE" of the outer statement overrides the conflict clauses inside its triggers,
 * but not ON CONFLICT DO UPDATE: so marks are written with that.
 *
 * REPLACE removes rows without firing DELETE triggers (unless recursive_triggers is on). The BEFORE triggers
 * mark the rows that stand in NEW's way. Where the statement then ignores or updates instead, a mark too many
 * is harmless.
 */
#include "store/sqlite_trigger.h"

#include <string.h>

#define DRAW       "UPDATE freshet_sequence SET value = value + 1;\n"
#define DRAW_STAMP "UPDATE freshet_sequence SET value = value + 1, stamping = 1;\n"
#define END_STAMP  "UPDATE freshet_sequence SET stamping = 0;\n"
#define NEWEST     "(SELECT value FROM freshet_sequence)"

/* Microseconds since the epoch; SQLite's clock has milliseconds. */
#define NOW_US                                                                                               \
    "CAST(strftime('%s', 'now') AS INTEGER) * 1000000 + CAST(substr(strftime('%f', 'now'), 4) AS INTEGER) "  \
    "* 1000"

static const char *const suffixes[FR_SQLITE_TRIGGER_COUNT] = {
    [FR_SQLITE_AFTER_INSERT] = "after_insert",   [FR_SQLITE_AFTER_UPDATE] = "after_update",
    [FR_SQLITE_AFTER_DELETE] = "after_delete",   [FR_SQLITE_BEFORE_INSERT] = "before_insert",
    [FR_SQLITE_BEFORE_UPDATE] = "before_update",
};

/* Takes the next name off a list "a,b"; false at its end. */
static bool next_column(const char **columns, struct fr_bytes *ret_column)
{
    size_t length = strcspn(*columns, ",");
    *ret_column = (struct fr_bytes){(const uint8_t *)*columns, length};
    *columns += length;
    *columns += **columns == ',';
    return length > 0;
}

/* row is "NEW", "OLD" or the table's name. */
static void append_column(struct fr_buffer *out, const char *row, struct fr_bytes column)
{
    fr_buffer_append_format(out, "%s.\"%.*s\"", row, (int)column.size, (const char *)column.data);
}

static void append_as_text(struct fr_buffer *out, const char *row, struct fr_bytes column)
{
    fr_buffer_append_text(out, "CAST(");
    append_column(out, row, column);
    fr_buffer_append_text(out, " AS TEXT)");
}

/* SQLite's parser has a stack of 100 symbols, and each call nested in another takes three of them. */
#define CALLS_NESTED 12

/* '%' stands first, or it would encode the others' escapes. */
static const char special_bytes[] = "%: \x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f"
                                    "\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f\x7f";

/* A chain of replace() calls around the column, in sub-queries of CALLS_NESTED calls each. */
static void append_replacements(struct fr_buffer *out, const char *row, struct fr_bytes column)
{
    size_t count = sizeof special_bytes - 1;
    for (size_t end = count; end > 0; end = (end - 1) / CALLS_NESTED * CALLS_NESTED) {
        size_t start = (end - 1) / CALLS_NESTED * CALLS_NESTED;
        fr_buffer_append_text(out, "(SELECT ");
        for (size_t i = start; i < end; i++) {
            fr_buffer_append_text(out, "replace(");
        }
        fr_buffer_append_text(out, "t");
        for (size_t i = start; i < end; i++) {
            fr_buffer_append_format(out, ", char(%d), '%%%02X')", special_bytes[i],
                                    (unsigned)special_bytes[i]);
        }
        fr_buffer_append_text(out, " AS t FROM ");
    }
    fr_buffer_append_text(out, "(SELECT ");
    append_as_text(out, row, column);
    fr_buffer_append_text(out, " AS t)");
    for (size_t start = 0; start < count; start += CALLS_NESTED) {
        fr_buffer_append_text(out, ")");
    }
}

/* One column as text, its bytes percent-encoded where it holds ':', '%', space or control bytes other than
 * NUL. */
static void append_encoded(struct fr_buffer *out, const char *row, struct fr_bytes column)
{
    fr_buffer_append_text(out, "CASE WHEN ");
    append_as_text(out, row, column);
    fr_buffer_append_text(out, " GLOB '*[%:' || char(1) || '- ' || char(127) || ']*' THEN ");
    append_replacements(out, row, column);
    fr_buffer_append_text(out, " ELSE ");
    append_as_text(out, row, column);
    fr_buffer_append_text(out, " END");
}

static void append_reference(struct fr_buffer *out, const char *row, const char *columns)
{
    struct fr_bytes column;
    for (const char *separator = ""; next_column(&columns, &column); separator = " || ':' || ") {
        fr_buffer_append_text(out, separator);
        append_encoded(out, row, column);
    }
}

/* True when no key column is NULL: such a row cannot be looked up by this kind. */
static void append_has_key(struct fr_buffer *out, const char *row, const char *columns)
{
    struct fr_bytes column;
    for (const char *separator = ""; next_column(&columns, &column); separator = " AND ") {
        fr_buffer_append_text(out, separator);
        append_column(out, row, column);
        fr_buffer_append_text(out, " IS NOT NULL");
    }
}

static void append_mark(struct fr_buffer *out, const char *row, const struct fr_sqlite_kind *kind,
                        const char *from)
{
    fr_buffer_append_format(out, "INSERT INTO dirty(kind, reference, version, time_us)\nSELECT '%s', ", kind->kind);
    append_reference(out, row, kind->columns);
    fr_buffer_append_format(out, ", " NEWEST ", %s%s%s\nWHERE ", NOW_US, from[0] != '\0' ? " FROM " : "", from);
    append_has_key(out, row, kind->columns);
}

#define END_MARK "\nON CONFLICT(kind, reference) DO UPDATE SET version = excluded.version, time_us = excluded.time_us;\n"

/* Marks the keys of NEW or OLD. */
static void append_marks(struct fr_buffer *out, const struct fr_sqlite_table *table, const char *row)
{
    for (size_t i = 0; i < table->kind_count; i++) {
        append_mark(out, row, &table->kinds[i], "");
        fr_buffer_append_text(out, END_MARK);
    }
}

/* Marks the keys of OLD that NEW no longer has. */
static void append_marks_of_left_keys(struct fr_buffer *out, const struct fr_sqlite_table *table)
{
    for (size_t i = 0; i < table->kind_count; i++) {
        const char *columns = table->kinds[i].columns;
        struct fr_bytes column;
        append_mark(out, "OLD", &table->kinds[i], "");
        fr_buffer_append_text(out, " AND NOT (");
        for (const char *separator = ""; next_column(&columns, &column); separator = " AND ") {
            fr_buffer_append_text(out, separator);
            /* As bytes: a change of case matters even where the column's collation ignores it. */
            append_column(out, "OLD", column);
            fr_buffer_append_text(out, " IS ");
            append_column(out, "NEW", column);
            fr_buffer_append_text(out, " COLLATE BINARY");
        }
        fr_buffer_append_text(out, ")" END_MARK);
    }
}

/* Marks the keys of the rows that stand in NEW's way. */
static void append_marks_of_conflicts(struct fr_buffer *out, const struct fr_sqlite_table *table,
                                      const char *which)
{
    for (size_t i = 0; i < table->kind_count; i++) {
        struct fr_buffer row = {0};
        fr_buffer_append_format(&row, "\"%s\"", table->name);
        const char *name = fr_buffer_text(&row);
        if (name == NULL) {
            out->failed = true;
            fr_buffer_fini(&row);
            return;
        }
        append_mark(out, name, &table->kinds[i], name);
        fr_buffer_append_format(out, " AND (%s)", which);
        fr_buffer_append_text(out, END_MARK);
        fr_buffer_fini(&row);
    }
}

/* replace() cannot find a NUL byte, and a mark that misses its key would leave a stale value for good. */
static void append_refusal_of_nul(struct fr_buffer *out, const struct fr_sqlite_table *table)
{
    for (size_t i = 0; i < table->kind_count; i++) {
        const char *columns = table->kinds[i].columns;
        struct fr_bytes column;
        while (next_column(&columns, &column)) {
            fr_buffer_append_format(
                out, "SELECT RAISE(ABORT, '%s.%.*s must not hold a NUL byte') WHERE instr(CAST(", table->name,
                (int)column.size, (const char *)column.data);
            append_column(out, "NEW", column);
            fr_buffer_append_text(out, " AS BLOB), x'00');\n");
        }
    }
}

static void append_stamp(struct fr_buffer *out, const struct fr_sqlite_table *table, bool update)
{
    fr_buffer_append_format(out, DRAW_STAMP "UPDATE \"%s\" SET version = " NEWEST, table->name);
    if (update && table->has_update_time) {
        fr_buffer_append_text(
            out, ", update_time_us = CASE WHEN NEW.update_time_us IS OLD.update_time_us THEN " NOW_US
                 " ELSE NEW.update_time_us END");
    }
    fr_buffer_append_format(out, " WHERE %s;\n" END_STAMP, table->is_new_row);
}

static void append_before(struct fr_buffer *out, const struct fr_sqlite_table *table,
                          enum fr_sqlite_trigger trigger)
{
    struct fr_buffer condition = {0};
    fr_buffer_append_format(&condition, "(%s)", table->conflicts);
    if (trigger == FR_SQLITE_BEFORE_UPDATE) {
        fr_buffer_append_format(&condition, " AND NOT (%s)", table->is_old_row);
    }
    const char *which = fr_buffer_text(&condition);
    if (which == NULL) {
        out->failed = true;
        fr_buffer_fini(&condition);
        return;
    }
    if (trigger == FR_SQLITE_BEFORE_UPDATE) {
        fr_buffer_append_format(out, " BEFORE UPDATE OF %s", table->unique_columns);
    } else {
        fr_buffer_append_text(out, " BEFORE INSERT");
    }
    fr_buffer_append_format(out, " ON \"%s\"\nWHEN EXISTS (SELECT 1 FROM \"%s\" WHERE %s)\nBEGIN\n" DRAW,
                            table->name, table->name, which);
    append_marks_of_conflicts(out, table, which);
    fr_buffer_fini(&condition);
}

void fr_sqlite_trigger_name(struct fr_buffer *out, const struct fr_sqlite_table *table,
                            enum fr_sqlite_trigger trigger)
{
    fr_buffer_append_format(out, "freshet_%s_%s", table->name, suffixes[trigger]);
}

void fr_sqlite_trigger_sql(struct fr_buffer *out, const struct fr_sqlite_table *table,
                           enum fr_sqlite_trigger trigger)
{
    bool before = trigger == FR_SQLITE_BEFORE_INSERT || trigger == FR_SQLITE_BEFORE_UPDATE;
    if ((before && table->conflicts[0] == '\0') ||
        (trigger == FR_SQLITE_BEFORE_UPDATE && table->unique_columns[0] == '\0')) {
        return;
    }
    fr_buffer_append_text(out, "CREATE TRIGGER ");
    fr_sqlite_trigger_name(out, table, trigger);
    switch (trigger) {
    case FR_SQLITE_AFTER_INSERT:
        fr_buffer_append_format(out, " AFTER INSERT ON \"%s\"\nBEGIN\n", table->name);
        append_refusal_of_nul(out, table);
        append_stamp(out, table, false);
        append_marks(out, table, "NEW");
        break;
    case FR_SQLITE_AFTER_UPDATE:
        fr_buffer_append_format(
            out,
            " AFTER UPDATE ON \"%s\"\nWHEN NOT ((SELECT stamping FROM freshet_sequence) AND "
            "NEW.version IS " NEWEST " AND NEW.version IS NOT OLD.version)\nBEGIN\n",
            table->name);
        append_refusal_of_nul(out, table);
        append_stamp(out, table, true);
        append_marks(out, table, "NEW");
        append_marks_of_left_keys(out, table);
        break;
    case FR_SQLITE_AFTER_DELETE:
        fr_buffer_append_format(out, " AFTER DELETE ON \"%s\"\nBEGIN\n" DRAW, table->name);
        append_marks(out, table, "OLD");
        break;
    default:
        append_before(out, table, trigger);
        break;
    }
    fr_buffer_append_text(out, "END");
}
