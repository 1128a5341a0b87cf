/* SPDX-License-Identifier: MIT */
/*
 * commit.h - runs a write in a transaction on a worker, and answers once its invalidations are out.
 */
#ifndef FR_SERVICE_COMMIT_H
#define FR_SERVICE_COMMIT_H

#include "message/arena.h"
#include "service/service.h"

/*
 * Runs within a transaction, on a worker; it makes *ret_response in arena. An error rolls the transaction back and
 * answers the call; so does a response that cannot be packed.
 */
typedef enum fr_code fr_write(struct fr_store_connection *connection, const struct ProtobufCMessage *request,
                              struct fr_arena *arena, struct ProtobufCMessage **ret_response,
                              struct fr_error *reterr);

/* Answers call with what write makes of its request, and x-cache-event. service is borrowed until then. */
void fr_commit(struct fr_service *service, struct fr_call *call, const struct ProtobufCMessage *request,
               fr_write *write);

#endif
