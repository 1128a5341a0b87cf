/* SPDX-License-Identifier: MIT */
/*
 * connection.h - how many bytes went over this process's TCP connections to a port.
 */
#ifndef VARIANTS_CONNECTION_H
#define VARIANTS_CONNECTION_H

#include <stdint.h>

struct connection_bytes {
    uint64_t sent, received; /* of the streams, without headers of TCP and IP and what was sent again */
};

/* By TCP_INFO, so they are the kernel's figures; all zero when nothing is connected there. */
struct connection_bytes connection_count(unsigned port);

#endif
