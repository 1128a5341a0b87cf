/* SPDX-License-Identifier: MIT */
/*
 * target.h - which method to call and where, from what a person typed.
 */
#ifndef FRESHET_TARGET_H
#define FRESHET_TARGET_H

#include "base/buffer.h"
#include "freshet/address.h"
#include "freshet/descriptors.h"
#include "message/arena.h"
#include "message/schema.h"

/* Zeroed memory is an empty one. */
struct target {
    struct descriptors descriptors;
    const struct fr_schema_method *method;
    char address[ADDRESS_BYTES];
};

/*
 * Resolves "service/method" or "service.method", and the address (NULL: the default of the service).
 * Returns 0, or the exit code when it has complained: EXIT_USAGE for a bad address, or an unknown service
 * without an address; EXIT_RPC + UNIMPLEMENTED for an unknown method. target_fini in either case. command
 * names the help. given may be NULL; if it names no definitions, those of this program come first, then those of the
 * server.
 */
int target_init(struct target *self, const char *command, const char *method, const char *address,
                const struct descriptors_given *given);
void target_fini(struct target *self);

/* Appends the serialized request for JSON text. FR_INVALID_ARGUMENT: the text does not fit the request's
 * type. */
FR_MUST_CHECK enum fr_code target_encode(const struct target *self, struct fr_bytes json,
                                         struct fr_arena *arena, struct fr_buffer *out,
                                         struct fr_error *reterr);

#endif
