/* SPDX-License-Identifier: MIT */
/*
 * spawn.c - runs a program to its end and keeps what it says on standard error.
 */
#include "freshet/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define READ_BYTES ((size_t)16 << 10)

void words_add(struct words *self, const char *format, ...)
{
    char **grown = self->failed ? NULL : realloc(self->items, (self->count + 2) * sizeof grown[0]);
    if (grown == NULL) {
        self->failed = true;
        return;
    }
    self->items = grown;
    va_list arguments;
    va_start(arguments, format);
    if (vasprintf(&self->items[self->count], format, arguments) < 0) {
        self->items[self->count] = NULL;
        self->failed = true;
    } else {
        self->items[++self->count] = NULL;
    }
    va_end(arguments);
}

void words_fini(struct words *self)
{
    for (size_t i = 0; i < self->count; i++) {
        free(self->items[i]);
    }
    free(self->items);
    *self = (struct words){0};
}

/* Until the end, so that the program never waits for us. */
static enum fr_code read_all(int from, struct fr_buffer *out, struct fr_error *reterr)
{
    ssize_t size;
    do {
        uint8_t *to = fr_buffer_reserve(out, READ_BYTES);
        if (to == NULL) {
            return fr_error_no_memory(reterr);
        }
        size = read(from, to, READ_BYTES);
        out->size += size > 0 ? (size_t)size : 0;
    } while (size > 0 || (size < 0 && errno == EINTR));
    return FR_OK;
}

static int start(const struct words *words, const char *input, const char *output, const int told[2], pid_t *ret_pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, input == NULL ? "/dev/null" : input, O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, output == NULL ? "/dev/null" : output,
                                     O_WRONLY | O_CREAT | O_TRUNC, 0666);
    posix_spawn_file_actions_adddup2(&actions, told[1], STDERR_FILENO);
    int failed = posix_spawnp(ret_pid, words->items[0], &actions, NULL, words->items, environ);
    posix_spawn_file_actions_destroy(&actions);
    return failed;
}

enum fr_code spawn_run(const struct words *words, const char *input, const char *output, struct fr_buffer *told,
                       struct fr_error *reterr)
{
    int ends[2], status = 0;
    pid_t pid;
    if (words->failed) {
        return fr_error_no_memory(reterr);
    }
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return fr_error_set(reterr, FR_RESOURCE_EXHAUSTED, "cannot make a pipe: %s", strerror(errno));
    }
    int failed = start(words, input, output, ends, &pid);
    close(ends[1]);
    if (failed != 0) {
        close(ends[0]);
        return fr_error_set(reterr, FR_NOT_FOUND, "cannot run '%s': %s", words->items[0], strerror(failed));
    }
    enum fr_code code = read_all(ends[0], told, reterr);
    close(ends[0]);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (code == FR_OK && status != 0) {
        code = fr_error_set(reterr, FR_FAILED_PRECONDITION, "%s ended with status %d", words->items[0],
                            WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    }
    return code;
}

static bool is_program(struct fr_buffer *path, const char *folder, size_t size, const char *program)
{
    fr_buffer_clear(path);
    fr_buffer_append_format(path, "%.*s%s%s", (int)size, folder, size == 0 ? "" : "/", program);
    const char *text = fr_buffer_text(path);
    return text != NULL && access(text, X_OK) == 0;
}

bool spawn_find(const char *program, const char *const *folders, size_t count, struct fr_buffer *ret_path)
{
    for (size_t i = 0; i < count; i++) {
        if (folders[i] != NULL && is_program(ret_path, folders[i], strlen(folders[i]), program)) {
            return true;
        }
    }
    const char *path = getenv("PATH");
    while (path != NULL && *path != '\0') {
        size_t size = strcspn(path, ":");
        if (is_program(ret_path, path, size, program)) {
            return true;
        }
        path += size + (path[size] == ':');
    }
    return false;
}
