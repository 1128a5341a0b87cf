/* SPDX-License-Identifier: MIT */
/*
 * address.h - where services are when nobody says so, and how people may write an address. Pure.
 */
#ifndef FRESHET_ADDRESS_H
#define FRESHET_ADDRESS_H

#include <stddef.h>

#include "base/error.h"

#define ADDRESS_BYTES 280 /* "tcp://", a host name, ":65535" and a NUL */

/* The three services of one installation, in the order api, data, update. */
struct address_role {
    const char *name;    /* "api" */
    const char *program; /* "freshet-api" */
    const char *service; /* "users.v1.Users" */
    unsigned port;       /* offset from the port base */
    const char *address; /* the default */
};

#define ADDRESS_ROLES 3
extern const struct address_role address_roles[ADDRESS_ROLES];

/* The default address of a full service name; NULL when it has none. Every server has grpc.health.v1.Health. */
const char *address_of_service(const char *service);

/*
 * Writes "tcp://host:port" for "tcp://host:port", "host:port", ":port" or "port" (then the host is
 * 127.0.0.1).
 *   FR_INVALID_ARGUMENT  text is no such address
 */
FR_MUST_CHECK enum fr_code address_parse(const char *text, char ret_address[ADDRESS_BYTES],
                                         struct fr_error *reterr);

/*
 * What to add to the message of a failed call: a question when nobody listens at a default address, otherwise
 * "". given: the address that was asked for; NULL: none.
 */
const char *address_hint(const char *given, const char *message);

#endif
