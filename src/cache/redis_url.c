/* SPDX-License-Identifier: MIT */
/*
 * redis_url.c - parse "redis://[user:password@]host:port[/db]". Pure.
 */
#include "cache/redis_url.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"

static enum fr_code refuse(struct fr_error *reterr, const char *why)
{
    return fr_error_set(reterr, FR_INVALID_ARGUMENT,
                        "redis URL: %s (want redis://[user:password@]host:port[/db])", why);
}

static struct fr_bytes between(const char *begin, const char *end)
{
    return (struct fr_bytes){.data = (const uint8_t *)begin, .size = (size_t)(end - begin)};
}

static int hex_digit(uint8_t byte)
{
    if (byte >= '0' && byte <= '9') {
        return byte - '0';
    }
    byte |= 0x20;
    return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

/* Percent-decodes into a C string; false: too long, a bad escape or an encoded NUL. */
static bool decode(struct fr_bytes text, char *out, size_t capacity)
{
    size_t size = 0;
    for (size_t i = 0; i < text.size; i++) {
        int byte = text.data[i];
        if (byte == '%') {
            bool whole = text.size - i > 2;
            int high = whole ? hex_digit(text.data[i + 1]) : -1;
            int low = whole ? hex_digit(text.data[i + 2]) : -1;
            if (high < 0 || low < 0) {
                return false;
            }
            byte = high << 4 | low;
            i += 2;
        }
        if (byte == 0 || size + 1 >= capacity) {
            return false;
        }
        out[size++] = (char)byte;
    }
    out[size] = '\0';
    return true;
}

static bool parse_number(const char *text, unsigned max, unsigned *ret_number)
{
    unsigned number = 0;
    if (*text == '\0') {
        return false;
    }
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9') {
            return false;
        }
        number = number * 10 + (unsigned)(*text - '0');
        if (number > max) {
            return false;
        }
    }
    *ret_number = number;
    return true;
}

static enum fr_code parse_login(struct fr_bytes login, struct fr_redis_url *url, struct fr_error *reterr)
{
    const char *begin = (const char *)login.data;
    const char *colon = memchr(begin, ':', login.size);
    if (colon == NULL) {
        return refuse(reterr, "no ':' between user and password");
    }
    if (!decode(between(begin, colon), url->user, sizeof url->user)) {
        return refuse(reterr, "the user is too long or wrongly percent-encoded");
    }
    if (!decode(between(colon + 1, begin + login.size), url->password, sizeof url->password)) {
        return refuse(reterr, "the password is too long or wrongly percent-encoded");
    }
    if (url->user[0] != '\0' && url->password[0] == '\0') {
        return refuse(reterr, "a user without a password");
    }
    return FR_OK;
}

/* place is "host:port" or "[address]:port". */
static enum fr_code parse_place(char *place, struct fr_redis_url *url, struct fr_error *reterr)
{
    char *host = place;
    char *rest = strchr(place, ':');
    bool bracketed = place[0] == '[';
    if (bracketed) {
        host++;
        rest = strchr(host, ']');
        if (rest == NULL) {
            return refuse(reterr, "no ']' after the address");
        }
        *rest++ = '\0';
        if (*rest != '\0' && *rest != ':') {
            return refuse(reterr, "a ':' must follow the ']'");
        }
    }
    unsigned port = FR_REDIS_DEFAULT_PORT;
    if (rest != NULL && *rest == ':') {
        *rest++ = '\0';
        if (!parse_number(rest, UINT16_MAX, &port) || port == 0) {
            return refuse(
                reterr, "the port must be a number from 1 to 65535, and an IPv6 address stands in brackets");
        }
    }
    if (host[0] == '\0') {
        return refuse(reterr, "no host");
    }
    url->port = (uint16_t)port;
    snprintf(url->host, sizeof url->host, "%s", host);
    snprintf(url->address, sizeof url->address, bracketed ? "[%s]:%u" : "%s:%u", url->host, port);
    return FR_OK;
}

enum fr_code fr_redis_url_parse(const char *text, struct fr_redis_url *ret_url, struct fr_error *reterr)
{
    static const char scheme[] = "redis://";
    struct fr_redis_url url = {.database = 0};
    if (strncmp(text, scheme, sizeof scheme - 1) != 0) {
        return refuse(reterr, "it does not begin with redis://");
    }
    text += sizeof scheme - 1;
    const char *at =
        strrchr(text, '@'); /* the last: passwords are typed with a bare '@' more often than not */
    if (at != NULL) {
        enum fr_code code = parse_login(between(text, at), &url, reterr);
        if (code != FR_OK) {
            return code;
        }
        text = at + 1;
    }
    const char *slash = strchr(text, '/');
    if (slash != NULL && slash[1] != '\0' && !parse_number(slash + 1, 65535, &url.database)) {
        return refuse(reterr, "the database after the '/' must be a number");
    }
    size_t place_size = slash == NULL ? strlen(text) : (size_t)(slash - text);
    char place[sizeof url.host];
    if (place_size >= sizeof place) {
        return refuse(reterr, "the host is too long");
    }
    memcpy(place, text, place_size);
    place[place_size] = '\0';
    enum fr_code code = parse_place(place, &url, reterr);
    if (code == FR_OK) {
        *ret_url = url;
    }
    return code;
}
