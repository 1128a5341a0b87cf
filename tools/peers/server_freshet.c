/* SPDX-License-Identifier: MIT */
/*
 * server_freshet.c - GetUser answered inline from memory; it stands in for the near cache.
 *
 * usage: peer-server-freshet bytes|system|message USERS
 *   bytes    keeps each User serialized, as the near cache does
 *   system   the same, with the threads placed by the system
 *   message  keeps structs and serializes each answer, as a plain handler would
 * Prints its address. The id "hold" is answered once another call asks for "release".
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/heap.h"
#include "base/placement.h"
#include "peers/people.h"
#include "users/v1/users.freshet.h"

#define MAX_HELD   65536
#define MAX_USERS  10000000
#define EXIT_USAGE 2
#define DRAIN_US   (2 * FR_SECOND_US)

struct entry {
    struct fr_buffer bytes;
    struct person person;
    Google__Protobuf__Timestamp time;
    Users__V1__User user;
};

static struct {
    struct entry *entries;
    size_t count;
    struct entry **table; /* open addressing by the hash of the id */
    size_t mask;
    bool serialize; /* each answer */
} users;

static struct {
    pthread_mutex_t mu;
    struct fr_call *calls[MAX_HELD]; /* guarded by mu */
    size_t count;                    /* guarded by mu */
} held = {.mu = PTHREAD_MUTEX_INITIALIZER};

/* FNV-1a. */
static size_t hash(const char *id)
{
    uint64_t value = UINT64_C(14695981039346656037);
    for (; *id != '\0'; id++) {
        value = (value ^ (unsigned char)*id) * UINT64_C(1099511628211);
    }
    return (size_t)(value ^ value >> 32);
}

static struct entry **place(const char *id)
{
    size_t i = hash(id) & users.mask;
    while (users.table[i] != NULL && strcmp(users.table[i]->person.id, id) != 0) {
        i = (i + 1) & users.mask;
    }
    return &users.table[i];
}

static void make_user(struct entry *entry, uint64_t number)
{
    person_make(number, &entry->person);
    google__protobuf__timestamp__init(&entry->time);
    entry->time.seconds = entry->person.seconds;
    entry->time.nanos = entry->person.nanos;
    users__v1__user__init(&entry->user);
    entry->user.id = entry->person.id;
    entry->user.name = entry->person.name;
    entry->user.email = entry->person.email;
    entry->user.preference = (char *)entry->person.preference;
    entry->user.version = entry->person.version;
    entry->user.create_time = &entry->time;
    entry->user.update_time = &entry->time;
    fr_message_pack(&entry->user.base, &entry->bytes);
    *place(entry->person.id) = entry;
}

static bool make_users(size_t count)
{
    size_t slots = 16;
    while (slots < count * 2) {
        slots *= 2;
    }
    users.mask = slots - 1;
    users.count = count;
    users.entries = calloc(count, sizeof *users.entries);
    users.table = calloc(slots, sizeof(struct entry *));
    for (size_t i = 0; users.entries != NULL && users.table != NULL && i < count; i++) {
        make_user(&users.entries[i], PEOPLE_FIRST + i);
    }
    return users.entries != NULL && users.table != NULL;
}

static void reply(struct fr_call *call, const struct entry *entry)
{
    if (users.serialize) {
        users_v1_users_reply_get_user(call, &entry->user);
    } else {
        fr_call_reply(call, fr_buffer_bytes(&entry->bytes));
    }
}

static void release(void)
{
    for (;;) {
        pthread_mutex_lock(&held.mu);
        struct fr_call *call = held.count == 0 ? NULL : held.calls[--held.count];
        pthread_mutex_unlock(&held.mu);
        if (call == NULL) {
            return;
        }
        Users__V1__User user = USERS__V1__USER__INIT;
        user.id = "hold";
        users_v1_users_reply_get_user(call, &user);
    }
}

static void answer_special(struct fr_call *call, const char *id)
{
    if (strcmp(id, "hold") == 0) {
        pthread_mutex_lock(&held.mu);
        bool kept = held.count < MAX_HELD;
        if (kept) {
            held.calls[held.count++] = call;
        }
        pthread_mutex_unlock(&held.mu);
        if (!kept) {
            fr_call_fail(call, FR_RESOURCE_EXHAUSTED, "too many calls are held");
        }
    } else if (strcmp(id, "release") == 0) {
        Users__V1__User user = USERS__V1__USER__INIT;
        user.id = "release";
        users_v1_users_reply_get_user(call, &user);
        release();
    } else {
        fr_call_fail(call, FR_NOT_FOUND, "user '%.100s' does not exist", id);
    }
}

static void get_user(struct fr_call *call, void *context)
{
    struct ProtobufCMessage *message;
    struct fr_error error;
    (void)context;
    if (fr_call_unpack(call, &message, &error) != FR_OK) {
        fr_call_fail_error(call, &error);
        return;
    }
    const char *id = ((Users__V1__GetUserRequest *)message)->id;
    const struct entry *entry = *place(id);
    if (entry != NULL) {
        reply(call, entry);
    } else {
        answer_special(call, id);
    }
}

static enum fr_code serve(struct fr_server **ret_server, struct fr_error *reterr)
{
    const struct fr_server_method method = {.method = &users_v1_users_get_user_method, .handler = get_user};
    enum fr_code code = fr_server_new(ret_server, reterr);
    code = code == FR_OK ? fr_server_register(*ret_server, "users.v1.Users", &method, 1, reterr) : code;
    code = code == FR_OK ? fr_server_listen(*ret_server, "tcp://127.0.0.1:0", reterr) : code;
    return code == FR_OK ? fr_server_serve(*ret_server, reterr) : code;
}

int main(int argc, char **argv)
{
    struct fr_server *server = NULL;
    struct fr_error error;
    sigset_t set;
    int number;
    size_t count = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;
    if (count == 0 || count > MAX_USERS ||
        (strcmp(argv[1], "bytes") != 0 && strcmp(argv[1], "system") != 0 && strcmp(argv[1], "message") != 0)) {
        fprintf(stderr, "usage: peer-server-freshet bytes|system|message USERS\n");
        return EXIT_USAGE;
    }
    fr_heap_keep();
    fr_placement_set_compact(strcmp(argv[1], "system") != 0);
    users.serialize = strcmp(argv[1], "message") == 0;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    if (!make_users(count) || serve(&server, &error) != FR_OK) {
        fprintf(stderr, "peer-server-freshet: %s\n", server == NULL ? "no memory" : error.message);
        return EXIT_FAILURE;
    }
    puts(fr_server_address(server));
    fflush(stdout);
    sigwait(&set, &number);
    release();
    fr_server_drain(server, DRAIN_US);
    fr_server_free(server);
    for (size_t i = 0; i < users.count; i++) {
        fr_buffer_fini(&users.entries[i].bytes);
    }
    free(users.entries);
    free(users.table);
    return EXIT_SUCCESS;
}
