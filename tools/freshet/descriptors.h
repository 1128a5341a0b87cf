/* SPDX-License-Identifier: MIT */
/*
 * descriptors.h - which services and messages there are: those that this program knows, or those of a server, of .proto
 * files or of a compiled set.
 */
#ifndef FRESHET_DESCRIPTORS_H
#define FRESHET_DESCRIPTORS_H

#include <stddef.h>

#include "base/options.h"
#include "message/schema.h"

/* What a person gave; zeroed: nothing. */
struct descriptors_given {
    struct fr_option_list protos;  /* .proto files */
    struct fr_option_list folders; /* to import from */
    const char *protoset;          /* a FileDescriptorSet in a file */
};

/* The rows of a command's option table that fill in given, a struct descriptors_given. */
/* clang-format off */
#define DESCRIPTORS_OPTIONS(given)                                                                     \
    {.name = "proto", .type = FR_OPTION_LIST, .argument = "FILE",                                      \
     .help = "take the definitions from this .proto file", .value = &(given).protos},                  \
    {.name = "import-path", .letter = 'I', .type = FR_OPTION_LIST, .argument = "DIR",                  \
     .help = "where --proto and its imports are, otherwise here or beside it",                         \
     .value = &(given).folders},                                                                       \
    {.name = "protoset", .argument = "FILE",                                                           \
     .help = "take the definitions from this FileDescriptorSet", .value = &(given).protoset}
/* clang-format on */

struct descriptors {
    struct fr_schema *schema; /* owned */
    /* Of a server: the names of the services that it has; otherwise NULL. Owned. */
    char **services;
    size_t service_count;
};

/*
 * Reads what given names; if it names nothing, asks the server at address ("tcp://host:port"); if that is NULL too, takes
 * those that are compiled in. Returns 0, or the exit code after a complaint. descriptors_fini in either case.
 */
int descriptors_init(struct descriptors *self, const char *command, const struct descriptors_given *given,
                     const char *address);
void descriptors_fini(struct descriptors *self);

/*
 * Asks the server at address.
 *   FR_UNIMPLEMENTED  it has no reflection
 * and the errors of a call.
 */
FR_MUST_CHECK enum fr_code descriptors_ask(struct descriptors *self, const char *address, struct fr_error *reterr);

#endif
