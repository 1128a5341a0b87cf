/* SPDX-License-Identifier: MIT */
/*
 * address.c - where services are when nobody says so, and how people may write an address.
 */
#include "freshet/address.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct address_role address_roles[ADDRESS_ROLES] = {
    {"api", "freshet-api", "users.v1.Users", 1, "tcp://127.0.0.1:7001"},
    {"data", "freshet-data", "users.v1.UserData", 2, "tcp://127.0.0.1:7002"},
    {"update", "freshet-update", "users.v1.UserUpdates", 3, "tcp://127.0.0.1:7003"},
};

const char *address_of_service(const char *service)
{
    if (strcmp(service, "grpc.health.v1.Health") == 0) {
        return address_roles[0].address;
    }
    for (size_t i = 0; i < ADDRESS_ROLES; i++) {
        if (strcmp(address_roles[i].service, service) == 0) {
            return address_roles[i].address;
        }
    }
    return NULL;
}

static bool is_port(const char *text)
{
    size_t digits = strspn(text, "0123456789");
    return digits > 0 && digits <= 5 && text[digits] == '\0' && atoi(text) >= 1 && atoi(text) <= 65535;
}

static bool is_host(const char *text, size_t size)
{
    bool bracketed = size > 2 && text[0] == '[' && text[size - 1] == ']';
    for (size_t i = 0; i < size; i++) {
        bool plain = isalnum((unsigned char)text[i]) || text[i] == '-' || text[i] == '.' || text[i] == '_';
        if (!plain && !(bracketed && (i == 0 || i + 1 == size || text[i] == ':' || text[i] == '%'))) {
            return false;
        }
    }
    return size <= 255;
}

enum fr_code address_parse(const char *text, char ret_address[ADDRESS_BYTES], struct fr_error *reterr)
{
    const char *rest = strncmp(text, "tcp://", 6) == 0 ? text + 6 : text;
    const char *colon = strrchr(rest, ':');
    if (is_port(text)) {
        snprintf(ret_address, ADDRESS_BYTES, "tcp://127.0.0.1:%s", text);
        return FR_OK;
    }
    if (colon == NULL || !is_port(colon + 1) || !is_host(rest, (size_t)(colon - rest))) {
        return fr_error_set(reterr, FR_INVALID_ARGUMENT,
                            "'%s' is not an address such as tcp://127.0.0.1:7001 or localhost:7001", text);
    }
    bool no_host = colon == rest;
    snprintf(ret_address, ADDRESS_BYTES, "tcp://%.*s:%s", no_host ? 9 : (int)(colon - rest),
             no_host ? "127.0.0.1" : rest, colon + 1);
    return FR_OK;
}

const char *address_hint(const char *given, const char *message)
{
    bool refused = strstr(message, "connection refused") != NULL;
    return refused && given == NULL ? "; is 'freshet up' running?" : "";
}
