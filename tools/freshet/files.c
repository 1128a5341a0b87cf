/* SPDX-License-Identifier: MIT */
/*
 * files.c - reads and copies files, and writes those that this program carries.
 */
#include "freshet/files.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "freshet/embedded.h"
#include "freshet/report.h"

#define READ_BYTES   ((size_t)64 << 10)
#define OPEN_FOLDERS 16 /* at a time, while a tree is walked */

int files_read(const char *path, struct fr_buffer *out)
{
    FILE *file = fopen(path, "rbe");
    size_t size = 0;
    if (file == NULL) {
        return report_failure("cannot open '%s': %s", path, strerror(errno));
    }
    do {
        uint8_t *to = fr_buffer_reserve(out, READ_BYTES);
        size = to == NULL ? 0 : fread(to, 1, READ_BYTES, file);
        out->size += size;
    } while (size > 0);
    int exit_code = out->failed    ? report_failure("out of memory")
                    : ferror(file) ? report_failure("cannot read '%s': %s", path, strerror(errno))
                                   : 0;
    fclose(file);
    return exit_code;
}

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

/* Returns 0 or errno. path is new. */
static int write_new(const char *path, mode_t mode, struct fr_bytes content)
{
    int to = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode), cause = 0;
    for (size_t done = 0; to >= 0 && cause == 0 && done < content.size;) {
        ssize_t size = write(to, content.data + done, content.size - done);
        cause = size < 0 && errno != EINTR ? errno : 0;
        done += size > 0 ? (size_t)size : 0;
    }
    return to < 0 || (close(to) != 0 && cause == 0) ? errno : cause;
}

/* Under another name first: a full disk leaves no part of a file, which would be kept the next time. */
static int write_file(const char *path, struct fr_bytes content)
{
    int exit_code = files_make_parents(path);
    if (exit_code != 0) {
        return exit_code;
    }
    struct fr_buffer buffer = {0};
    fr_buffer_append_format(&buffer, "%s.%ld.freshet-new", path, (long)getpid());
    const char *new_path = fr_buffer_text(&buffer), *slash = strrchr(path, '/');
    bool program = slash != NULL && strcmp(slash, "/run") == 0;
    bool protected = access(path, W_OK) != 0 && errno != ENOENT;
    int cause = new_path == NULL ? ENOMEM : protected ? errno : write_new(new_path, program ? 0777 : 0666, content);
    if (cause == 0 && rename(new_path, path) != 0) {
        cause = errno;
    }
    if (cause != 0 && cause != EEXIST && new_path != NULL) {
        unlink(new_path);
    }
    fr_buffer_fini(&buffer);
    return cause == 0 ? 0 : report_failure("cannot write '%s': %s", path, strerror(cause));
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

/* nftw passes no argument on. */
static struct {
    const char *from, *to;
    int exit_code;
} copied;

static int copy_entry(const char *path, const struct stat *status, int kind, struct FTW *where)
{
    struct fr_buffer to = {0}, content = {0};
    (void)status, (void)where;
    if (kind != FTW_F) {
        return 0;
    }
    fr_buffer_append_format(&to, "%s%s", copied.to, path + strlen(copied.from));
    const char *text = fr_buffer_text(&to);
    copied.exit_code = text == NULL ? report_failure("out of memory") : files_read(path, &content);
    if (copied.exit_code == 0) {
        copied.exit_code = write_file(text, fr_buffer_bytes(&content));
    }
    fr_buffer_fini(&to);
    fr_buffer_fini(&content);
    return copied.exit_code;
}

int files_copy(const char *from, const char *to)
{
    copied.from = from;
    copied.to = to;
    copied.exit_code = 0;
    if (nftw(from, copy_entry, OPEN_FOLDERS, FTW_PHYS) != 0 && copied.exit_code == 0) {
        return report_failure("cannot read the folder '%s': %s", from, strerror(errno));
    }
    return copied.exit_code;
}
