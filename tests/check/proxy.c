/* SPDX-License-Identifier: MIT */
/*
 * proxy.c - check-proxy: local TCP links that can be delayed, held, made to lose what they carry, cut and re-routed.
 *
 * usage: check-proxy LINKS
 *
 * Listens on LINKS free ports of the loopback interface and prints them on one line. Then it obeys lines on standard
 * input, each answered by "ok N", and ends at the end of its input:
 *
 *   target L PORT     new connections of link L (0 is the first) go to this port; 0: they are refused
 *   forward L         the ordinary mode; cuts connections that have lost bytes. N: bytes lost or delayed before
 *   delay L MS        each byte arrives this much later
 *   hold L            reads nothing, so that the senders' buffers fill
 *   drop L WHICH      swallows what goes in (to the target), out, or both
 *   cut L             resets the connections of the link. N: how many
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"

#define MAX_LINKS  32
#define MAX_PAIRS  256
#define CHUNK      65536
#define MAX_QUEUED ((size_t)4 << 20)
#define MAX_LINE   128

enum mode { FORWARD, DELAY, HOLD, DROP_IN, DROP_OUT, DROP_BOTH };

struct chunk {
    struct chunk *next;
    uint64_t due_us;
    size_t size, sent;
    char bytes[];
};

/* One direction of a connection. */
struct flow {
    struct chunk *first, **last;
    size_t queued;
    bool ended; /* the sender has; what is queued still goes out */
};

struct link {
    int listener;
    unsigned port, target;
    enum mode mode;
    uint64_t delay_us;
    uint64_t touched; /* bytes lost or delayed since the mode began */
};

struct pair {
    struct link *link; /* NULL: free */
    int ends[2];       /* client, target */
    struct flow flows[2]; /* from the client, from the target */
    bool lossy;
};

static struct link links[MAX_LINKS];
static unsigned link_count;
static struct pair pairs[MAX_PAIRS];

