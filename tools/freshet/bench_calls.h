/* SPDX-License-Identifier: MIT */
/*
 * bench_calls.h - what freshet bench rpc calls: methods with weights and requests, from what a person typed.
 */
#ifndef FRESHET_BENCH_CALLS_H
#define FRESHET_BENCH_CALLS_H

#include "freshet/target.h"
#include "load/load.h"

struct bench_call {
    struct target target;
    struct fr_buffer text;
    struct requests *requests; /* owned */
};

/* Zeroed memory holds none. */
struct bench_calls {
    struct bench_call calls[MIX_METHODS];
    struct load_method methods[MIX_METHODS]; /* for load_new; borrow from calls */
    size_t count;
};

/*
 * Reads arguments, "SERVICE/METHOD[=WEIGHT] [JSON | @FILE | @-]" one or more times; a FILE that ends in .jsonl or .ndjson
 * holds a request a line. address: NULL for the default of the service. keys may be NULL. All are borrowed.
 * Returns 0, or the exit code after a complaint. bench_calls_fini in either case.
 */
int bench_calls_init(struct bench_calls *self, char *const arguments[], int count, const char *address,
                     const struct descriptors_given *given, const struct keys *keys);
void bench_calls_fini(struct bench_calls *self);

#endif
