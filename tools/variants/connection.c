/* SPDX-License-Identifier: MIT */
/*
 * connection.c - how many bytes went over this process's TCP connections to a port.
 *
 * nng owns the socket and does not show it, so it is looked for among the open files.
 */
#include "variants/connection.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#define FILES_MOST 1024

struct connection_bytes connection_count(unsigned port)
{
    struct connection_bytes bytes = {0};
    for (int fd = 3; fd < FILES_MOST; fd++) {
        struct sockaddr_in peer = {.sin_family = AF_UNSPEC};
        struct tcp_info info;
        socklen_t peer_size = sizeof peer, info_size = sizeof info;
        memset(&info, 0, sizeof info); /* an older kernel fills less of it */
        if (getpeername(fd, (struct sockaddr *)&peer, &peer_size) == 0 && peer.sin_family == AF_INET &&
            ntohs(peer.sin_port) == port && getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &info_size) == 0) {
            bytes.sent += info.tcpi_bytes_sent - info.tcpi_bytes_retrans;
            bytes.received += info.tcpi_bytes_received;
        }
    }
    return bytes;
}
