/* SPDX-License-Identifier: MIT */
/*
 * peer_watch.c - looks at every connection of a server from time to time: at what is parked too long, and at clients
 * that are silent or do not read.
 */
#include <nng/nng.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/container.h"
#include "rpc/nng_shut.h"
#include "rpc/server_internal.h"

#define SWEEPS 8 /* looks at a parked message within park_us */
/* How often as long as a message may be parked a client may be silent, or read nothing. */
#define DEAD   3

/* ---- sessions ---- */

/* The sessions that choose picks, each with a reference; NULL when there are none, or no memory. */
static struct session **pick_sessions(struct fr_server *server, bool (*choose)(struct session *session, uint64_t now_us),
                                      size_t *ret_count)
{
    struct session **picked = NULL;
    size_t count = 0, room = 0;
    uint64_t now_us = fr_clock_now_us();
    pthread_mutex_lock(&server->peers_mu);
    struct fr_id_entry *entry = NULL;
    while ((entry = fr_id_table_next(&server->peers, entry)) != NULL) {
        struct peer *peer = FR_CONTAINER(entry, struct peer, by_pipe);
        for (struct session *session = peer->sessions.next; session != &peer->sessions; session = session->next) {
            if (!choose(session, now_us)) {
                continue;
            }
            if (count == room) {
                size_t grown_room = room == 0 ? 64 : 2 * room;
                struct session **grown = realloc(picked, grown_room * sizeof grown[0]);
                if (grown == NULL) {
                    break;
                }
                picked = grown;
                room = grown_room;
            }
            atomic_fetch_add(&session->refs, 1);
            picked[count++] = session;
        }
    }
    pthread_mutex_unlock(&server->peers_mu);
    *ret_count = count;
    return picked;
}

static void for_picked(struct fr_server *server, bool (*choose)(struct session *session, uint64_t now_us),
                       void (*act)(struct session *session))
{
    size_t count;
    struct session **picked = pick_sessions(server, choose, &count);
    for (size_t i = 0; i < count; i++) {
        act(picked[i]);
        fr_session_unref(picked[i]);
    }
    free(picked);
}

static bool is_parked(struct session *session, uint64_t now_us)
{
    (void)now_us;
    pthread_mutex_lock(&session->mu);
    bool parked = session->id != 0 && session->parked != NULL;
    pthread_mutex_unlock(&session->mu);
    return parked;
}

void fr_peers_release_all(struct fr_server *server)
{
    for_picked(server, is_parked, fr_session_release);
}

static bool is_parked_long(struct session *session, uint64_t now_us)
{
    pthread_mutex_lock(&session->mu);
    bool long_parked = session->id != 0 && session->parked != NULL &&
                       fr_clock_elapsed_us(session->parked_us, now_us) >= session->server->limits.park_us;
    pthread_mutex_unlock(&session->mu);
    return long_parked;
}

/* ---- connections ---- */

/* Whom a look at the connections is for. */
struct look {
    bool (*choose)(struct peer *peer, const struct look *look); /* the caller holds peers_mu */
    uint64_t now_us, patience_us;
    bool closes; /* who is picked will be shut; nobody twice */
};

static bool is_any(struct peer *peer, const struct look *look)
{
    (void)peer;
    (void)look;
    return true;
}

static bool is_silent(struct session *session, const struct look *look)
{
    pthread_mutex_lock(&session->mu);
    bool silent = session->id != 0 && session->parked == NULL &&
                  (session->calls.count > 0 || session->ready.size > 0) &&
                  fr_clock_elapsed_us(session->heard_us, look->now_us) >= look->patience_us;
    pthread_mutex_unlock(&session->mu);
    return silent;
}

static bool has_silent_session(struct peer *peer, const struct look *look)
{
    for (struct session *session = peer->sessions.next; session != &peer->sessions; session = session->next) {
        if (is_silent(session, look)) {
            return true;
        }
    }
    return false;
}

/* Answers of which none was read between two looks: how long ago was the first of these? */
static bool is_stuck(struct peer *peer, const struct look *look)
{
    unsigned sent = atomic_load(&peer->sent);
    bool unread = atomic_load(&peer->unread_bytes) > 0;
    if (!unread || !peer->seen_unread || sent != peer->seen_sent) {
        peer->seen_sent = sent;
        peer->seen_unread = unread;
        peer->moved_us = look->now_us;
        return false;
    }
    return fr_clock_elapsed_us(peer->moved_us, look->now_us) >= look->patience_us;
}

