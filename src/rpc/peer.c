/* SPDX-License-Identifier: MIT */
/*
 * peer.c - the connections of a server and the sessions of each.
 */
#include <nng/nng.h>
#include <sched.h>
#include <stdlib.h>

#include "base/clock.h"
#include "rpc/nng_error.h"
#include "rpc/nng_shut.h"
#include "rpc/server_internal.h"

#define MAX_SESSIONS 16 /* of one connection; a client needs one */
#define SWEEPS       8  /* looks at a parked message within park_us */

struct peer {
    struct fr_id_entry by_pipe;
    struct session sessions; /* head of a ring */
    unsigned count;          /* of sessions with an id */
};

static struct peer *find_locked(struct fr_server *server, int pipe)
{
    return (struct peer *)fr_id_table_find(&server->peers, (uint64_t)pipe);
}

static void link_locked(struct peer *peer, struct session *session)
{
    session->next = &peer->sessions;
    session->previous = peer->sessions.previous;
    session->previous->next = session;
    peer->sessions.previous = session;
}

static void unlink_locked(struct session *session)
{
    session->previous->next = session->next;
    session->next->previous = session->previous;
    session->next = session->previous = NULL;
}

static void on_connected(struct fr_server *server, nng_pipe pipe)
{
    struct peer *peer = calloc(1, sizeof *peer);
    pthread_mutex_lock(&server->peers_mu);
    bool full = peer == NULL || server->peers.count >= server->limits.connections;
    if (!full) {
        peer->by_pipe.id = (uint64_t)nng_pipe_id(pipe);
        peer->sessions.next = peer->sessions.previous = &peer->sessions;
        fr_id_table_insert(&server->peers, &peer->by_pipe);
    }
    pthread_mutex_unlock(&server->peers_mu);
    if (full) {
        free(peer);
        nng_pipe_close(pipe);
    }
}

/* Ends a connection's sessions. */
static void kill_peer(struct peer *peer)
{
    while (peer->sessions.next != &peer->sessions) {
        struct session *session = peer->sessions.next;
        peer->sessions.next = session->next;
        fr_session_kill(session);
        fr_session_unref(session);
    }
    free(peer);
}

/* Takes a connection out, with its sessions, which nobody finds from now on. Each gives a reference to the taker. */
static struct peer *take_locked(struct fr_server *server, struct fr_id_entry *entry)
{
    struct peer *peer = (struct peer *)entry;
    fr_id_table_remove(&server->peers, entry);
    for (struct session *session = peer->sessions.next; session != &peer->sessions; session = session->next) {
        session->previous = NULL; /* detached; next still leads through the ring for kill_peer */
    }
    return peer;
}

static void on_gone(struct fr_server *server, nng_pipe pipe)
{
    atomic_fetch_add(&server->ending, 1);
    pthread_mutex_lock(&server->peers_mu);
    struct fr_id_entry *entry = fr_id_table_find(&server->peers, (uint64_t)nng_pipe_id(pipe));
    struct peer *peer = entry == NULL ? NULL : take_locked(server, entry);
    pthread_mutex_unlock(&server->peers_mu);
    if (peer != NULL) {
        kill_peer(peer);
    }
    atomic_fetch_sub(&server->ending, 1);
}

static void on_pipe(nng_pipe pipe, nng_pipe_ev event, void *argument)
{
    if (event == NNG_PIPE_EV_ADD_PRE) {
        on_connected(argument, pipe);
    } else {
        on_gone(argument, pipe);
    }
}

enum fr_code fr_peers_init(struct fr_server *server, struct fr_error *reterr)
{
    pthread_mutex_init(&server->peers_mu, NULL);
    if (!fr_id_table_init(&server->peers)) {
        return fr_error_no_memory(reterr);
    }
    nng_pipe_notify(server->socket, NNG_PIPE_EV_ADD_PRE, on_pipe, server);
    nng_pipe_notify(server->socket, NNG_PIPE_EV_REM_POST, on_pipe, server);
    return FR_OK;
}

void fr_peers_fini(struct fr_server *server)
{
    fr_id_table_fini(&server->peers);
    pthread_mutex_destroy(&server->peers_mu);
}

static struct session *find_session(struct peer *peer, uint64_t id)
{
    for (struct session *session = peer->sessions.next; session != &peer->sessions; session = session->next) {
        if (session->id == id) {
            return session;
        }
    }
    return NULL;
}

/* Nothing would be lost with it. */
static bool is_idle(struct session *session)
{
    pthread_mutex_lock(&session->mu);
    bool idle = session->calls.count == 0 && session->ready.size == 0 && session->parked == NULL &&
                atomic_load(&session->refs) == 1;
    pthread_mutex_unlock(&session->mu);
    return idle;
}

