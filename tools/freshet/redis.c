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