static nng_pipe *pick_pipes(struct fr_server *server, const struct look *look, size_t *ret_count)
{
    size_t count = 0;
    pthread_mutex_lock(&server->peers_mu);
    nng_pipe *pipes = calloc(server->peers.count + 1, sizeof pipes[0]);
    struct fr_id_entry *entry = NULL;
    while (pipes != NULL && (entry = fr_id_table_next(&server->peers, entry)) != NULL) {
        struct peer *peer = FR_CONTAINER(entry, struct peer, by_pipe);
        if (look->choose(peer, look) && !(look->closes && atomic_exchange(&peer->closing, true))) {
            pipes[count++].id = (uint32_t)entry->id;
        }
    }
    pthread_mutex_unlock(&server->peers_mu);
    *ret_count = count;
    return pipes;
}

nng_pipe *fr_peers_pipes(struct fr_server *server, size_t *ret_count)
{
    return pick_pipes(server, &(struct look){.choose = is_any}, ret_count);
}

/* They could not be shut: until the next look. */
static void unmark_closing(struct fr_server *server, const nng_pipe *pipes, size_t count)
{
    pthread_mutex_lock(&server->peers_mu);
    for (size_t i = 0; i < count; i++) {
        struct peer *peer = fr_peers_find_locked(server, pipes[i]);
        if (peer != NULL) {
            atomic_store(&peer->closing, false);
        }
    }
    pthread_mutex_unlock(&server->peers_mu);
}

/* All at once: to find their sockets takes as long for one. */
static void close_chosen(struct fr_server *server, const struct look *look)
{
    size_t count;
    nng_pipe *pipes = pick_pipes(server, look, &count);
    if (count > 0 && !fr_nng_shut_pipes(pipes, count)) {
        unmark_closing(server, pipes, count);
    }
    free(pipes);
}

void fr_peers_close_stuck(struct fr_server *server, uint64_t patience_us)
{
    close_chosen(server, &(struct look){is_stuck, fr_clock_now_us(), patience_us, .closes = true});
}

/* Notes whether a connection was seen closed, or was shut. true: also at the look before, and nng could have told. */
static bool is_closed_again(struct fr_server *server, nng_pipe pipe, bool closed)
{
    pthread_mutex_lock(&server->peers_mu);
    struct peer *peer = fr_peers_find_locked(server, pipe);
    closed = peer != NULL && (closed || atomic_load(&peer->closing));
    bool again = closed && peer->seen_closed;
    if (closed) {
        peer->seen_closed = true;
    }
    pthread_mutex_unlock(&server->peers_mu);
    return again;
}

/* See nng_shut.h. */
static void take_untold_for_lost(struct fr_server *server)
{
    size_t count;
    nng_pipe *pipes = fr_peers_pipes(server, &count);
    for (size_t i = 0; i < count; i++) {
        if (is_closed_again(server, pipes[i], !fr_nng_is_connected(pipes[i]))) {
            fr_peers_lost(server, pipes[i]);
        }
    }
    free(pipes);
}

/* ---- the watch ---- */

static void on_sweep(struct fr_timer *timer);

static void start_sweep(struct fr_server *server)
{
    fr_timer_start(&server->sweep, fr_clock_now_us() + server->limits.park_us / SWEEPS, on_sweep);
}

static void on_sweep(struct fr_timer *timer)
{
    struct fr_server *server = FR_CONTAINER(timer, struct fr_server, sweep);
    for_picked(server, is_parked_long, fr_session_release);
    uint64_t dead_us = DEAD * server->limits.park_us;
    /* Who does not read has less time while its answers leave too little memory for others. */
    bool memory_is_short = atomic_load(&server->held_bytes) > server->limits.held_bytes / 2;
    close_chosen(server, &(struct look){has_silent_session, fr_clock_now_us(), dead_us, .closes = true});
    fr_peers_close_stuck(server, memory_is_short ? server->limits.park_us / 4 : dead_us);
    if (server->sweeps++ % SWEEPS == 0) {
        take_untold_for_lost(server);
    }
    pthread_mutex_lock(&server->mu);
    bool stopping = server->stopping;
    if (!stopping) {
        start_sweep(server);
    }
    pthread_mutex_unlock(&server->mu);
    if (stopping) {
        fr_server_unref(server);
    }
}

void fr_peers_watch(struct fr_server *server)
{
    atomic_fetch_add(&server->refs, 1);
    start_sweep(server);
}
