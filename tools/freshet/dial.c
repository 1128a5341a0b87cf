/* SPDX-License-Identifier: MIT */
/*
 * dial.c - a channel to an address that a person gave.
 */
#include "freshet/dial.h"

#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "freshet/address.h"
#include "rpc/channel.h"

/* Anything that is no "tcp://host:port" is left to fr_channel_new. */
static enum fr_code look_up(const char *address, struct fr_error *reterr)
{
    static const struct addrinfo any_tcp = {.ai_socktype = SOCK_STREAM};
    char host[ADDRESS_BYTES];
    struct addrinfo *found;
    const char *begin = address + strlen("tcp://"), *colon = strrchr(address, ':');
    if (strncmp(address, "tcp://", strlen("tcp://")) != 0 || colon <= begin || begin[0] == '[') {
        return FR_OK;
    }
    snprintf(host, sizeof host, "%.*s", (int)(colon - begin), begin);
    int result = getaddrinfo(host, NULL, &any_tcp, &found);
    if (result != 0) {
        return fr_error_set(reterr, FR_UNAVAILABLE, "cannot connect to %.120s: unknown host: %s", address,
                            gai_strerror(result));
    }
    freeaddrinfo(found);
    return FR_OK;
}

enum fr_code dial(const char *address, struct fr_channel **ret_channel, struct fr_error *reterr)
{
    enum fr_code code = look_up(address, reterr);
    return code == FR_OK ? fr_channel_new(address, NULL, ret_channel, reterr) : code;
}
