/* SPDX-License-Identifier: MIT */
/*
 * cork.h - holds back what one thread sends, so that it leaves together.
 *
 * Between fr_cork and fr_uncork, calls that this thread starts and answers that it gives to other messages than the
 * one it is handling gather in their channel or session; fr_uncork lets them go. Pairs nest. Meant for the few
 * places that handle many things in a row: one received batch, one turn of an event loop.
 */
#ifndef FR_RPC_CORK_H
#define FR_RPC_CORK_H

void fr_cork(void);
/* Without a cork it does nothing. */
void fr_uncork(void);

/* For the end of each turn of an event loop: lets go what gathered, then corks the next turn. */
void fr_cork_next_turn(void);

enum fr_cork_state {
    FR_CORK_NONE,  /* this thread is not corked: flush at once */
    FR_CORK_ADDED, /* flush(target) will run on this thread at the uncork; target must live until then */
    FR_CORK_KNOWN, /* the same, and it had been added before */
};

enum fr_cork_state fr_cork_defer(void (*flush)(void *target), void *target);

#endif
