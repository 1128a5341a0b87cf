/* SPDX-License-Identifier: MIT */
/*
 * redis_url.h - internal to this folder: "redis://[user:password@]host:port[/db]".
 */
#ifndef FR_CACHE_REDIS_URL_H
#define FR_CACHE_REDIS_URL_H

#include <stdint.h>

#include "base/error.h"

#define FR_REDIS_DEFAULT_PORT 6379

struct fr_redis_url {
    char host[256]; /* a name or an address, without brackets */
    uint16_t port;
    unsigned database;
    char user[128];     /* "": the default user */
    char password[512]; /* "": no AUTH */
    char address[272];  /* "host:port" for people, with brackets where needed */
};

/*
 * The port may be left out (6379), the user too (":password@"). User and password are percent-decoded; IPv6
 * addresses stand in brackets.
 *   FR_INVALID_ARGUMENT  with a message that shows nothing of what stands before the '@'
 */
FR_MUST_CHECK enum fr_code fr_redis_url_parse(const char *text, struct fr_redis_url *ret_url,
                                              struct fr_error *reterr);

#endif
