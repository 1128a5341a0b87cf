/* SPDX-License-Identifier: MIT */
/*
 * redis.h - a private redis-server: on a free port of the loopback interface, without persistence.
 */
#ifndef FRESHET_REDIS_H
#define FRESHET_REDIS_H

#include <stdbool.h>

#include "freshet/process.h"

/* A port that is free now; another program may take it before its user does. 0: none. */
unsigned redis_free_port(void);

/* "redis://[user:password@]host[:port][/db]". FR_INVALID_ARGUMENT: it is not; the message shows no password.
 */
FR_MUST_CHECK enum fr_code redis_check_url(const char *url, struct fr_error *reterr);

/* Starts redis-server (found in PATH) on port; it may write into folder. Errors as process_start. */
FR_MUST_CHECK enum fr_code redis_start(struct process *self, unsigned port, const char *folder,
                                       struct fr_error *reterr);

/* It accepts a connection and answers PING with PONG, within a second. */
bool redis_answers(unsigned port);

#endif
