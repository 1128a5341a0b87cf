/* SPDX-License-Identifier: MIT */
/*
 * sqlite_tracking.c - keeps the triggers of tracked tables as they should be.
 *
 * freshet_tracked remembers every kind of a table, since one set of triggers serves all of them: so one write
 * draws one version, however many kinds it marks. Triggers are rewritten only when their text would change
 * (another kind, another unique index, a newer Freshet); an ordinary start writes nothing.
 */
#include <stdlib.h>
#include <string.h>

#include "store/sqlite.h"
#include "store/sqlite_trigger.h"

const char fr_sqlite_tracking_schema[] =
    "BEGIN IMMEDIATE;\n"
    "CREATE TABLE IF NOT EXISTS freshet_sequence(one INTEGER PRIMARY KEY CHECK (one = 1), value INTEGER NOT "
    "NULL,\n"
    "  stamping INTEGER NOT NULL);\n"
    "INSERT OR IGNORE INTO freshet_sequence(one, value, stamping) VALUES (1, 0, 0);\n"
    "CREATE TABLE IF NOT EXISTS freshet_tracked(tracked_table TEXT NOT NULL COLLATE NOCASE, kind TEXT NOT "
    "NULL,\n"
    "  columns TEXT NOT NULL, PRIMARY KEY (tracked_table, kind)) WITHOUT ROWID;\n"
    "CREATE TABLE IF NOT EXISTS dirty(kind TEXT NOT NULL, reference TEXT NOT NULL, version INTEGER NOT "
    "NULL,\n"
    "  time_us INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (kind, reference)) WITHOUT ROWID;\n"
    "CREATE INDEX IF NOT EXISTS dirty_by_version ON dirty(version);\n"
    "COMMIT;\n";

#define MAX_KINDS 16

/* What was read about a table; the texts that fr_sqlite_table borrows. */
struct description {
    struct fr_buffer name, is_new_row, is_old_row, conflicts, unique_columns;
    struct fr_buffer kinds[MAX_KINDS], columns[MAX_KINDS];
    struct fr_sqlite_kind list[MAX_KINDS];
    size_t kind_count;
};

static void description_free(struct description *self)
{
    if (self == NULL) {
        return;
    }
    fr_buffer_fini(&self->name);
    fr_buffer_fini(&self->is_new_row);
    fr_buffer_fini(&self->is_old_row);
    fr_buffer_fini(&self->conflicts);
    fr_buffer_fini(&self->unique_columns);
    for (size_t i = 0; i < MAX_KINDS; i++) {
        fr_buffer_fini(&self->kinds[i]);
        fr_buffer_fini(&self->columns[i]);
    }
    free(self);
}

/* ---- small queries ---- */

static bool append_first_text(void *argument, const struct fr_store_row *row)
{
    struct fr_store_value value = fr_store_row_get(row, 0);
    fr_buffer_append(argument, value.bytes.data, value.bytes.size);
    return false;
}

/* Appends the text of the first row's only column; nothing when there is no row or it is NULL. */
static enum fr_code query_text(struct fr_store_connection *connection, const char *sql, const char *parameter,
                               struct fr_buffer *out, struct fr_error *reterr)
{
    struct fr_store_value value = fr_store_text(parameter);
    return fr_store_run(connection, sql, &value, 1, append_first_text, out, NULL, reterr);
}

static bool count_row(void *argument, const struct fr_store_row *row)
{
    (void)row;
    ++*(unsigned *)argument;
    return true;
}

static enum fr_code has_column(struct fr_store_connection *connection, const char *table, const char *column,
                               size_t column_size, bool *ret_has, struct fr_error *reterr)
{
    const struct fr_store_value parameters[] = {
        fr_store_text(table),
        {.kind = FR_STORE_TEXT, .bytes = {(const uint8_t *)column, column_size}},
    };
    unsigned found = 0;
    enum fr_code code =
        fr_store_run(connection, "SELECT 1 FROM pragma_table_info($1) WHERE name = $2 COLLATE NOCASE",
                     parameters, 2, count_row, &found, NULL, reterr);
    *ret_has = found > 0;
    return code;
}

