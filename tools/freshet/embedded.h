/* SPDX-License-Identifier: MIT */
/*
 * embedded.h - files of the project that this program carries: the .proto of the options, and what freshet gen puts
 * beside generated code. CMakeLists.txt lists them.
 */
#ifndef FRESHET_EMBEDDED_H
#define FRESHET_EMBEDDED_H

#include "base/buffer.h"

struct embedded_file {
    const char *name; /* "go/freshet/freshet.go": a language, and where it goes; or "proto/…" */
    struct fr_bytes content;
};

/* The last one has no name. */
extern const struct embedded_file embedded_files[];

#endif
