/* SPDX-License-Identifier: MIT */
/*
 * reflection.h - the service freshet.reflection.v1.Reflection: what a server can be asked about itself.
 */
#ifndef FR_RPC_REFLECTION_H
#define FR_RPC_REFLECTION_H

#include "rpc/server.h"

/*
 * Before fr_server_serve; it tells all services that are registered by then, and their descriptors where generated code
 * registered them.
 *   FR_RESOURCE_EXHAUSTED  no memory
 */
FR_MUST_CHECK enum fr_code fr_reflection_register(struct fr_server *server, struct fr_error *reterr);

#endif
