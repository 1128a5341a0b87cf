/* SPDX-License-Identifier: MIT */
/*
 * relay.c - forward bytes between clients and one local port, on one thread.
 */
#include "relay.h"

#include <arpa/inet.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"

#define LOOPBACK(number)                                                                                     \
    (struct sockaddr_in)                                                                                     \
    {                                                                                                        \
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(number)          \
    }

static void close_link(struct relay_link *link)
{
    close(link->client);
    close(link->server);
    *link = (struct relay_link){.client = -1, .server = -1};
}

static void accept_link(struct relay *self)
{
    struct sockaddr_in address = LOOPBACK(self->target);
    for (unsigned i = 0; i < RELAY_LINKS; i++) {
        struct relay_link *link = &self->links[i];
        if (link->client < 0) {
            link->client = accept4(self->listener, NULL, NULL, SOCK_CLOEXEC);
            link->server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
            FR_ASSERT(link->client >= 0 && link->server >= 0);
            if (connect(link->server, (struct sockaddr *)&address, sizeof address) != 0) {
                close_link(link);
            }
            return;
        }
    }
    FR_ASSERT(!"more connections than the relay has links");
}

/* One read and its write; false: an end of the link is gone. */
static bool forward(struct relay_link *link, bool to_server)
{
    char bytes[16384];
    ssize_t got = read(to_server ? link->client : link->server, bytes, sizeof bytes);
    if (got <= 0) {
        return false;
    }
    if (to_server && memmem(bytes, (size_t)got, "SUBSCRIBE", 9) != NULL) {
        link->subscribed = true;
    }
    if (!to_server && link->silent) {
        return true;
    }
    return send(to_server ? link->server : link->client, bytes, (size_t)got, MSG_NOSIGNAL) == got;
}

static bool obey(struct relay *self)
{
    char what;
    FR_ASSERT(read(self->control[0], &what, 1) == 1);
    for (unsigned i = 0; what == 's' && i < RELAY_LINKS; i++) {
        self->links[i].silent = self->links[i].subscribed;
    }
    self->holding = what == 'h' || (self->holding && what != 'l');
    FR_ASSERT(write(self->control[0], &what, 1) == 1);
    return what != 'q';
}

static void *run_relay(void *argument)
{
    struct relay *self = argument;
    bool running = true;
    while (running) {
        struct pollfd fds[2 + 2 * RELAY_LINKS];
        fds[0] = (struct pollfd){.fd = self->control[0], .events = POLLIN};
        fds[1] = (struct pollfd){.fd = self->listener, .events = POLLIN};
        for (unsigned i = 0; i < RELAY_LINKS; i++) {
            fds[2 + 2 * i] = (struct pollfd){.fd = self->links[i].client, .events = POLLIN};
            fds[3 + 2 * i] = (struct pollfd){.fd = self->holding ? -1 : self->links[i].server, .events = POLLIN};
        }
        poll(fds, 2 + 2 * RELAY_LINKS, -1);
        for (unsigned i = 0; i < RELAY_LINKS; i++) {
            struct relay_link *link = &self->links[i];
            bool whole = (fds[2 + 2 * i].revents == 0 || forward(link, true)) &&
                         (fds[3 + 2 * i].revents == 0 || forward(link, false));
            if (!whole) {
                close_link(link);
            }
        }
        if (fds[1].revents != 0) {
            accept_link(self);
        }
        running = fds[0].revents == 0 || obey(self);
    }
    return NULL;
}

void relay_start(struct relay *self, uint16_t target)
{
    struct sockaddr_in address = LOOPBACK(0);
    socklen_t size = sizeof address;
    *self = (struct relay){.target = target};
    for (unsigned i = 0; i < RELAY_LINKS; i++) {
        self->links[i] = (struct relay_link){.client = -1, .server = -1};
    }
    self->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    FR_ASSERT(bind(self->listener, (struct sockaddr *)&address, size) == 0 &&
              listen(self->listener, 16) == 0);
    FR_ASSERT(getsockname(self->listener, (struct sockaddr *)&address, &size) == 0);
    self->port = ntohs(address.sin_port);
    FR_ASSERT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, self->control) == 0);
    FR_ASSERT(pthread_create(&self->thread, NULL, run_relay, self) == 0);
}

static void order(struct relay *self, char what)
{
    FR_ASSERT(write(self->control[1], &what, 1) == 1 && read(self->control[1], &what, 1) == 1);
}

void relay_silence(struct relay *self)
{
    order(self, 's');
}

void relay_hold(struct relay *self, bool holding)
{
    order(self, holding ? 'h' : 'l');
}

void relay_stop(struct relay *self)
{
    order(self, 'q');
    pthread_join(self->thread, NULL);
    for (unsigned i = 0; i < RELAY_LINKS; i++) {
        if (self->links[i].client >= 0) {
            close_link(&self->links[i]);
        }
    }
    close(self->listener);
    close(self->control[0]);
    close(self->control[1]);
}
