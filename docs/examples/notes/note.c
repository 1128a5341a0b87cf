/* SPDX-License-Identifier: MIT */
/*
 * note.c - a client: note ADDRESS ID [TEXT] saves TEXT if it is given, and prints the note.
 */
#include <stdio.h>

#include "notes/v1/notes.freshet.h"

static int print(enum fr_code code, Notes__V1__Note *note, const struct fr_error *error)
{
    if (code != FR_OK) {
        fprintf(stderr, "note: %s: %s\n", fr_code_name(code), error->message);
        return 1;
    }
    printf("%s: %s\n", note->id, note->text);
    notes__v1__note__free_unpacked(note, NULL);
    return 0;
}

int main(int argc, char **argv)
{
    const struct fr_call_options options = {.timeout_us = 2000000};
    Notes__V1__GetNoteRequest get = NOTES__V1__GET_NOTE_REQUEST__INIT;
    Notes__V1__Note save = NOTES__V1__NOTE__INIT;
    Notes__V1__Note *note = NULL;
    struct fr_channel *channel = NULL;
    struct fr_error error;
    if (argc < 3) {
        fputs("usage: note ADDRESS ID [TEXT]\n", stderr);
        return 2;
    }
    get.id = save.id = argv[2];
    enum fr_code code = fr_channel_new(argv[1], NULL, &channel, &error);
    if (code == FR_OK && argc > 3) {
        save.text = argv[3];
        code = notes_v1_notes_save_note(channel, &save, &options, &note, &error);
    } else if (code == FR_OK) {
        code = notes_v1_notes_get_note(channel, &get, &options, &note, &error);
    }
    int exit_code = print(code, note, &error);
    fr_channel_free(channel);
    return exit_code;
}
