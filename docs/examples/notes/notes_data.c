/* SPDX-License-Identifier: MIT */
/*
 * notes_data.c - notes-data: the table of notes, one query and one write.
 */
#include <freshet/service/commit.h>
#include <freshet/service/service.h>

#include "notes/v1/notes.freshet.h"

static enum fr_code migrate(struct fr_store_connection *connection, struct fr_error *reterr)
{
    static const char table[] = "CREATE TABLE IF NOT EXISTS notes(id TEXT PRIMARY KEY NOT NULL, text TEXT NOT NULL,"
                                " version INTEGER NOT NULL DEFAULT 0);";
    enum fr_code code = fr_store_migrate(connection, table, reterr);
    return code != FR_OK ? code : fr_store_track(connection, "notes", "note", "id", reterr);
}

struct row {
    struct fr_arena *arena;
    char *text; /* NULL: none, or no memory */
    uint64_t version;
    bool found;
};

static bool on_row(void *argument, const struct fr_store_row *values)
{
    struct row *row = argument;
    struct fr_bytes text = fr_store_row_get(values, 0).bytes;
    row->text = fr_arena_copy_text(row->arena, (const char *)text.data, text.size);
    row->version = (uint64_t)fr_store_row_get(values, 1).integer;
    row->found = true;
    return false;
}

/* What the caches call when they have no note with this id. */
static enum fr_code load_note(struct fr_store_connection *connection, const Notes__V1__GetNoteRequest *request,
                              struct fr_arena *arena, Notes__V1__Note **ret_note, uint64_t *ret_version,
                              struct fr_error *reterr)
{
    const struct fr_store_value id = fr_store_text(request->id);
    struct row row = {.arena = arena};
    enum fr_code code =
        fr_store_run(connection, "SELECT text, version FROM notes WHERE id = $1", &id, 1, on_row, &row, NULL, reterr);
    if (code != FR_OK) {
        return code;
    }
    if (!row.found) {
        return fr_error_set(reterr, FR_NOT_FOUND, "there is no such note");
    }
    Notes__V1__Note *note = fr_arena_alloc(arena, sizeof *note);
    if (note == NULL || row.text == NULL) {
        return fr_error_no_memory(reterr);
    }
    notes__v1__note__init(note);
    note->id = request->id;
    note->text = row.text;
    *ret_note = note;
    *ret_version = row.version;
    return FR_OK;
}

/* Runs in a transaction; the table's triggers tell the caches. */
static enum fr_code write_note(struct fr_store_connection *connection, const struct ProtobufCMessage *request,
                               struct fr_arena *arena, struct ProtobufCMessage **ret_response, struct fr_error *reterr)
{
    static const char sql[] = "INSERT INTO notes(id, text) VALUES ($1, $2) ON CONFLICT(id) DO UPDATE SET text = $2";
    const Notes__V1__Note *note = (const Notes__V1__Note *)request;
    const struct fr_store_value values[] = {fr_store_text(note->id), fr_store_text(note->text)};
    (void)arena;
    *ret_response = (struct ProtobufCMessage *)request;
    return fr_store_run(connection, sql, values, 2, NULL, NULL, NULL, reterr);
}

static void save_note(struct fr_call *call, const Notes__V1__Note *request, void *service)
{
    if (request->id[0] == '\0') {
        fr_call_fail(call, FR_INVALID_ARGUMENT, "id must not be empty");
        return;
    }
    fr_commit(service, call, &request->base, write_note);
}

static enum fr_code start(struct fr_service *service, struct fr_error *reterr)
{
    static const struct notes_v1_note_data_service handlers = {.save_note = save_note};
    static const struct notes_v1_note_data_sources sources = {.get_note = load_note};
    return notes_v1_note_data_register_cached(service->server, &handlers, service, service->cached, &sources, reterr);
}

static void stop(void)
{
}

int main(int argc, char **argv)
{
    static const struct fr_service_definition definition = {
        .program = "notes-data",
        .summary = "serves notes.v1.NoteData",
        .listen_default = "tcp://127.0.0.1:7102",
        .variable_listen = "NOTES_DATA_LISTEN",
        .variable_db = "NOTES_DATA_DB",
        .migrate = migrate,
        .start = start,
        .stop = stop,
    };
    return fr_service_main(&definition, argc, argv);
}
