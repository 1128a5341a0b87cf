/* SPDX-License-Identifier: MIT */
/*
 * files.c - writes files that this program carries.
 */
#include "freshet/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "freshet/embedded.h"
#include "freshet/report.h"

int files_make_parents(const char *path)
{
    char *copy = strdup(path);
    int exit_code = copy == NULL ? report_failure("out of memory") : 0;
    for (char *at = copy; exit_code == 0 && (at = strchr(at + 1, '/')) != NULL;) {
        *at = '\0';
        if (mkdir(copy, 0777) != 0 && errno != EEXIST) {
            exit_code = report_failure("cannot make the folder '%s': %s", copy, strerror(errno));
        }
        *at = '/';
    }
    free(copy);
    return exit_code;
}

static int write_file(const char *path, struct fr_bytes content)
{
    int exit_code = files_make_parents(path);
    if (exit_code != 0) {
        return exit_code;
    }
    const char *slash = strrchr(path, '/');
    bool program = slash != NULL && strcmp(slash, "/run") == 0;
    int to = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, program ? 0777 : 0666);
    FILE *file = to < 0 ? NULL : fdopen(to, "wb");
    bool written = file != NULL && fwrite(content.data, 1, content.size, file) == content.size;
    int cause = errno;
    written = (file == NULL || fclose(file) == 0) && written;
    return written ? 0 : report_failure("cannot write '%s': %s", path, strerror(cause != 0 ? cause : errno));
}

int files_write_embedded(const char *start, const char *folder, const char *anew)
{
    int exit_code = 0;
    for (const struct embedded_file *file = embedded_files; file->name != NULL && exit_code == 0; file++) {
        if (strncmp(file->name, start, strlen(start)) != 0) {
            continue;
        }
        const char *name = file->name + strlen(start);
        struct fr_buffer path = {0};
        fr_buffer_append_format(&path, "%s/%s", folder, name);
        const char *text = fr_buffer_text(&path);
        if (text == NULL) {
            exit_code = report_failure("out of memory");
        } else if ((anew != NULL && strncmp(name, anew, strlen(anew)) == 0) || access(text, F_OK) != 0) {
            exit_code = write_file(text, file->content);
        }
        fr_buffer_fini(&path);
    }
    return exit_code;
}
