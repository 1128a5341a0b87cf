/* SPDX-License-Identifier: MIT */
/*
 * redis_server.h - a private redis-server for one test program: a free port, a folder of its own, no
 * persistence.
 *
 * It dies with the thread that started it, so start it from main. Every function asserts: a test without its
 * server proves nothing.
 */
#ifndef FR_SUPPORT_REDIS_SERVER_H
#define FR_SUPPORT_REDIS_SERVER_H

#include <stdint.h>
#include <sys/types.h>

struct fr_redis_server {
    pid_t pid; /* 0: not running */
    uint16_t port;
    char folder[64];
    char password[64]; /* "": none */
    char url[128];     /* "redis://[:password@]127.0.0.1:port" */
};

/* Starts it and waits until it answers. password may be NULL. */
void fr_redis_server_start(struct fr_redis_server *self, const char *password);
/* kill -9, and waits for its end. Nothing when it is not running. */
void fr_redis_server_kill(struct fr_redis_server *self);
/* Starts it again, empty, on the same port; it must not be running. */
void fr_redis_server_restart(struct fr_redis_server *self);
/* SIGSTOP: connections stay and are accepted, nothing is answered. */
void fr_redis_server_pause(struct fr_redis_server *self);
void fr_redis_server_resume(struct fr_redis_server *self);
/* Kills it and removes its folder. Zeroed memory is fine. */
void fr_redis_server_stop(struct fr_redis_server *self);

#endif