/* ---- reading a table ---- */

/* Every column that the triggers will name must be there, or each later write to the table would fail. */
static enum fr_code check_columns(struct fr_store_connection *connection, const char *table,
                                  const char *columns, struct fr_error *reterr)
{
    while (columns[0] != '\0') {
        size_t length = strcspn(columns, ",");
        bool has = false;
        enum fr_code code = has_column(connection, table, columns, length, &has, reterr);
        if (code != FR_OK) {
            return code;
        }
        if (!has) {
            return fr_error_set(reterr, FR_FAILED_PRECONDITION,
                                "cannot track table %s: it has no column %.*s", table, (int)length, columns);
        }
        columns += length;
        columns += columns[0] == ',';
    }
    return FR_OK;
}

/* How the triggers find a row: by rowid, or by its primary key in a table WITHOUT ROWID. */
static enum fr_code read_identity(struct fr_store_connection *connection, const char *table,
                                  struct description *self, struct fr_error *reterr)
{
    enum fr_code code = query_text(connection,
                                   "SELECT group_concat(format('\"%w\" = NEW.\"%w\"', name, name), ' AND ') "
                                   "FROM pragma_table_info($1) WHERE pk > 0 AND EXISTS (SELECT 1 FROM "
                                   "pragma_table_list WHERE schema = 'main' AND name = $1 AND wr)",
                                   table, &self->is_new_row, reterr);
    if (code == FR_OK) {
        code = query_text(connection,
                          "SELECT group_concat(format('\"%w\" = OLD.\"%w\"', name, name), ' AND ') "
                          "FROM pragma_table_info($1) WHERE pk > 0 AND EXISTS (SELECT 1 FROM "
                          "pragma_table_list WHERE schema = 'main' AND name = $1 AND wr)",
                          table, &self->is_old_row, reterr);
    }
    if (code == FR_OK && self->is_new_row.size == 0) {
        fr_buffer_append_text(&self->is_new_row, "_rowid_ = NEW._rowid_");
        fr_buffer_append_text(&self->is_old_row, "_rowid_ = OLD._rowid_");
        fr_buffer_append_text(&self->conflicts, "_rowid_ = NEW._rowid_");
    }
    return code;
}

#define UNIQUE_INDEXES                                                                                       \
    "FROM pragma_index_list($1) AS i, pragma_index_xinfo(i.name) AS c WHERE i.\"unique\" AND NOT i.partial " \
    "AND c.key "

/* Partial indexes and those on expressions are left out: only they know which rows they compare. */
static enum fr_code read_unique_indexes(struct fr_store_connection *connection, const char *table,
                                        struct description *self, struct fr_error *reterr)
{
    size_t before = self->conflicts.size;
    if (before > 0) {
        fr_buffer_append_text(&self->conflicts, " OR ");
    }
    size_t with_separator = self->conflicts.size;
    enum fr_code code =
        query_text(connection,
                   "SELECT group_concat(term, ' OR ') FROM (SELECT '(' || group_concat(format("
                   "'\"%w\" = NEW.\"%w\" COLLATE \"%w\"', c.name, c.name, c.coll), ' AND ') || ')' AS "
                   "term " UNIQUE_INDEXES "GROUP BY i.name HAVING min(c.cid) >= 0)",
                   table, &self->conflicts, reterr);
    if (self->conflicts.size == with_separator) {
        self->conflicts.size = before;
    }
    if (code == FR_OK) {
        code = query_text(
            connection,
            "SELECT group_concat(quoted) FROM (SELECT format('\"%w\"', c.name) AS quoted " UNIQUE_INDEXES
            "AND c.cid >= 0 UNION SELECT format('\"%w\"', name) "
            "FROM pragma_table_info($1) WHERE pk > 0)",
            table, &self->unique_columns, reterr);
    }
    return code;
}