static int loopback(unsigned port, struct sockaddr_in *ret_address)
{
    *ret_address = (struct sockaddr_in){.sin_family = AF_INET,
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                        .sin_port = htons((uint16_t)port)};
    return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static void open_link(struct link *link)
{
    struct sockaddr_in address;
    socklen_t size = sizeof address;
    link->listener = loopback(0, &address);
    FR_ASSERT(bind(link->listener, (struct sockaddr *)&address, size) == 0 && listen(link->listener, 64) == 0);
    FR_ASSERT(getsockname(link->listener, (struct sockaddr *)&address, &size) == 0);
    link->port = ntohs(address.sin_port);
}

static void free_flow(struct flow *flow)
{
    for (struct chunk *chunk = flow->first, *next; chunk != NULL; chunk = next) {
        next = chunk->next;
        free(chunk);
    }
    *flow = (struct flow){0};
}

static void close_pair(struct pair *pair, bool reset)
{
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    for (unsigned i = 0; i < 2; i++) {
        if (reset) {
            setsockopt(pair->ends[i], SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        }
        close(pair->ends[i]);
        free_flow(&pair->flows[i]);
    }
    *pair = (struct pair){0};
}

static struct pair *free_pair(void)
{
    for (unsigned i = 0; i < MAX_PAIRS; i++) {
        if (pairs[i].link == NULL) {
            return &pairs[i];
        }
    }
    return NULL;
}

static void accept_pair(struct link *link)
{
    struct sockaddr_in address;
    const int yes = 1;
    struct pair *pair = free_pair();
    int client = accept4(link->listener, NULL, NULL, SOCK_CLOEXEC);
    if (client < 0) {
        return;
    }
    int target = loopback(link->target, &address);
    if (pair == NULL || link->target == 0 || target < 0 ||
        connect(target, (struct sockaddr *)&address, sizeof address) != 0) {
        close(target);
        close(client);
        return;
    }
    *pair = (struct pair){.link = link, .ends = {client, target}};
    for (unsigned i = 0; i < 2; i++) {
        setsockopt(pair->ends[i], IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        fcntl(pair->ends[i], F_SETFL, O_NONBLOCK);
    }
}

static bool swallows(enum mode mode, unsigned direction)
{
    return mode == DROP_BOTH || mode == (direction == 0 ? DROP_IN : DROP_OUT);
}

static bool would_block(ssize_t result)
{
    return result < 0 && (errno == EAGAIN || errno == EINTR);
}

static void receive(struct pair *pair, unsigned direction)
{
    struct link *link = pair->link;
    struct flow *flow = &pair->flows[direction];
    struct chunk *chunk = malloc(sizeof *chunk + CHUNK);
    FR_ASSERT(chunk != NULL);
    ssize_t got = read(pair->ends[direction], chunk->bytes, CHUNK);
    if (got <= 0) {
        flow->ended = !would_block(got);
        free(chunk);
        return;
    }
    if (swallows(link->mode, direction)) {
        link->touched += (uint64_t)got;
        pair->lossy = true;
        free(chunk);
        return;
    }
    uint64_t now_us = fr_clock_now_us();
    if (link->mode == DELAY) {
        link->touched += (uint64_t)got;
        now_us += link->delay_us;
    }
    chunk->next = NULL;
    chunk->due_us = now_us;
    chunk->size = (size_t)got;
    chunk->sent = 0;
    if (flow->first == NULL) {
        flow->last = &flow->first;
    }
    *flow->last = chunk;
    flow->last = &chunk->next;
    flow->queued += chunk->size;
}

/* Sends what is due; false: the receiver has gone. */
static bool deliver(struct pair *pair, unsigned direction, uint64_t now_us)
{
    struct flow *flow = &pair->flows[direction];
    while (flow->first != NULL && flow->first->due_us <= now_us) {
        struct chunk *chunk = flow->first;
        size_t left = chunk->size - chunk->sent;
        ssize_t sent = send(pair->ends[!direction], chunk->bytes + chunk->sent, left, MSG_NOSIGNAL);
        if (sent < 0) {
            return would_block(sent);
        }
        chunk->sent += (size_t)sent;
        if (chunk->sent < chunk->size) {
            return true;
        }
        flow->queued -= chunk->size;
        flow->first = chunk->next;
        free(chunk);
    }
    return !(flow->ended && flow->first == NULL);
}

static bool reads(const struct pair *pair, unsigned direction)
{
    const struct flow *flow = &pair->flows[direction];
    return pair->link->mode != HOLD && !flow->ended && flow->queued < MAX_QUEUED;
}

/* ---- orders ---- */

static unsigned cut(const struct link *link, bool lossy_only)
{
    unsigned count = 0;
    for (unsigned i = 0; i < MAX_PAIRS; i++) {
        if (pairs[i].link == link && (pairs[i].lossy || !lossy_only)) {
            close_pair(&pairs[i], true);
            count++;
        }
    }
    return count;
}

static bool set_mode(struct link *link, const char *verb, const char *argument)
{
    static const struct {
        const char *verb, *argument;
        enum mode mode;
    } modes[] = {{"forward", "", FORWARD},  {"delay", NULL, DELAY},      {"hold", "", HOLD},
                 {"drop", "in", DROP_IN},   {"drop", "out", DROP_OUT},   {"drop", "both", DROP_BOTH}};
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        if (strcmp(verb, modes[i].verb) == 0 &&
            (modes[i].argument == NULL || strcmp(argument, modes[i].argument) == 0)) {
            link->mode = modes[i].mode;
            link->delay_us = strtoull(argument, NULL, 10) * FR_MILLISECOND_US;
            return true;
        }
    }
    return false;
}

static void obey(const char *line)
{
    char verb[16] = "", argument[16] = "";
    unsigned index = 0;
    uint64_t answer = 0;
    if (sscanf(line, "%15s %u %15s", verb, &index, argument) < 2 || index >= link_count) {
        puts("what?");
        return;
    }
    struct link *link = &links[index];
    if (strcmp(verb, "target") == 0) {
        link->target = (unsigned)strtoul(argument, NULL, 10);
    } else if (strcmp(verb, "cut") == 0) {
        answer = cut(link, false);
    } else if (set_mode(link, verb, argument)) {
        answer = link->touched;
        link->touched = 0;
        if (link->mode == FORWARD) {
            cut(link, true);
        }
    } else {
        puts("what?");
        return;
    }
    printf("ok %llu\n", (unsigned long long)answer);
}

/* false: the end of the input. */
static bool obey_input(void)
{
    static char input[4096];
    static size_t size;
    ssize_t got = read(STDIN_FILENO, input + size, sizeof input - 1 - size);
    if (got <= 0) {
        return would_block(got);
    }
    size += (size_t)got;
    input[size] = '\0';
    char *line = input;
    for (char *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        *end = '\0';
        obey(line);
    }
    size -= (size_t)(line - input);
    memmove(input, line, size);
    fflush(stdout);
    return size < sizeof input - 1;
}

/* ---- the loop ---- */

static int timeout_ms(uint64_t now_us)
{
    uint64_t next_us = UINT64_MAX;
    for (unsigned i = 0; i < 2 * MAX_PAIRS; i++) {
        const struct chunk *first = pairs[i / 2].link == NULL ? NULL : pairs[i / 2].flows[i % 2].first;
        if (first != NULL && first->due_us > now_us && first->due_us < next_us) {
            next_us = first->due_us;
        }
    }
    return next_us == UINT64_MAX ? -1 : (int)((next_us - now_us + 999) / FR_MILLISECOND_US);
}

static void serve_pair(struct pair *pair, const struct pollfd fds[2])
{
    for (unsigned i = 0; i < 2; i++) {
        if ((fds[i].revents & (POLLIN | POLLHUP | POLLERR)) != 0 && reads(pair, i)) {
            receive(pair, i);
        }
    }
    uint64_t now_us = fr_clock_now_us();
    if (!deliver(pair, 0, now_us) || !deliver(pair, 1, now_us)) {
        close_pair(pair, false);
    }
}

/* What end i of a pair waits for. */
static struct pollfd wish(const struct pair *pair, unsigned i, uint64_t now_us)
{
    const struct chunk *to_send = pair->flows[!i].first;
    bool writes = to_send != NULL && to_send->due_us <= now_us;
    short events = (short)((reads(pair, i) ? POLLIN : 0) | (writes ? POLLOUT : 0));
    /* A descriptor without events still reports its end, again and again. */
    return (struct pollfd){.fd = events == 0 ? -1 : pair->ends[i], .events = events};
}

static void run(void)
{
    struct pollfd fds[1 + MAX_LINKS + 2 * MAX_PAIRS];
    for (;;) {
        uint64_t now_us = fr_clock_now_us();
        fds[0] = (struct pollfd){.fd = STDIN_FILENO, .events = POLLIN};
        for (unsigned i = 0; i < link_count; i++) {
            fds[1 + i] = (struct pollfd){.fd = links[i].listener, .events = POLLIN};
        }
        struct pollfd *ends = &fds[1 + link_count];
        for (unsigned i = 0; i < 2 * MAX_PAIRS; i++) {
            ends[i] = pairs[i / 2].link == NULL ? (struct pollfd){.fd = -1} : wish(&pairs[i / 2], i % 2, now_us);
        }
        poll(fds, 1 + link_count + 2 * MAX_PAIRS, timeout_ms(now_us));
        for (unsigned i = 0; i < MAX_PAIRS; i++) {
            if (pairs[i].link != NULL) {
                serve_pair(&pairs[i], &ends[2 * (size_t)i]);
            }
        }
        for (unsigned i = 0; i < link_count; i++) {
            if (fds[1 + i].revents != 0) {
                accept_pair(&links[i]);
            }
        }
        if (fds[0].revents != 0 && !obey_input()) {
            return;
        }
    }
}

int main(int argc, char **argv)
{
    link_count = argc == 2 ? (unsigned)strtoul(argv[1], NULL, 10) : 0;
    if (link_count == 0 || link_count > MAX_LINKS) {
        fprintf(stderr, "usage: check-proxy LINKS, at most %d\n", MAX_LINKS);
        return 2;
    }
    for (unsigned i = 0; i < link_count; i++) {
        open_link(&links[i]);
        printf("%u%c", links[i].port, i + 1 < link_count ? ' ' : '\n');
    }
    fflush(stdout);
    run();
    return 0;
}
