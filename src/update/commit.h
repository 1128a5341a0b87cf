/* SPDX-License-Identifier: MIT */
/*
 * commit.h - runs a write handler in a transaction on a worker, and answers once its invalidations are out.
 */
#ifndef FR_UPDATE_COMMIT_H
#define FR_UPDATE_COMMIT_H

#include "message/arena.h"
#include "service/service.h"

/*
 * One method that writes. write runs within a transaction, on a worker; it makes *ret_response in arena. An error
 * rolls the transaction back and answers the call.
 */
struct fr_write_method {
    struct fr_service *service; /* borrowed */
    enum fr_code (*write)(struct fr_store_connection *connection, const struct ProtobufCMessage *request,
                          struct fr_arena *arena, struct ProtobufCMessage **ret_response, struct fr_error *reterr);
};

/* A handler; its context is the struct fr_write_method. */
void fr_commit_handle(struct fr_call *call, void *context);

#endif
