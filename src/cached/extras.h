/* SPDX-License-Identifier: MIT */
/*
 * extras.h - what comes back beside an answer of another service, on its way to the caller: metadata and details.
 *
 * The cache hands an error to all who wait and knows no RPC, so there they travel as the bytes that they have on the wire.
 */
#ifndef FR_CACHED_EXTRAS_H
#define FR_CACHED_EXTRAS_H

#include "rpc/channel.h"
#include "rpc/server.h"

/* Appends the metadata and the details of result to out. */
void fr_extras_write(struct fr_buffer *out, const struct fr_result *result);
/* Before call is answered: what fr_extras_write wrote. */
void fr_extras_tell(struct fr_call *call, struct fr_bytes extras);
/* The parts of it. What a stranger's server may send and ours must not is left out, and metadata named but_for (NULL: none). */
void fr_extras_tell_metadata(struct fr_call *call, struct fr_metadata metadata, const char *but_for);
void fr_extras_tell_details(struct fr_call *call, struct fr_details details);

#endif
