/* SPDX-License-Identifier: MIT */
/*
 * child.c - runs another program to its end; its input and output are files in memory, so nothing can block.
 */
#include "freshet/child.h"

#include <errno.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { INPUT, OUTPUT, COMPLAINTS, FILES };

static enum fr_code run(char *const arguments[], const int files[FILES], const char *package, int *ret_status,
                        struct fr_error *reterr)
{
    posix_spawn_file_actions_t actions;
    pid_t child;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, files[INPUT], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, files[OUTPUT], STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, files[COMPLAINTS], STDERR_FILENO);
    int cause = posix_spawnp(&child, arguments[0], &actions, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (cause != 0) {
        return fr_error_set(reterr, FR_NOT_FOUND, "cannot run %s: %s; install %s", arguments[0],
                            strerror(cause), package);
    }
    pid_t ended;
    do {
        ended = waitpid(child, ret_status, 0);
    } while (ended < 0 && errno == EINTR);
    return FR_OK;
}

static enum fr_code read_all(int file, struct fr_buffer *out, struct fr_error *reterr)
{
    struct stat status;
    if (fstat(file, &status) != 0) {
        return fr_error_set(reterr, FR_INTERNAL, "cannot read a temporary file: %s", strerror(errno));
    }
    uint8_t *room = fr_buffer_reserve(out, (size_t)status.st_size);
    if (room == NULL) {
        return fr_error_no_memory(reterr);
    }
    ssize_t got = pread(file, room, (size_t)status.st_size, 0);
    out->size += got > 0 ? (size_t)got : 0;
    return FR_OK;
}

/* The first line that is no warning, which protoc puts into brackets. */
static const char *first_complaint(const char *text)
{
    while (*text == '[' && strchr(text, '\n') != NULL) {
        text = strchr(text, '\n') + 1;
    }
    return text;
}

static enum fr_code complain(int file, const char *program, struct fr_error *reterr)
{
    struct fr_buffer text = {0};
    enum fr_code code = read_all(file, &text, reterr);
    const char *line = code == FR_OK ? fr_buffer_text(&text) : NULL;
    if (line != NULL) {
        line = first_complaint(line);
        code = fr_error_set(reterr, FR_INVALID_ARGUMENT, "%s: %.*s", program, (int)strcspn(line, "\n"), line);
    }
    fr_buffer_fini(&text);
    return line == NULL && code == FR_OK ? fr_error_no_memory(reterr) : code;
}

enum fr_code child_run(char *const arguments[], struct fr_bytes input, const char *package,
                       struct fr_buffer *out, struct fr_error *reterr)
{
    int files[FILES], status = 0;
    bool good = true;
    for (int i = 0; i < FILES; i++) {
        files[i] = memfd_create("freshet-child", MFD_CLOEXEC);
        good = good && files[i] >= 0;
    }
    good =
        good && (input.size == 0 || pwrite(files[INPUT], input.data, input.size, 0) == (ssize_t)input.size);
    enum fr_code code = good ? run(arguments, files, package, &status, reterr)
                             : fr_error_set(reterr, FR_RESOURCE_EXHAUSTED, "cannot make a temporary file: %s",
                                            strerror(errno));
    if (code == FR_OK) {
        code = WIFEXITED(status) && WEXITSTATUS(status) == 0
                   ? read_all(files[OUTPUT], out, reterr)
                   : complain(files[COMPLAINTS], arguments[0], reterr);
    }
    for (int i = 0; i < FILES; i++) {
        if (files[i] >= 0) {
            close(files[i]);
        }
    }
    return code;
}
