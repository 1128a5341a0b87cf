/* SPDX-License-Identifier: MIT */
/*
 * client_http.c - the load over HTTP/1.1 with keep-alive: GET /users/ID. A slot is a connection, since HTTP/1.1
 * carries one call at a time on each. One thread reads every answer; it looks for the id in the JSON and does not
 * decode it, which spares this peer's client some time.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "peers/load.h"

#define ANSWER_BYTES 8192
#define MAX_EVENTS   256

struct connection {
    int fd;
    size_t used;
    char answer[ANSWER_BYTES + 1];
};

static struct connection *connections;
static size_t connection_count;
static int epoll_fd = -1;
static pthread_t reader;

/* -1: not all of it is there; -2: not an answer that this client understands. */
static long answer_size(const char *answer, size_t used)
{
    const char *end = strstr(answer, "\r\n\r\n");
    const char *length = strcasestr(answer, "\r\nContent-Length:");
    if (end == NULL) {
        return used == ANSWER_BYTES ? -2 : -1;
    }
    if (length == NULL || length > end) {
        return -2;
    }
    long size = (long)(end + 4 - answer) + strtol(length + 17, NULL, 10);
    if (size > ANSWER_BYTES) {
        return -2;
    }
    return (size_t)size <= used ? size : -1;
}

static void finish(size_t slot, struct connection *connection, const char *failure)
{
    char wanted[64];
    size_t length;
    const char *id = load_id(slot, &length);
    snprintf(wanted, sizeof wanted, "\"id\":\"%s\"", id);
    if (failure == NULL && strncmp(connection->answer, "HTTP/1.1 200", 12) != 0) {
        failure = "the status is not 200";
    }
    bool found = failure == NULL && strstr(connection->answer, wanted) != NULL;
    connection->used = 0;
    if (failure != NULL) {
        load_failed(slot, failure);
    } else {
        load_done(slot, found ? id : "", found ? length : 0);
    }
}

static void read_answer(size_t slot)
{
    struct connection *connection = &connections[slot];
    ssize_t count =
        recv(connection->fd, connection->answer + connection->used, ANSWER_BYTES - connection->used, 0);
    if (count <= 0) {
        epoll_ctl(epoll_fd, EPOLL_CTL_DEL, connection->fd, NULL);
        finish(slot, connection, "the connection ended");
        return;
    }
    connection->used += (size_t)count;
    connection->answer[connection->used] = '\0';
    long size = answer_size(connection->answer, connection->used);
    if (size != -1) {
        finish(slot, connection, size == -2 ? "the answer is malformed" : NULL);
    }
}

static void *read_answers(void *argument)
{
    struct epoll_event events[MAX_EVENTS];
    (void)argument;
    for (;;) {
        int count = epoll_wait(epoll_fd, events, MAX_EVENTS, -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.u64 == UINT64_MAX) {
                return NULL;
            }
            read_answer((size_t)events[i].data.u64);
        }
    }
}

static void start(size_t slot)
{
    char request[160];
    size_t length;
    int size = snprintf(request, sizeof request, "GET /users/%s HTTP/1.1\r\nHost: localhost\r\n\r\n",
                        load_id(slot, &length));
    if (send(connections[slot].fd, request, (size_t)size, MSG_NOSIGNAL) != size) {
        load_failed(slot, "cannot send");
    }
}

static bool connect_slot(size_t slot, const struct sockaddr_in *to)
{
    struct connection *connection = &connections[slot];
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = slot};
    const int on = 1;
    connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return connection->fd >= 0 && connect(connection->fd, (const struct sockaddr *)to, sizeof *to) == 0 &&
           setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0 &&
           epoll_ctl(epoll_fd, EPOLL_CTL_ADD, connection->fd, &event) == 0;
}

static bool open_connections(const char *address, const char *mode, size_t channels, size_t slots)
{
    struct sockaddr_in to = {.sin_family = AF_INET};
    const char *colon = strrchr(address, ':');
    (void)mode;
    (void)channels;
    inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
    to.sin_port = htons((uint16_t)(colon == NULL ? 0 : strtol(colon + 1, NULL, 10)));
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    connections = calloc(slots, sizeof *connections);
    bool opened = epoll_fd >= 0 && connections != NULL;
    for (; connection_count < slots && opened; connection_count++) {
        opened = connect_slot(connection_count, &to);
    }
    opened = opened && pthread_create(&reader, NULL, read_answers, NULL) == 0;
    if (!opened) {
        fprintf(stderr, "peer-client-http: cannot connect to %s: %s\n", address, strerror(errno));
    }
    return opened;
}

static void close_connections(void)
{
    int stop[2];
    if (pipe(stop) == 0) {
        struct epoll_event event = {.events = EPOLLIN, .data.u64 = UINT64_MAX};
        epoll_ctl(epoll_fd, EPOLL_CTL_ADD, stop[0], &event);
        close(stop[1]); /* wakes the reader with a hang-up */
        pthread_join(reader, NULL);
        close(stop[0]);
    }
    for (size_t i = 0; i < connection_count; i++) {
        close(connections[i].fd);
    }
    close(epoll_fd);
    free(connections);
}

int main(int argc, char **argv)
{
    static const struct load_client client = {.program = "peer-client-http",
                                              .summary =
                                                  "Asks for users over HTTP; ADDRESS is 127.0.0.1:port.",
                                              .open = open_connections,
                                              .start = start,
                                              .close = close_connections,
                                              .one_call_per_channel = true};
    return load_main(&client, argc, argv);
}
