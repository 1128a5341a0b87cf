/* SPDX-License-Identifier: MIT */
/*
 * protos.c - where protoc finds .proto files: those of the user, and those of Freshet that users import.
 */
#include "freshet/protos.h"

#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "freshet/files.h"
#include "freshet/folder.h"

#define CARRIED "proto/" /* how the names of the embedded ones begin */

int protos_write_carried(const char *folder)
{
    char path[FOLDER_FILE_BYTES];
    snprintf(path, sizeof path, "%s/proto", folder);
    return files_write_embedded(CARRIED, path, NULL);
}

void protos_add_folders(struct words *words, const struct fr_option_list *folders, const char *const *files,
                        size_t count, const char *carried)
{
    for (size_t i = 0; i < folders->count; i++) {
        words_add(words, "-I%s", folders->items[i]);
    }
    for (size_t i = 0; folders->count == 0 && i < count; i++) {
        bool beside = files[i][0] == '/' || strncmp(files[i], "../", 3) == 0;
        char *copy = strdup(files[i]);
        words_add(words, "-I%s", copy != NULL && beside ? dirname(copy) : ".");
        free(copy);
    }
    words_add(words, "-I%s/proto", carried);
}
