/* SPDX-License-Identifier: MIT */
/*
 * redis.c - a private redis-server: on a free port of the loopback interface, without persistence.
 */
#include "freshet/redis.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "freshet/address.h"

static struct sockaddr_in loopback(unsigned port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
}

unsigned redis_free_port(void)
{
    struct sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;
    unsigned port = 0;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && bind(fd, (struct sockaddr *)&address, size) == 0 &&
        getsockname(fd, (struct sockaddr *)&address, &size) == 0) {
        port = ntohs(address.sin_port);
    }
    if (fd >= 0) {
        close(fd);
    }
    return port;
}

enum fr_code redis_check_url(const char *url, struct fr_error *reterr)
{
    char address[ADDRESS_BYTES], host_and_port[ADDRESS_BYTES];
    bool right = strncmp(url, "redis://", 8) == 0;
    const char *at = right ? strrchr(url, '@') : NULL;
    const char *place = !right ? "" : at != NULL ? at + 1 : url + 8;
    size_t size = strcspn(place, "/");
    const char *database = place + size;
    if (database[0] == '/') {
        database++;
    }
    /* The port may be missing; the one of an IPv6 address stands behind its bracket. */
    bool has_port = memchr(place, ':', size) != NULL && place[size - 1] != ']';
    int written =
        snprintf(host_and_port, sizeof host_and_port, "%.*s%s", (int)size, place, has_port ? "" : ":6379");
    if (size == 0 || place[0] == ':' || written >= (int)sizeof host_and_port ||
        address_parse(host_and_port, address, NULL) != FR_OK ||
        database[strspn(database, "0123456789")] != '\0') {
        return fr_error_set(reterr, FR_INVALID_ARGUMENT,
                            "--redis: not a URL such as redis://[user:password@]host:port[/db]");
    }
    return FR_OK;
}

enum fr_code redis_start(struct process *self, unsigned port, const char *folder, struct fr_error *reterr)
{
    char port_text[8];
    snprintf(port_text, sizeof port_text, "%u", port);
    const char *const argv[] = {"redis-server", "--port", port_text, "--bind", "127.0.0.1",  "--save",  "",
                                "--appendonly", "no",     "--dir",   folder,   "--loglevel", "warning", NULL};
    return process_start(self, (char *const *)argv, reterr);
}

bool redis_answers(unsigned port)
{
    const struct timeval patience = {.tv_sec = 1};
    const struct sockaddr_in address = loopback(port);
    char answer[8] = {0};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return false;
    }
    bool pong = setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0 &&
                connect(fd, (const struct sockaddr *)&address, sizeof address) == 0 &&
                send(fd, "PING\r\n", 6, MSG_NOSIGNAL) == 6 && recv(fd, answer, 7, MSG_WAITALL) == 7 &&
                strcmp(answer, "+PONG\r\n") == 0;
    close(fd);
    return pong;
}
