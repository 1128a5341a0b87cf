/* SPDX-License-Identifier: MIT */
/*
 * gen.h - the languages of freshet gen: what makes the messages and the stubs of each, and what else its folder holds;
 * and how generators are run.
 */
#ifndef FRESHET_GEN_H
#define FRESHET_GEN_H

#include "freshet/spawn.h"

#define GEN_TOOLS 3
#define GEN_FLAGS 4

struct gen_tool {
    const char *program;
    const char *from; /* how to get it */
};

struct gen_language {
    const char *name;
    struct gen_tool tools[GEN_TOOLS];      /* besides protoc and protoc-gen-freshet; ends with NULL */
    const char *message_flags[GEN_FLAGS]; /* of protoc; "@" stands for the folder. None: protoc-c makes the messages */
    const char *stub_flags[GEN_FLAGS];    /* of protoc, besides the folder and the language */
    bool go_packages;                      /* both get a Go package for each file */
    const char *const *compiled; /* how .proto files begin whose messages come with a library; to NULL */
    const char *run_time;        /* how the carried files begin that are always written anew; NULL: none */
    const char *example;         /* written if it is not there yet, as all other files */
    const char *needs;           /* what the example needs besides */
};

extern const struct gen_language gen_languages[];
extern const size_t gen_language_count;

/*
 * gen_run.c: runs words as spawn_run does, and frees them. Without warn, what a program says that succeeds goes
 * nowhere. Returns 0, or the exit code after a complaint.
 */
int gen_run(struct words *words, const char *input, const char *output, bool warn);

/*
 * gen_go.c: appends "Musers/v1/users.proto=example/stubs/users/v1;usersv1pb", for the file called name: its folder is
 * the package, and no keyword ends in "pb".
 */
void gen_go_package(struct fr_buffer *out, const char *name);

#endif
