/* SPDX-License-Identifier: MIT */
/*
 * folder.c - a temporary folder, and the folder this program stands in.
 */
#include "freshet/folder.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OPEN_FOLDERS 16 /* at a time, while the tree is walked */

enum fr_code folder_init(struct folder *self, struct fr_error *reterr)
{
    const char *parent = getenv("TMPDIR");
    if (parent == NULL || parent[0] != '/' || strlen(parent) > FOLDER_BYTES / 2) {
        parent = "/tmp";
    }
    snprintf(self->path, sizeof self->path, "%s/freshet-XXXXXX", parent);
    if (mkdtemp(self->path) == NULL) {
        int cause = errno;
        self->path[0] = '\0';
        return fr_error_set(reterr, FR_FAILED_PRECONDITION, "cannot make a folder in '%s': %s", parent,
                            strerror(cause));
    }
    return FR_OK;
}

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *where)
{
    (void)status;
    (void)kind;
    (void)where;
    remove(path);
    return 0;
}

void folder_fini(struct folder *self)
{
    if (self->path[0] != '\0') {
        nftw(self->path, remove_entry, OPEN_FOLDERS, FTW_DEPTH | FTW_PHYS);
        self->path[0] = '\0';
    }
}

enum fr_code folder_of_program(char ret_path[FOLDER_FILE_BYTES], struct fr_error *reterr)
{
    ssize_t size = readlink("/proc/self/exe", ret_path, FOLDER_FILE_BYTES - 1);
    if (size <= 0 || size == FOLDER_FILE_BYTES - 1) {
        return fr_error_set(reterr, FR_INTERNAL, "cannot find out where this program stands: %s",
                            size < 0 ? strerror(errno) : "the path is too long");
    }
    ret_path[size] = '\0';
    *strrchr(ret_path, '/') = '\0';
    return FR_OK;
}