static struct session *take_idle_locked(struct peer *peer)
{
    for (struct session *session = peer->sessions.next; session != &peer->sessions; session = session->next) {
        if (session->id != 0 && is_idle(session)) {
            unlink_locked(session);
            peer->count--;
            return session;
        }
    }
    return NULL;
}

/* A new session of peer, with a reference for the caller. */
static struct session *add_session_locked(struct fr_server *server, struct peer *peer, int pipe, uint64_t id)
{
    struct session *session = fr_session_new(server, pipe, id);
    if (session != NULL) {
        atomic_store(&session->refs, 2);
        session->heard_us = fr_clock_now_us();
        link_locked(peer, session);
        peer->count += id != 0;
    }
    return session;
}

enum fr_code fr_peers_session(struct fr_server *server, int pipe, uint64_t id, struct session **ret_session,
                              struct fr_error *reterr)
{
    enum fr_code code = FR_OK;
    struct session *session = NULL, *idle = NULL;
    pthread_mutex_lock(&server->peers_mu);
    struct peer *peer = find_locked(server, pipe);
    if (peer == NULL) {
        code = fr_error_set(reterr, FR_UNAVAILABLE, "the connection is gone");
    } else {
        session = id == 0 ? NULL : find_session(peer, id);
        if (session != NULL) {
            atomic_fetch_add(&session->refs, 1);
        } else {
            idle = id != 0 && peer->count >= MAX_SESSIONS ? take_idle_locked(peer) : NULL;
            if (id != 0 && peer->count >= MAX_SESSIONS) {
                code = fr_error_set(reterr, FR_RESOURCE_EXHAUSTED, "this connection has too many sessions");
            } else if ((session = add_session_locked(server, peer, pipe, id)) == NULL) {
                code = fr_error_no_memory(reterr);
            }
        }
    }
    pthread_mutex_unlock(&server->peers_mu);
    if (idle != NULL) {
        fr_session_unref(idle);
    }
    if (code == FR_OK) {
        *ret_session = session;
    }
    return code;
}

void fr_peers_detach(struct session *session)
{
    struct fr_server *server = session->server;
    if (session->id != 0) {
        return;
    }
    pthread_mutex_lock(&server->peers_mu);
    bool attached = session->previous != NULL;
    if (attached) {
        unlink_locked(session);
    }
    pthread_mutex_unlock(&server->peers_mu);
    if (attached) {
        fr_session_unref(session);
    }
}

/* ---- every session of the server ---- */

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
        struct peer *peer = (struct peer *)entry;
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
                       now_us - session->parked_us >= session->server->limits.park_us;
    pthread_mutex_unlock(&session->mu);
    return long_parked;
}

static bool is_silent(struct session *session, uint64_t now_us)
{
    pthread_mutex_lock(&session->mu);
    bool silent = session->id != 0 && session->parked == NULL &&
                  (session->calls.count > 0 || session->ready.size > 0) &&
                  now_us - session->heard_us >= 3 * session->server->limits.park_us;
    pthread_mutex_unlock(&session->mu);
    return silent;
}

static void disconnect(struct session *session)
{
    fr_nng_shut_pipes(&(nng_pipe){(uint32_t)session->pipe}, 1);
}

static void on_sweep(struct fr_timer *timer);

static void start_sweep(struct fr_server *server)
{
    fr_timer_start(&server->sweep, fr_clock_now_us() + server->limits.park_us / SWEEPS, on_sweep);
}

static void on_sweep(struct fr_timer *timer)
{
    struct fr_server *server = (struct fr_server *)((char *)timer - offsetof(struct fr_server, sweep));
    for_picked(server, is_parked_long, fr_session_release);
    for_picked(server, is_silent, disconnect);
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

nng_pipe *fr_peers_pipes(struct fr_server *server, size_t *ret_count)
{
    size_t count = 0;
    pthread_mutex_lock(&server->peers_mu);
    nng_pipe *pipes = calloc(server->peers.count + 1, sizeof pipes[0]);
    struct fr_id_entry *entry = NULL;
    while (pipes != NULL && (entry = fr_id_table_next(&server->peers, entry)) != NULL) {
        pipes[count++].id = (uint32_t)entry->id;
    }
    pthread_mutex_unlock(&server->peers_mu);
    *ret_count = count;
    return pipes;
}

static struct peer *take_any(struct fr_server *server)
{
    pthread_mutex_lock(&server->peers_mu);
    struct fr_id_entry *entry = fr_id_table_next(&server->peers, NULL);
    struct peer *peer = entry == NULL ? NULL : take_locked(server, entry);
    pthread_mutex_unlock(&server->peers_mu);
    return peer;
}

void fr_peers_kill_all(struct fr_server *server)
{
    struct peer *peer;
    if (fr_timer_stop(&server->sweep)) {
        fr_server_unref(server);
    }
    while ((peer = take_any(server)) != NULL) {
        kill_peer(peer);
    }
    while (atomic_load(&server->ending) > 0) {
        sched_yield();
    }
}
