/* SPDX-License-Identifier: MIT */
/*
 * nng_shut.c - finds the sockets of nng's connections by their two addresses.
 */
#include "rpc/nng_shut.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define LOOK_US 1000
#define LOOKS   1000 /* 1 s: nng does not read on while nobody receives, and does not see the end then */

/* An IPv6 address, or an IPv4 one in its first bytes, and the port. */
struct end {
    uint8_t address[16];
    uint16_t port; /* in network order, as all of it */
};

/* Of a connection, or of a listener, which has no remote one. */
struct ends {
    struct end local, remote;
    nng_pipe pipe;
    bool found;
};

#define KEY_BYTES offsetof(struct ends, pipe)

static int compare(const void *one, const void *other)
{
    return memcmp(one, other, KEY_BYTES);
}

static void set_end(struct end *end, const void *address, size_t size, uint16_t port)
{
    memcpy(end->address, address, size);
    end->port = port;
}

static bool end_of_address(const nng_sockaddr *address, struct end *ret_end)
{
    if (address->s_family == NNG_AF_INET) {
        set_end(ret_end, &address->s_in.sa_addr, 4, address->s_in.sa_port);
    } else if (address->s_family == NNG_AF_INET6) {
        set_end(ret_end, address->s_in6.sa_addr, 16, address->s_in6.sa_port);
    } else {
        return false;
    }
    return true;
}

static bool end_of_pipe(nng_pipe pipe, const char *option, struct end *ret_end)
{
    nng_sockaddr address;
    return nng_pipe_get_addr(pipe, option, &address) == 0 && end_of_address(&address, ret_end);
}

typedef int name_of_socket(int fd, struct sockaddr *address, socklen_t *size);

static bool end_of_socket(int fd, name_of_socket *name, struct end *ret_end)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } address;
    socklen_t size = sizeof address;
    if (name(fd, &address.any, &size) != 0) {
        return false;
    }
    if (address.any.sa_family == AF_INET) {
        set_end(ret_end, &address.v4.sin_addr, 4, address.v4.sin_port);
    } else if (address.any.sa_family == AF_INET6) {
        set_end(ret_end, &address.v6.sin6_addr, 16, address.v6.sin6_port);
    } else {
        return false;
    }
    return true;
}

static struct ends *find(int fd, struct ends *ends, size_t count)
{
    struct ends key;
    memset(&key, 0, sizeof key);
    int listens = 0;
    socklen_t size = sizeof listens;
    getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size);
    bool is_ends = end_of_socket(fd, getsockname, &key.local) &&
                   (listens || end_of_socket(fd, getpeername, &key.remote));
    return is_ends ? bsearch(&key, ends, count, sizeof ends[0], compare) : NULL;
}

/* nng may close fd at any moment and something else get its number: looks at a duplicate, which cannot change. false:
   without a descriptor for that. */
static bool shut_if_ours(int fd, struct ends *ends, size_t count)
{
    if (find(fd, ends, count) == NULL) {
        return true;
    }
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    bool looked = copy >= 0 || errno == EBADF;
    struct ends *found = copy < 0 ? NULL : find(copy, ends, count);
    if (found != NULL) {
        shutdown(copy, SHUT_RD);
        found->found = true;
    }
    if (copy >= 0) {
        close(copy);
    }
    return looked;
}

/* false: without a descriptor to look with. */
static bool shut_sockets(struct ends *ends, size_t count)
{
    DIR *files = opendir("/proc/self/fd");
    if (files == NULL) {
        return false;
    }
    struct dirent *file;
    bool looked = true;
    while ((file = readdir(files)) != NULL) {
        looked &= file->d_name[0] == '.' || shut_if_ours(atoi(file->d_name), ends, count);
    }
    closedir(files);
    return looked;
}

void fr_nng_shut_listener(nng_listener listener)
{
    struct ends ends;
    nng_sockaddr address;
    memset(&ends, 0, sizeof ends);
    if (nng_listener_get_addr(listener, NNG_OPT_LOCADDR, &address) == 0 && end_of_address(&address, &ends.local)) {
        shut_sockets(&ends, 1);
    }
}

bool fr_nng_shut_pipes(const nng_pipe *pipes, size_t count)
{
    struct ends *ends = calloc(count + 1, sizeof ends[0]);
    size_t known = 0;
    for (size_t i = 0; i < count && ends != NULL; i++) {
        ends[known].pipe = pipes[i];
        if (end_of_pipe(pipes[i], NNG_OPT_LOCADDR, &ends[known].local) &&
            end_of_pipe(pipes[i], NNG_OPT_REMADDR, &ends[known].remote)) {
            known++;
        } else {
            memset(&ends[known], 0, sizeof ends[known]);
        }
    }
    bool looked = ends != NULL;
    if (known > 0) {
        qsort(ends, known, sizeof ends[0], compare);
        looked = shut_sockets(ends, known);
    }
    for (size_t i = 0; looked && i < known; i++) {
        if (!ends[i].found) {
            nng_pipe_close(ends[i].pipe);
        }
    }
    free(ends);
    return looked;
}

bool fr_nng_is_connected(nng_pipe pipe)
{
    nng_sockaddr address;
    return nng_pipe_get_addr(pipe, NNG_OPT_REMADDR, &address) == 0;
}

static bool is_gone(nng_pipe pipe)
{
    nng_sockaddr address;
    return nng_pipe_get_addr(pipe, NNG_OPT_REMADDR, &address) == NNG_ENOENT;
}

void fr_nng_end_pipes(const nng_pipe *pipes, size_t count)
{
    const struct timespec pause = {.tv_nsec = LOOK_US * 1000};
    bool shut = fr_nng_shut_pipes(pipes, count);
    for (unsigned look = 0, gone = 0; shut && look < LOOKS && gone < count; look++) {
        while (gone < count && is_gone(pipes[gone])) {
            gone++;
        }
        if (gone < count) {
            nanosleep(&pause, NULL);
        }
    }
}
