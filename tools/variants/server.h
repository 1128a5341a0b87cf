/* SPDX-License-Identifier: MIT */
/*
 * server.h - the server of one variant: one method for each level that values may come from.
 */
#ifndef VARIANTS_SERVER_H
#define VARIANTS_SERVER_H

#include "variants/dataset.h"

enum level { LEVEL_NEAR, LEVEL_REDIS, LEVEL_DATABASE, LEVELS };

extern const char *const level_names[LEVELS];   /* "near" */
extern const char *const level_methods[LEVELS]; /* "variants.v1.Values/GetNear" */

/* The request's type in every variant. */
#define REQUEST_MESSAGE "users.v1.GetUserRequest"

#define SERVER_ADDRESS_BYTES 64

struct server_options {
    enum pack_codec_index codec; /* all that differs between variants */
    const struct dataset *dataset;
    const struct pack_type *type, *request_type;
    const char *redis_url, *name_space, *database_url;
};

/* What the server sends once it answers, or once it is clear that it cannot. */
struct server_ready {
    enum fr_code code;
    char message[FR_ERROR_MESSAGE_BYTES];
    char address[SERVER_ADDRESS_BYTES];
};

/* In a process of its own: answers until the other end of fd is closed. options: struct server_options. */
void server_run(int fd, const void *options);

#endif
