/* SPDX-License-Identifier: MIT */
/*
 * protos.h - where protoc finds .proto files: those of the user, and those of Freshet that users import.
 */
#ifndef FRESHET_PROTOS_H
#define FRESHET_PROTOS_H

#include <stddef.h>

#include "base/options.h"
#include "freshet/spawn.h"

/* Writes the carried .proto files below folder, a temporary one. Returns 0, or the exit code after a complaint. */
int protos_write_carried(const char *folder);

/* Adds "-I" for folders, or, when there are none, for here and beside files; and for what protos_write_carried wrote. */
void protos_add_folders(struct words *words, const struct fr_option_list *folders, const char *const *files,
                        size_t count, const char *carried);

#endif
