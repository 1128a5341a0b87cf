/* SPDX-License-Identifier: MIT */
/*
 * peer.c - the connections of a server and the sessions of each.
 */
#include <nng/nng.h>
#include <sched.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/container.h"
#include "rpc/nng_error.h"
#include "rpc/nng_shut.h"
#include "rpc/server_internal.h"

#define MAX_SESSIONS 16 /* of one connection; a client needs one */
/* Messages of a connection for which it is never closed: those of our channel's two lanes, while the end of two more
   may not have been counted yet. */
#define ORDINARY     4
#define RELIEF_US    (20 * FR_MILLISECOND_US) /* until the messages of a connection that was closed have given way */

struct peer *fr_peers_find_locked(struct fr_server *server, nng_pipe pipe)
{
    struct fr_id_entry *entry = fr_id_table_find(&server->peers, (uint64_t)nng_pipe_id(pipe));
    return entry == NULL ? NULL : FR_CONTAINER(entry, struct peer, by_pipe);
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

void fr_peer_unref(struct peer *self)
{
    if (atomic_fetch_sub(&self->refs, 1) == 1) {
        free(self);
    }
}

static void on_connected(struct fr_server *server, nng_pipe pipe)
{
    struct peer *peer = calloc(1, sizeof *peer);
    pthread_mutex_lock(&server->peers_mu);
    /* Who comes later than fr_server_free looks for connections to end would be closed with the socket, and could be in
       the middle of a message by then: see nng_shut.h. */
    bool refused = peer == NULL || server->peers.count >= server->limits.connections || atomic_load(&server->freeing);
    if (!refused) {
        atomic_init(&peer->refs, 1);
        peer->by_pipe.id = (uint64_t)nng_pipe_id(pipe);
        peer->sessions.next = peer->sessions.previous = &peer->sessions;
        fr_id_table_insert(&server->peers, &peer->by_pipe);
    }
    pthread_mutex_unlock(&server->peers_mu);
    if (refused) {
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
    fr_peer_unref(peer);
}

/* Takes a connection out, with its sessions, which nobody finds from now on. Each gives a reference to the taker. */
static struct peer *take_locked(struct fr_server *server, struct peer *peer)
{
    fr_id_table_remove(&server->peers, &peer->by_pipe);
    peer->gone = true;
    for (struct session *session = peer->sessions.next; session != &peer->sessions; session = session->next) {
        session->previous = NULL; /* detached; next still leads through the ring for kill_peer */
    }
    return peer;
}

void fr_peers_lost(struct fr_server *server, nng_pipe pipe)
{
    atomic_fetch_add(&server->ending, 1);
    pthread_mutex_lock(&server->peers_mu);
    struct peer *found = fr_peers_find_locked(server, pipe);
    struct peer *peer = found == NULL ? NULL : take_locked(server, found);
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
        fr_peers_lost(argument, pipe);
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

/* ---- messages under way ---- */

/* Ends the connection soon. What it still sends is dropped until then. */
static void close_peer(struct peer *peer)
{
    if (!atomic_exchange(&peer->closing, true)) {
        bool shut = fr_nng_shut_pipes(&(nng_pipe){(uint32_t)peer->by_pipe.id}, 1);
        atomic_store(&peer->closing, shut); /* otherwise with its next message */
    }
}

/* So few exchanges are left that they are kept for those with ordinary numbers of messages. */
static bool is_scarce(struct fr_server *server)
{
    unsigned limit = server->limits.messages;
    return atomic_load(&server->open_batches) >= limit - limit / 8;
}

static struct peer *find_heaviest_locked(struct fr_server *server)
{
    struct peer *heaviest = NULL;
    struct fr_id_entry *entry = NULL;
    unsigned most = ORDINARY;
    while ((entry = fr_id_table_next(&server->peers, entry)) != NULL) {
        struct peer *peer = FR_CONTAINER(entry, struct peer, by_pipe);
        unsigned messages = atomic_load(&peer->messages);
        if (messages > most && !atomic_load(&peer->closing)) {
            heaviest = peer;
            most = messages;
        }
    }
    return heaviest;
}

/* Closes the connection with the most messages under way. */
static void relieve(struct fr_server *server)
{
    uint64_t now_us = fr_clock_now_us();
    uint_fast64_t last_us = atomic_load(&server->relieved_us);
    if (fr_clock_elapsed_us(last_us, now_us) < RELIEF_US ||
        !atomic_compare_exchange_strong(&server->relieved_us, &last_us, now_us)) {
        return;
    }
    pthread_mutex_lock(&server->peers_mu);
    struct peer *heaviest = find_heaviest_locked(server);
    if (heaviest != NULL) {
        atomic_fetch_add(&heaviest->refs, 1);
    }
    pthread_mutex_unlock(&server->peers_mu);
    if (heaviest != NULL) {
        close_peer(heaviest);
        fr_peer_unref(heaviest);
    }
}

struct peer *fr_peers_begin_message(struct fr_server *server, nng_pipe pipe)
{
    unsigned messages = 0;
    pthread_mutex_lock(&server->peers_mu);
    struct peer *peer = fr_peers_find_locked(server, pipe);
    if (peer != NULL) {
        atomic_fetch_add(&peer->refs, 1);
        messages = atomic_fetch_add(&peer->messages, 1) + 1;
    }
    pthread_mutex_unlock(&server->peers_mu);
    if (peer == NULL) {
        return NULL;
    }
    bool scarce = is_scarce(server);
    if (messages > server->limits.connection_messages || (scarce && messages > ORDINARY)) {
        close_peer(peer);
    } else if (scarce) {
        relieve(server);
    }
    if (atomic_load(&peer->closing)) {
        fr_peer_end_message(server, peer, 0);
        return NULL;
    }
    return peer;
}

void fr_peer_begin_answer(struct fr_server *server, struct peer *self, size_t bytes)
{
    atomic_fetch_add(&server->held_bytes, bytes);
    if (atomic_fetch_add(&self->unread_bytes, bytes) + bytes > server->limits.connection_bytes) {
        close_peer(self);
    }
}

void fr_peer_end_message(struct fr_server *server, struct peer *self, size_t bytes)
{
    atomic_fetch_sub(&server->held_bytes, bytes);
    atomic_fetch_sub(&self->unread_bytes, bytes);
    atomic_fetch_add(&self->sent, 1);
    atomic_fetch_sub(&self->messages, 1);
    fr_peer_unref(self);
}

/* ---- sessions ---- */

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
static struct session *add_session_locked(struct fr_server *server, struct peer *peer, uint64_t id)
{
    struct session *session = fr_session_new(server, (int)peer->by_pipe.id, id);
    if (session != NULL) {
        atomic_store(&session->refs, 2);
        session->heard_us = fr_clock_now_us();
        link_locked(peer, session);
        peer->count += id != 0;
    }
    return session;
}

enum fr_code fr_peers_session(struct fr_server *server, struct peer *peer, uint64_t id,
                              struct session **ret_session, struct fr_error *reterr)
{
    enum fr_code code = FR_OK;
    struct session *session = NULL, *idle = NULL;
    pthread_mutex_lock(&server->peers_mu);
    if (peer->gone) {
        code = fr_error_set(reterr, FR_UNAVAILABLE, "the connection is gone");
    } else {
        session = id == 0 ? NULL : find_session(peer, id);
        if (session != NULL) {
            atomic_fetch_add(&session->refs, 1);
        } else {
            idle = id != 0 && peer->count >= MAX_SESSIONS ? take_idle_locked(peer) : NULL;
            if (id != 0 && peer->count >= MAX_SESSIONS) {
                code = fr_error_set(reterr, FR_RESOURCE_EXHAUSTED, "this connection has too many sessions");
            } else if ((session = add_session_locked(server, peer, id)) == NULL) {
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

static struct peer *take_any(struct fr_server *server)
{
    pthread_mutex_lock(&server->peers_mu);
    struct fr_id_entry *entry = fr_id_table_next(&server->peers, NULL);
    struct peer *peer =
        entry == NULL ? NULL : take_locked(server, FR_CONTAINER(entry, struct peer, by_pipe));
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