static bool add_kind(void *argument, const struct fr_store_row *row)
{
    struct description *self = argument;
    if (self->kind_count == MAX_KINDS) {
        self->kind_count++; /* read_kinds sees that there are too many */
        return false;
    }
    struct fr_store_value kind = fr_store_row_get(row, 0);
    struct fr_store_value columns = fr_store_row_get(row, 1);
    fr_buffer_append(&self->kinds[self->kind_count], kind.bytes.data, kind.bytes.size);
    fr_buffer_append(&self->columns[self->kind_count], columns.bytes.data, columns.bytes.size);
    self->kind_count++;
    return true;
}

static enum fr_code read_kinds(struct fr_store_connection *connection, const char *table,
                               struct description *self, struct fr_error *reterr)
{
    struct fr_store_value value = fr_store_text(table);
    enum fr_code code = fr_store_run(
        connection, "SELECT kind, columns FROM freshet_tracked WHERE tracked_table = $1 ORDER BY kind",
        &value, 1, add_kind, self, NULL, reterr);
    if (code != FR_OK) {
        return code;
    }
    if (self->kind_count > MAX_KINDS) {
        return fr_error_set(reterr, FR_RESOURCE_EXHAUSTED, "cannot track table %s: it has more than %d kinds",
                            table, MAX_KINDS);
    }
    for (size_t i = 0; i < self->kind_count && code == FR_OK; i++) {
        self->list[i].kind = fr_buffer_text(&self->kinds[i]);
        self->list[i].columns = fr_buffer_text(&self->columns[i]);
        if (self->list[i].kind == NULL || self->list[i].columns == NULL) {
            return fr_error_no_memory(reterr);
        }
        code = check_columns(connection, table, self->list[i].columns, reterr);
    }
    return code;
}

static enum fr_code describe(struct fr_store_connection *connection, struct description *self,
                             struct fr_sqlite_table *ret_table, struct fr_error *reterr)
{
    struct fr_sqlite_table table = {.name = fr_buffer_text(&self->name)};
    if (table.name == NULL) {
        return fr_error_no_memory(reterr);
    }
    enum fr_code code = check_columns(connection, table.name, "version", reterr);
    if (code == FR_OK) {
        code = has_column(connection, table.name, "update_time_us", strlen("update_time_us"),
                          &table.has_update_time, reterr);
    }
    if (code == FR_OK) {
        code = read_identity(connection, table.name, self, reterr);
    }
    if (code == FR_OK) {
        code = read_unique_indexes(connection, table.name, self, reterr);
    }
    if (code == FR_OK) {
        code = read_kinds(connection, table.name, self, reterr);
    }
    if (code != FR_OK) {
        return code;
    }
    table.is_new_row = fr_buffer_text(&self->is_new_row);
    table.is_old_row = fr_buffer_text(&self->is_old_row);
    table.conflicts = fr_buffer_text(&self->conflicts);
    table.unique_columns = fr_buffer_text(&self->unique_columns);
    table.kinds = self->list;
    table.kind_count = self->kind_count;
    if (table.is_new_row == NULL || table.is_old_row == NULL || table.conflicts == NULL ||
        table.unique_columns == NULL) {
        return fr_error_no_memory(reterr);
    }
    *ret_table = table;
    return FR_OK;
}

/* ---- writing ---- */

