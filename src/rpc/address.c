/* SPDX-License-Identifier: MIT */
/*
 * address.c - what an address looks like: "tcp://host:port".
 */
#include "rpc/address.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define SCHEME "tcp://"

static bool is_port(const char *text)
{
    size_t digits = strspn(text, "0123456789");
    return digits > 0 && digits <= 5 && text[digits] == '\0' && atol(text) <= 65535;
}

enum fr_code fr_address_check(const char *address, struct fr_error *reterr)
{
    const char *host = address + strlen(SCHEME);
    bool scheme = strncmp(address, SCHEME, strlen(SCHEME)) == 0;
    const char *colon = scheme ? strrchr(host, ':') : NULL;
    if (colon == NULL || colon == host || !is_port(colon + 1) || strlen(address) > FR_ADDRESS_MAX_BYTES) {
        return fr_error_set(reterr, FR_INVALID_ARGUMENT, "'%.128s' is no address such as tcp://127.0.0.1:7001",
                            address);
    }
    return FR_OK;
}
