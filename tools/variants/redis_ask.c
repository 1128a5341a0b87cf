/* SPDX-License-Identifier: MIT */
/*
 * redis_ask.c - a few questions to a private redis-server, as inline commands.
 */
#include "variants/redis_ask.h"

#include <inttypes.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define LINE_BYTES      512
#define PATIENCE_SECOND 5

enum fr_code redis_open(unsigned port, FILE **ret_redis, struct fr_error *reterr)
{
    const struct timeval patience = {.tv_sec = PATIENCE_SECOND};
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons((uint16_t)port),
                                        .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0 &&
        connect(fd, (const struct sockaddr *)&address, sizeof address) == 0 &&
        (*ret_redis = fdopen(fd, "r+")) != NULL) {
        return FR_OK;
    }
    if (fd >= 0) {
        close(fd);
    }
    return fr_error_set(reterr, FR_UNAVAILABLE, "cannot connect to the private redis-server");
}

/* Sends a command and reads the first line of the answer, without its end. */
static enum fr_code ask(FILE *redis, const char *command, const char *argument, char line[LINE_BYTES],
                        struct fr_error *reterr)
{
    fseek(redis, 0, SEEK_CUR); /* between reading and writing; C asks for it */
    if (fprintf(redis, "%s%s\r\n", command, argument) < 0 || fflush(redis) != 0 ||
        fgets(line, LINE_BYTES, redis) == NULL) {
        return fr_error_set(reterr, FR_UNAVAILABLE, "the private redis-server does not answer");
    }
    line[strcspn(line, "\r\n")] = '\0';
    return line[0] == '-' ? fr_error_set(reterr, FR_INTERNAL, "redis-server: %s", line + 1) : FR_OK;
}

enum fr_code redis_forget_all(FILE *redis, struct fr_error *reterr)
{
    char line[LINE_BYTES];
    return ask(redis, "FLUSHALL", "", line, reterr);
}

enum fr_code redis_memory(FILE *redis, const char *key, uint64_t *ret_bytes, struct fr_error *reterr)
{
    char line[LINE_BYTES];
    enum fr_code code = ask(redis, "MEMORY USAGE ", key, line, reterr);
    if (code == FR_OK && line[0] != ':') {
        code = fr_error_set(reterr, FR_NOT_FOUND, "redis-server does not have the key '%s'", key);
    }
    if (code == FR_OK) {
        *ret_bytes = strtoull(line + 1, NULL, 10);
    }
    return code;
}

enum fr_code redis_version(FILE *redis, char version[REDIS_VERSION_BYTES], struct fr_error *reterr)
{
    static const char label[] = "redis_version:";
    char line[LINE_BYTES];
    enum fr_code code = ask(redis, "INFO server", "", line, reterr);
    long left = code == FR_OK ? strtol(line + 1, NULL, 10) + 2 : 0; /* with the line's end behind it */
    snprintf(version, REDIS_VERSION_BYTES, "unknown");
    while (left > 0 && fgets(line, sizeof line, redis) != NULL) {
        left -= (long)strlen(line);
        if (strncmp(line, label, sizeof label - 1) == 0) {
            line[strcspn(line, "\r\n")] = '\0';
            snprintf(version, REDIS_VERSION_BYTES, "%.31s", line + sizeof label - 1);
        }
    }
    return code;
}
