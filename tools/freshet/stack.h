/* SPDX-License-Identifier: MIT */
/*
 * stack.h - Redis and the three services as child processes of this one.
 *
 * One thread only. One stack in a process: it takes over SIGINT, SIGTERM, SIGHUP and SIGCHLD, and sets
 * FRESHET_REDIS for its children, so that no password shows in an argument list.
 */
#ifndef FRESHET_STACK_H
#define FRESHET_STACK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "freshet/address.h"

/* All borrowed until stack_free. */
struct stack_options {
    uint64_t port_base;  /* services listen on port_base + 1, + 2 and + 3; 0: on free ports */
    const char *redis;   /* URL; NULL: start a private one */
    const char *db;      /* as database_init takes it */
    bool temporary_db;   /* instead of db: a new file that goes with the stack */
    uint64_t seed_users; /* 0: as many as the data service likes */
    bool log_requests;
    const char *namespace; /* NULL: the services' own default */
};

enum stack_event {
    STACK_QUIET,  /* nothing but time has passed */
    STACK_STOP,   /* a signal asks to stop, or the parent has ended */
    STACK_BROKEN, /* a child ended by itself; reterr says which and how */
};

struct stack;

/*
 * Starts everything and waits until all services are SERVING; their output goes to standard error. On failure
 * nothing is left behind.
 *   FR_CANCELLED         a signal asked to stop
 *   FR_INVALID_ARGUMENT  redis or db is no such URL
 *   otherwise            the message says which part did not start; the part's own words stand above it
 */
FR_MUST_CHECK enum fr_code stack_start(const struct stack_options *options, struct stack **ret_stack,
                                       struct fr_error *reterr);

/* Stops api, update, data and Redis in this order, each within 10 s, and removes temporary files. NULL is
 * fine. */
void stack_free(struct stack *self);

/* Passes the children's output on until something happens or timeout_ms is over (-1: never). */
enum stack_event stack_wait(struct stack *self, int timeout_ms, struct fr_error *reterr);

/* The same, but the services' lines come at the end, in the order of their time stamps. */
enum stack_event stack_wait_sorted(struct stack *self, int timeout_ms, struct fr_error *reterr);

/* Turns the services' lines about single requests off, or on again. */
void stack_toggle_request_lines(struct stack *self);

/* role is an index of address_roles. The texts live as long as the stack. */
const char *stack_address(const struct stack *self, unsigned role);
/* Without its password. */
const char *stack_redis(const struct stack *self);
bool stack_redis_is_private(const struct stack *self);
const char *stack_db(const struct stack *self);

#endif
