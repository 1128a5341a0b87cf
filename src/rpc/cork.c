/* SPDX-License-Identifier: MIT */
/*
 * cork.c - holds back what one thread sends, so that it leaves together.
 */
#include "rpc/cork.h"

#include <stddef.h>

#define MAX_TARGETS 32 /* beyond that a target is flushed at once, which is only less gathered */

static _Thread_local struct {
    unsigned depth;
    unsigned count;
    struct {
        void (*flush)(void *target);
        void *target;
    } targets[MAX_TARGETS];
} cork;

void fr_cork(void)
{
    cork.depth++;
}

void fr_uncork(void)
{
    if (cork.depth == 0 || --cork.depth > 0) {
        return;
    }
    /* Each is taken out first: a flush may cork and uncork in its turn. */
    while (cork.depth == 0 && cork.count > 0) {
        cork.count--;
        cork.targets[cork.count].flush(cork.targets[cork.count].target);
    }
}

void fr_cork_next_turn(void)
{
    fr_uncork();
    fr_cork();
}

enum fr_cork_state fr_cork_defer(void (*flush)(void *target), void *target)
{
    if (cork.depth == 0) {
        return FR_CORK_NONE;
    }
    for (unsigned i = 0; i < cork.count; i++) {
        if (cork.targets[i].target == target) {
            return FR_CORK_KNOWN;
        }
    }
    if (cork.count == MAX_TARGETS) {
        return FR_CORK_NONE;
    }
    cork.targets[cork.count].flush = flush;
    cork.targets[cork.count].target = target;
    cork.count++;
    return FR_CORK_ADDED;
}
