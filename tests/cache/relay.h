/* SPDX-License-Identifier: MIT */
/*
 * relay.h - a TCP relay before Redis that can fall silent on subscriptions, which is what a peer that vanished looks
 * like, and hold back all that Redis says.
 */
#ifndef FR_TESTS_RELAY_H
#define FR_TESTS_RELAY_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define RELAY_LINKS 64

struct relay_link {
    int client, server; /* -1: free */
    bool subscribed;    /* has said SUBSCRIBE */
    bool silent;        /* nothing reaches the client any more */
};

struct relay {
    pthread_t thread;
    int listener;
    int control[2]; /* a byte on it is an order ('s': silence, 'h': hold, 'l': let go, 'q': quit), sent back when carried out */
    bool holding;   /* the thread's */
    uint16_t port;  /* where clients connect to */
    uint16_t target;
    struct relay_link links[RELAY_LINKS]; /* the thread's */
};

void relay_start(struct relay *self, uint16_t target);
/* Silences the subscriptions that stand now; new ones work. */
void relay_silence(struct relay *self);
/* Whether what Redis says stays on its way. */
void relay_hold(struct relay *self, bool holding);
void relay_stop(struct relay *self);

#endif
