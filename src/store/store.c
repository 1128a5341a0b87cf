/* SPDX-License-Identifier: MIT */
/*
 * store.c - finds the database for a URL and does what is the same for every database.
 */
#include "store/store.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "store/operations.h"

static const struct fr_store_operations *const databases[] = {&fr_sqlite_operations};

enum fr_code fr_store_open(const char *url, struct fr_store **ret_store, struct fr_error *reterr)
{
    for (size_t i = 0; i < sizeof databases / sizeof databases[0]; i++) {
        size_t length = strlen(databases[i]->scheme);
        if (strncmp(url, databases[i]->scheme, length) == 0 && url[length] != '\0') {
            return databases[i]->open(url + length, ret_store, reterr);
        }
    }
    return fr_error_set(reterr, FR_INVALID_ARGUMENT, "'%.80s' is not a database URL; write sqlite:PATH", url);
}

void fr_store_free(struct fr_store *self)
{
    if (self != NULL) {
        self->operations->free(self);
    }
}

enum fr_code fr_store_connect(struct fr_store *self, struct fr_store_connection **ret_connection,
                              struct fr_error *reterr)
{
    return self->operations->connect(self, ret_connection, reterr);
}

void fr_store_connection_free(struct fr_store_connection *self)
{
    if (self != NULL) {
        fr_store_rollback(self);
        self->operations->connection_free(self);
    }
}

void fr_store_set_patience(struct fr_store_connection *self, uint64_t patience_us)
{
    self->operations->set_patience(self, patience_us);
}

const char *fr_store_location(const struct fr_store_connection *self)
{
    return self->location;
}

enum fr_code fr_store_run(struct fr_store_connection *self, const char *sql,
                          const struct fr_store_value *parameters, size_t parameter_count,
                          fr_store_on_row *on_row, void *argument, uint64_t *ret_changes,
                          struct fr_error *reterr)
{
    return self->operations->run(self, sql, parameters, parameter_count, on_row, argument, ret_changes,
                                 reterr);
}

struct fr_store_value fr_store_row_get(const struct fr_store_row *self, unsigned column)
{
    return self->operations->row_get(self, column);
}

/* ---- transactions ---- */

enum fr_code fr_store_begin(struct fr_store_connection *self, struct fr_error *reterr)
{
    FR_ASSERT(!self->in_transaction);
    enum fr_code code = self->operations->begin(self, reterr);
    self->in_transaction = code == FR_OK;
    return code;
}

enum fr_code fr_store_commit(struct fr_store_connection *self, struct fr_store_marks *ret_marks,
                             struct fr_error *reterr)
{
    FR_ASSERT(self->in_transaction);
    enum fr_code code = self->operations->commit(self, ret_marks, reterr);
    if (code != FR_OK) {
        self->operations->rollback(self);
    }
    self->in_transaction = false;
    return code;
}

void fr_store_rollback(struct fr_store_connection *self)
{
    if (self->in_transaction) {
        self->operations->rollback(self);
        self->in_transaction = false;
    }
}

/* Begins a transaction, or joins the one under way; *ret_owned says which and goes to leave(). */
static enum fr_code join(struct fr_store_connection *self, bool *ret_owned, struct fr_error *reterr)
{
    *ret_owned = !self->in_transaction;
    return *ret_owned ? fr_store_begin(self, reterr) : FR_OK;
}

/* Ends an owned transaction as code says; an error of a joined one is left to its owner. */
static enum fr_code leave(struct fr_store_connection *self, bool owned, enum fr_code code,
                          struct fr_error *reterr)
{
    if (!owned) {
        return code;
    }
    if (code == FR_OK) {
        return fr_store_commit(self, NULL, reterr);
    }
    fr_store_rollback(self);
    return code;
}

enum fr_code fr_store_migrate(struct fr_store_connection *self, const char *script, struct fr_error *reterr)
{
    bool owned;
    enum fr_code code = join(self, &owned, reterr);
    if (code != FR_OK) {
        return code;
    }
    return leave(self, owned, self->operations->script(self, script, reterr), reterr);
}

/* ---- tracked tables ---- */

/* The length of the identifier that text starts with, 0 when there is none. */
static size_t identifier_length(const char *text)
{
    size_t length = 0;
    while (text[length] == '_' || (isascii((unsigned char)text[length]) &&
                                   (length == 0 ? isalpha : isalnum)((unsigned char)text[length]))) {
        length++;
    }
    return length;
}

static bool is_identifier(const char *text)
{
    size_t length = identifier_length(text);
    return length > 0 && text[length] == '\0';
}

static bool is_identifier_list(const char *text)
{
    for (;;) {
        size_t length = identifier_length(text);
        if (length == 0 || text[length] == '\0') {
            return length > 0;
        }
        if (text[length] != ',') {
            return false;
        }
        text += length + 1;
    }
}