/* Makes one trigger what it should be; *ret_changed tells whether it was not. */
static enum fr_code apply_trigger(struct fr_store_connection *connection, const struct fr_sqlite_table *table,
                                  enum fr_sqlite_trigger trigger, bool *ret_changed, struct fr_error *reterr)
{
    struct fr_buffer name = {0};
    struct fr_buffer wanted = {0};
    struct fr_buffer present = {0};
    struct fr_buffer change = {0};
    enum fr_code code = FR_OK;
    fr_sqlite_trigger_name(&name, table, trigger);
    fr_sqlite_trigger_sql(&wanted, table, trigger);
    if (fr_buffer_text(&name) == NULL || fr_buffer_text(&wanted) == NULL) {
        code = fr_error_no_memory(reterr);
        goto out;
    }
    code = query_text(connection, "SELECT sql FROM sqlite_master WHERE type = 'trigger' AND name = $1",
                      fr_buffer_text(&name), &present, reterr);
    if (code != FR_OK || fr_bytes_equal(fr_buffer_bytes(&wanted), fr_buffer_bytes(&present))) {
        goto out;
    }
    fr_buffer_append_format(&change, "DROP TRIGGER IF EXISTS %s;\n%s", fr_buffer_text(&name),
                            fr_buffer_text(&wanted));
    if (fr_buffer_text(&change) == NULL || present.failed) {
        code = fr_error_no_memory(reterr);
        goto out;
    }
    code = connection->operations->script(connection, fr_buffer_text(&change), reterr);
    *ret_changed = true;
out:
    fr_buffer_fini(&name);
    fr_buffer_fini(&wanted);
    fr_buffer_fini(&present);
    fr_buffer_fini(&change);
    return code;
}

/* Rows written before their table was tracked may hold higher versions than the sequence; new ones must
 * exceed them. */
static enum fr_code raise_sequence(struct fr_store_connection *connection, const char *table,
                                   struct fr_error *reterr)
{
    struct fr_buffer sql = {0};
    fr_buffer_append_format(&sql,
                            "UPDATE freshet_sequence SET value = max(value, "
                            "(SELECT coalesce(max(CAST(version AS INTEGER)), 0) FROM \"%s\"))",
                            table);
    const char *text = fr_buffer_text(&sql);
    enum fr_code code =
        text == NULL ? fr_error_no_memory(reterr) : connection->operations->script(connection, text, reterr);
    fr_buffer_fini(&sql);
    return code;
}

static enum fr_code remember_kind(struct fr_store_connection *connection, const char *table, const char *kind,
                                  const char *columns, struct fr_error *reterr)
{
    const struct fr_store_value parameters[] = {fr_store_text(table), fr_store_text(kind),
                                                fr_store_text(columns)};
    return fr_store_run(
        connection,
        "INSERT INTO freshet_tracked(tracked_table, kind, columns) SELECT $1, $2, $3 "
        "WHERE NOT EXISTS (SELECT 1 FROM freshet_tracked WHERE tracked_table = $1 AND kind = $2 "
        "AND columns = $3) "
        "ON CONFLICT(tracked_table, kind) DO UPDATE SET columns = excluded.columns",
        parameters, 3, NULL, NULL, NULL, reterr);
}

enum fr_code fr_sqlite_track(struct fr_store_connection *connection, const char *table, const char *kind,
                             const char *columns, struct fr_error *reterr)
{
    struct fr_sqlite_table described;
    bool changed = false;
    struct description *description = calloc(1, sizeof *description);
    if (description == NULL) {
        return fr_error_no_memory(reterr);
    }
    enum fr_code code =
        query_text(connection,
                   "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND "
                   "name = $1 COLLATE NOCASE",
                   table, &description->name, reterr);
    if (code == FR_OK && description->name.size == 0) {
        code = fr_error_set(reterr, FR_FAILED_PRECONDITION, "cannot track table %s: there is no such table",
                            table);
    }
    if (code == FR_OK) {
        code = remember_kind(connection, table, kind, columns, reterr);
    }
    if (code == FR_OK) {
        code = describe(connection, description, &described, reterr);
    }
    for (unsigned i = 0; i < FR_SQLITE_TRIGGER_COUNT && code == FR_OK; i++) {
        code = apply_trigger(connection, &described, (enum fr_sqlite_trigger)i, &changed, reterr);
    }
    if (code == FR_OK && changed) {
        code = raise_sequence(connection, described.name, reterr);
    }
    description_free(description);
    return code;
}
