/* SPDX-License-Identifier: MIT */
/*
 * gen_run.c - runs protoc and the other generators of freshet gen, and tells what they say.
 */
#include <stdio.h>
#include <string.h>

#include "freshet/gen.h"
#include "freshet/report.h"

/* What protoc says, and what it leaves to guess. */
static const struct {
    const char *said, *also, *advice;
} advices[] = {
    {": File not found.", "", ": imports are looked for in the folders of -I; without -I, here or beside FILE"},
    {"File does not reside within any path", "", ": give with -I the folder that its imports start from"},
    {"No syntax specified", "Expected top-level statement",
     ": begin them with syntax = \"proto3\"; or \"proto2\"; editions are not supported"},
};

static const char *advice_about(const char *said)
{
    for (size_t i = 0; i < sizeof advices / sizeof advices[0]; i++) {
        if (strstr(said, advices[i].said) != NULL && strstr(said, advices[i].also) != NULL) {
            return advices[i].advice;
        }
    }
    return "";
}

/* Prints what the program said: a short line as ours, more as it is. */
static int tell(struct fr_buffer *told, const struct fr_error *error)
{
    const char *text = fr_buffer_text(told);
    size_t size = text == NULL ? 0 : strcspn(text, "\n");
    if (size == 0) {
        return report_failure("%s", error->message);
    }
    const char *advice = advice_about(text);
    bool one = text[size] == '\0' || text[size + 1] == '\0';
    if (one && size < sizeof error->message && advice[0] == '\0') {
        return report_failure("%.*s", (int)size, text);
    }
    while (*text != '\0') {
        size = strcspn(text, "\n");
        report_plain(stderr, (struct fr_bytes){(const uint8_t *)text, size});
        fputc('\n', stderr);
        text += size + (text[size] == '\n');
    }
    return report_failure("the .proto files are not accepted%s", advice);
}

int gen_run(struct words *words, const char *input, const char *output, bool warn)
{
    struct fr_buffer told = {0};
    struct fr_error error;
    int exit_code = 0;
    if (spawn_run(words, input, output, &told, &error) != FR_OK) {
        exit_code = tell(&told, &error);
    } else if (told.size > 0 && warn) {
        fputs(fr_buffer_text(&told) == NULL ? "" : fr_buffer_text(&told), stderr);
    }
    fr_buffer_fini(&told);
    words_fini(words);
    return exit_code;
}