enum fr_code fr_store_track(struct fr_store_connection *self, const char *table, const char *kind,
                            const char *columns, struct fr_error *reterr)
{
    const char *wrong = !is_identifier(table)          ? table
                        : !is_identifier(kind)         ? kind
                        : !is_identifier_list(columns) ? columns
                                                       : NULL;
    if (wrong != NULL) {
        return fr_error_set(reterr, FR_INVALID_ARGUMENT,
                            "'%.80s' is not a name: use letters, digits and '_' (columns as a,b)", wrong);
    }
    bool owned;
    enum fr_code code = join(self, &owned, reterr);
    if (code != FR_OK) {
        return code;
    }
    return leave(self, owned, self->operations->track(self, table, kind, columns, reterr), reterr);
}

enum fr_code fr_store_change_count(struct fr_store_connection *self, uint64_t *ret_count,
                                   struct fr_error *reterr)
{
    return self->operations->change_count(self, ret_count, reterr);
}

/* ---- marks ---- */

void fr_store_marks_fini(struct fr_store_marks *self)
{
    if (self == NULL) {
        return;
    }
    for (size_t i = 0; i < self->count; i++) {
        free(self->items[i].kind);
        free(self->items[i].reference);
    }
    free(self->items);
    *self = (struct fr_store_marks){0};
}

struct marks_gathering {
    struct fr_store_marks marks;
    size_t capacity;
    bool failed; /* no memory */
};

static bool grow(struct marks_gathering *self)
{
    if (self->marks.count < self->capacity) {
        return true;
    }
    size_t capacity = self->capacity == 0 ? 8 : self->capacity * 2;
    struct fr_store_mark *items = realloc(self->marks.items, capacity * sizeof *items);
    if (items != NULL) {
        self->marks.items = items;
        self->capacity = capacity;
    }
    return items != NULL;
}

static char *copy_text(struct fr_store_value value)
{
    return strndup(value.bytes.size > 0 ? (const char *)value.bytes.data : "", value.bytes.size);
}

static bool gather_mark(void *argument, const struct fr_store_row *row)
{
    struct marks_gathering *self = argument;
    if (!grow(self)) {
        self->failed = true;
        return false;
    }
    struct fr_store_mark *mark = &self->marks.items[self->marks.count++];
    mark->kind = copy_text(fr_store_row_get(row, 0));
    mark->reference = copy_text(fr_store_row_get(row, 1));
    mark->version = (uint64_t)fr_store_row_get(row, 2).integer;
    mark->commit_time_us = (uint64_t)fr_store_row_get(row, 3).integer;
    self->failed = mark->kind == NULL || mark->reference == NULL;
    return !self->failed;
}

enum fr_code fr_store_marks_query(struct fr_store_connection *self, const char *sql, int64_t parameter,
                                  struct fr_store_marks *ret_marks, struct fr_error *reterr)
{
    struct marks_gathering gathering = {0};
    struct fr_store_value value = fr_store_integer(parameter);
    enum fr_code code = fr_store_run(self, sql, &value, 1, gather_mark, &gathering, NULL, reterr);
    if (code == FR_OK && gathering.failed) {
        code = fr_error_no_memory(reterr);
    }
    if (code != FR_OK) {
        fr_store_marks_fini(&gathering.marks);
        return code;
    }
    *ret_marks = gathering.marks;
    return FR_OK;
}

enum fr_code fr_store_dirty(struct fr_store_connection *self, size_t limit, struct fr_store_marks *ret_marks,
                            struct fr_error *reterr)
{
    return fr_store_marks_query(self, "SELECT kind, reference, version, time_us FROM dirty ORDER BY version LIMIT $1",
                                limit > INT64_MAX ? INT64_MAX : (int64_t)limit, ret_marks, reterr);
}

enum fr_code fr_store_clear(struct fr_store_connection *self, const struct fr_store_mark *marks, size_t count,
                            struct fr_error *reterr)
{
    if (count == 0) {
        return FR_OK;
    }
    bool owned;
    enum fr_code code = join(self, &owned, reterr);
    if (code != FR_OK) {
        return code;
    }
    for (size_t i = 0; i < count && code == FR_OK; i++) {
        const struct fr_store_value parameters[] = {fr_store_text(marks[i].kind),
                                                    fr_store_text(marks[i].reference),
                                                    fr_store_integer((int64_t)marks[i].version)};
        code = fr_store_run(self, "DELETE FROM dirty WHERE kind = $1 AND reference = $2 AND version = $3",
                            parameters, 3, NULL, NULL, NULL, reterr);
    }
    return leave(self, owned, code, reterr);
}
