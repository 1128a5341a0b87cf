/* SPDX-License-Identifier: MIT */
/*
 * load.c - check-load: readers and writers of users through several api processes, which tell of each stale read.
 *
 * Reads go out at a steady rate, most of them of a few hot keys; writes too, one at a time for each key. Some keys are
 * created and deleted in turn. Lines on standard input are orders:
 *
 *   wrote ID VERSION  another program committed this version; it counts as a write answered now
 *   settle            no more writes
 *   history ID        what is known of a key
 *   stop              no more reads; the end
 *
 * Lines of JSON on standard output: "stale" (reads of one key through one api, gathered for a tenth of a second),
 * "totals" (once a second, and at the end), "history". Times are those of fr_clock_now_us.
 */
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/options.h"
#include "check/delay.h"
#include "check/ledger.h"
#include "message/arena.h"
#include "rpc/channel.h"
#include "users/v1/users.freshet.h"

#define TICK_US        (2 * FR_MILLISECOND_US)
#define GATHER_US      (100 * FR_MILLISECOND_US)
#define TOTALS_US      FR_SECOND_US
#define READ_US        FR_SECOND_US
#define WRITE_US       (2 * FR_SECOND_US)
#define OPEN_READS     192 /* through one api; a stopped one must not take them all */
#define ARENA_BYTES    4096
#define FIRST_USER     1000 /* as freshet-data --seed-users numbers them */
/* A write without an answer was given up by its deadline, unless its process was stopped amid it. */
#define IN_DOUBT_US    (10 * FR_SECOND_US)
/*
 * Writes that are to meet a load of their key: so many percent go to a key written a moment ago, so many to a cold key
 * read a moment ago, which nobody else reads soon and so heals.
 */
#define AFTER_WRITES 25
#define AFTER_READS  25
#define LATE_WRITES  8
#define LATE_READS   128

struct read {
    struct read *next;
    struct key *key;
    unsigned api;
    struct account_read began;
};

struct write {
    struct key *key;
    bool deletes, creates;
    uint64_t began_us;
    uint64_t doubt; /* what account_deletion_begins returned */
};

/* The classes of keys, and their shares of reads and writes in percent. */
enum { HOT, WARM, COLD, CHURNING, CLASSES };
static const unsigned class_keys[CLASSES] = {16, 128, 1000, 32};
static const unsigned read_shares[CLASSES] = {60, 25, 12, 3};
static const unsigned write_shares[CLASSES] = {30, 40, 20, 10};

static struct {
    struct fr_option_list api;
    uint64_t seed, reads_per_s, writes_per_s, redis_port;
    const char *hit_source;
} given;

static struct fr_channel *channels[LEDGER_APIS];
static struct key *keys;
static size_t key_count;
static uint64_t random_state;

static pthread_mutex_t mu = PTHREAD_MUTEX_INITIALIZER;
static struct read *free_reads;           /* guarded by mu */
static unsigned open_reads[LEDGER_APIS];     /* guarded by mu */
static struct totals totals;              /* guarded by mu */
static uint64_t write_number;

/* SplitMix64 (Steele, Lea, Flood): the main thread alone draws, so that a seed gives one sequence. */
static uint64_t draw(uint64_t bound)
{
    uint64_t z = random_state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (z ^ (z >> 31)) % bound;
}

/* The last keys written, and the last cold ones read. */
static struct key *written[LATE_WRITES], *read_cold[LATE_READS];
static uint64_t written_count, read_cold_count;

/* A class by its shares of 100, then one of its keys. */
static struct key *pick(const unsigned shares[CLASSES], unsigned *ret_class)
{
    uint64_t percent = draw(100), first = 0;
    unsigned class = 0;
    for (; percent >= shares[class]; class++) {
        percent -= shares[class];
        first += class_keys[class];
    }
    *ret_class = class;
    return &keys[first + draw(class_keys[class])];
}

static struct key *pick_to_read(void)
{
    unsigned class;
    struct key *key = pick(read_shares, &class);
    if (class == COLD) {
        read_cold[read_cold_count++ % LATE_READS] = key;
    }
    return key;
}

static struct key *pick_to_write(void)
{
    unsigned class;
    uint64_t percent = draw(100);
    if (percent < AFTER_WRITES && written_count >= LATE_WRITES) {
        return written[draw(LATE_WRITES)];
    }
    bool after_read = percent >= 100 - AFTER_READS && read_cold_count >= LATE_READS;
    struct key *key = after_read ? read_cold[draw(LATE_READS)] : pick(write_shares, &class);
    return written[written_count++ % LATE_WRITES] = key;
}

static struct key *find_key(const char *id)
{
    for (size_t i = 0; i < key_count; i++) {
        if (strcmp(keys[i].id, id) == 0) {
            return &keys[i];
        }
    }
    return NULL;
}

/* ---- reads ---- */

/* The version within the value: what a reader sees. UINT64_MAX: the answer is no User. */
static uint64_t version_of(struct fr_bytes payload)
{
    static _Thread_local struct fr_arena *arena;
    struct ProtobufCMessage *message;
    struct fr_error error;
    arena = arena == NULL ? fr_arena_new(ARENA_BYTES) : arena;
    FR_ASSERT(arena != NULL);
    uint64_t version = UINT64_MAX;
    if (fr_message_unpack(&users__v1__user__descriptor, payload, arena, &message, &error) == FR_OK) {
        version = ((const Users__V1__User *)message)->version;
    }
    fr_arena_reset(arena);
    return version;
}

static void on_read(void *argument, const struct fr_result *result)
{
    struct read *read = argument;
    struct fr_bytes source = fr_metadata_find(result->metadata, "x-cache");
    struct fr_bytes told = fr_metadata_find(result->metadata, "x-cache-version");
    struct account_seen seen = {.found = result->code == FR_OK};
    char version[24];
    seen.version = seen.found ? version_of(result->payload) : 0;
    snprintf(version, sizeof version, "%" PRIu64, seen.version);
    pthread_mutex_lock(&mu);
    if (seen.found || result->code == FR_NOT_FOUND) {
        totals.mismatches += seen.found && !fr_bytes_equal(told, fr_bytes_of(version));
        ledger_count(&totals, read->key,
                     &(struct ledger_read){
                         .api = read->api,
                         .began = read->began,
                         .seen = seen,
                         .source = source,
                         .hit = fr_bytes_equal(source, fr_bytes_of(given.hit_source)),
                         .ended_us = fr_clock_now_us(),
                     });
    } else {
        totals.failed_reads += result->code != FR_CANCELLED; /* that was us, at the end */
    }
    open_reads[read->api]--;
    read->next = free_reads;
    free_reads = read;
    pthread_mutex_unlock(&mu);
}

static void encode(const struct ProtobufCMessage *message, struct fr_buffer *out)
{
    uint8_t *room = fr_buffer_reserve(out, protobuf_c_message_get_packed_size(message));
    FR_ASSERT(room != NULL);
    out->size += protobuf_c_message_pack(message, room);
}

static void start_read(void)
{
    static struct fr_buffer request;
    unsigned api = (unsigned)draw(given.api.count);
    struct key *key = pick_to_read();
    pthread_mutex_lock(&mu);
    if (open_reads[api] >= OPEN_READS) {
        api = (unsigned)((api + 1) % given.api.count);
    }
    struct read *read = open_reads[api] < OPEN_READS ? free_reads : NULL;
    if (read != NULL) {
        free_reads = read->next;
        open_reads[api]++;
        *read = (struct read){.key = key, .api = api, .began = account_begin(&key->account, fr_clock_now_us())};
    }
    pthread_mutex_unlock(&mu);
    if (read != NULL) {
        Users__V1__GetUserRequest message = USERS__V1__GET_USER_REQUEST__INIT;
        message.id = key->id;
        fr_buffer_clear(&request);
        encode(&message.base, &request);
        fr_channel_start(channels[api], users_v1_users_get_user_method.name, fr_buffer_bytes(&request),
                         &(struct fr_call_options){.timeout_us = READ_US}, on_read, read, NULL);
    }
}

/* ---- writes ---- */

static bool certainly_not_done(enum fr_code code)
{
    return code == FR_NOT_FOUND || code == FR_ALREADY_EXISTS || code == FR_INVALID_ARGUMENT;
}

static void end_write(struct write *self, const struct fr_result *result, uint64_t version)
{
    struct key *key = self->key;
    uint64_t now_us = fr_clock_now_us();
    bool done = result->code == FR_OK, known = done || certainly_not_done(result->code);
    pthread_mutex_lock(&mu);
    key->busy = false;
    key->exists = known ? !self->deletes : key->exists;
    if (self->deletes && known) {
        account_deletion_ends(&key->account, self->doubt);
    } else if (self->deletes) {
        account_deletion_in_doubt(&key->account, self->doubt, now_us + IN_DOUBT_US);
    }
    if (done) {
        account_written(&key->account, &(struct account_write){version, now_us, self->deletes}, self->began_us);
        totals.writes++;
    } else {
        totals.failed_writes++;
    }
    pthread_mutex_unlock(&mu);
    free(self);
}

static void on_user(void *argument, const struct fr_result *result, const Users__V1__User *user)
{
    end_write(argument, result, user == NULL ? 0 : user->version);
}

static void on_deleted(void *argument, const struct fr_result *result, const Users__V1__DeleteUserResponse *response)
{
    end_write(argument, result, response == NULL ? 0 : response->version);
}

static void send_write(struct fr_channel *channel, struct write *write)
{
    const struct fr_call_options options = {.timeout_us = WRITE_US};
    char text[48], email[48];
    snprintf(text, sizeof text, "write-%" PRIu64, ++write_number);
    snprintf(email, sizeof email, "%s@example.com", write->key->id);
    if (write->deletes) {
        Users__V1__DeleteUserRequest request = USERS__V1__DELETE_USER_REQUEST__INIT;
        request.id = write->key->id;
        users_v1_users_delete_user_async(channel, &request, &options, on_deleted, write, NULL);
    } else if (write->creates) {
        Users__V1__User user = USERS__V1__USER__INIT;
        Users__V1__CreateUserRequest request = USERS__V1__CREATE_USER_REQUEST__INIT;
        user.id = write->key->id;
        user.email = email;
        user.preference = text;
        request.user = &user;
        users_v1_users_create_user_async(channel, &request, &options, on_user, write, NULL);
    } else {
        Users__V1__UpdatePreferenceRequest request = USERS__V1__UPDATE_PREFERENCE_REQUEST__INIT;
        request.id = write->key->id;
        request.preference = text;
        users_v1_users_update_preference_async(channel, &request, &options, on_user, write, NULL);
    }
}

static void start_write(void)
{
    unsigned api = (unsigned)draw(given.api.count);
    struct key *key = pick_to_write();
    struct write *write = calloc(1, sizeof *write);
    FR_ASSERT(write != NULL);
    pthread_mutex_lock(&mu);
    bool free_to_write = !key->busy;
    if (free_to_write) {
        key->busy = true;
        write->key = key;
        write->deletes = key->churns && key->exists;
        write->creates = key->churns && !key->exists;
        write->began_us = fr_clock_now_us();
        write->doubt = write->deletes ? account_deletion_begins(&key->account) : 0;
    }
    pthread_mutex_unlock(&mu);
    if (free_to_write) {
        send_write(channels[api], write);
    } else {
        free(write);
    }
}

/* ---- what is told ---- */

static void tell(struct fr_buffer *out)
{
    FR_ASSERT(!out->failed);
    if (out->size > 0 && (fwrite(out->data, 1, out->size, stdout) != out->size || fflush(stdout) != 0)) {
        exit(1); /* nobody listens any more */
    }
    fr_buffer_clear(out);
}

static void tell_stale(struct fr_buffer *out)
{
    pthread_mutex_lock(&mu);
    for (size_t i = 0; i < key_count * given.api.count; i++) {
        struct key *key = &keys[i / given.api.count];
        unsigned api = (unsigned)(i % given.api.count);
        if (key->gathered[api].reads > 0) {
            ledger_append_stale(out, key, api);
        }
    }
    pthread_mutex_unlock(&mu);
    tell(out);
}

static void tell_totals(struct fr_buffer *out, bool last)
{
    pthread_mutex_lock(&mu);
    ledger_append_totals(out, &totals, last);
    pthread_mutex_unlock(&mu);
    tell(out);
}

/* ---- orders and the loop ---- */

static struct {
    bool settled, stopped;
} state;

static void obey(char *line, struct fr_buffer *out)
{
    char id[LEDGER_ID_BYTES];
    uint64_t version;
    if (sscanf(line, "wrote %23s %" SCNu64, id, &version) == 2) {
        struct key *key = find_key(id);
        pthread_mutex_lock(&mu);
        if (key != NULL) {
            uint64_t now_us = fr_clock_now_us();
            account_written(&key->account, &(struct account_write){version, now_us, false}, now_us);
            totals.foreign_writes++;
        }
        pthread_mutex_unlock(&mu);
    } else if (sscanf(line, "history %23s", id) == 1) {
        pthread_mutex_lock(&mu);
        ledger_append_history(out, id, find_key(id));
        pthread_mutex_unlock(&mu);
        tell(out);
    } else if (strcmp(line, "settle") == 0) {
        state.settled = true;
    } else if (strcmp(line, "stop") == 0) {
        state.stopped = true;
    }
}

static void obey_input(struct fr_buffer *out)
{
    static char input[4096];
    static size_t size;
    ssize_t got = read(STDIN_FILENO, input + size, sizeof input - 1 - size);
    if (got <= 0) {
        state.stopped = true; /* who gave the orders has ended */
        return;
    }
    size += (size_t)got;
    input[size] = '\0';
    char *line = input;
    for (char *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        *end = '\0';
        obey(line, out);
    }
    size -= (size_t)(line - input);
    memmove(input, line, size);
}

/* How many of a steady rate are due and were not yet issued. Who comes late does not catch up more than a tick's. */
static uint64_t due(uint64_t *issued, uint64_t rate_per_s, uint64_t elapsed_us)
{
    uint64_t wanted = rate_per_s * elapsed_us / FR_SECOND_US;
    uint64_t missing = wanted - *issued, most = 10 * rate_per_s * TICK_US / FR_SECOND_US + 1;
    *issued = wanted;
    return missing < most ? missing : most;
}

static void run(struct fr_buffer *out, int timer)
{
    uint64_t began_us = fr_clock_now_us(), gather_us = began_us, totals_us = began_us, expirations;
    uint64_t reads = 0, writes = 0;
    while (!state.stopped) {
        struct pollfd fds[] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = timer, .events = POLLIN}};
        poll(fds, 2, -1);
        uint64_t now_us = fr_clock_now_us();
        if (fds[0].revents != 0) {
            obey_input(out);
        }
        if (fds[1].revents != 0 && read(timer, &expirations, sizeof expirations) > 0) {
            for (uint64_t i = due(&reads, given.reads_per_s, now_us - began_us); i > 0; i--) {
                start_read();
            }
            for (uint64_t i = due(&writes, given.writes_per_s, now_us - began_us); i > 0 && !state.settled; i--) {
                start_write();
            }
        }
        if (now_us - gather_us >= GATHER_US) {
            gather_us = now_us;
            tell_stale(out);
        }
        if (now_us - totals_us >= TOTALS_US) {
            totals_us = now_us;
            tell_totals(out, false);
        }
    }
}

static void make_keys(void)
{
    size_t seeded = class_keys[HOT] + class_keys[WARM] + class_keys[COLD];
    key_count = seeded + class_keys[CHURNING];
    keys = calloc(key_count, sizeof keys[0]);
    struct read *reads = calloc(given.api.count * OPEN_READS, sizeof reads[0]);
    FR_ASSERT(keys != NULL && reads != NULL);
    uint64_t now_us = fr_clock_now_us();
    for (size_t i = 0; i < key_count; i++) {
        struct key *key = &keys[i];
        key->churns = i >= seeded;
        snprintf(key->id, sizeof key->id, key->churns ? "churn-%zu" : "user-%zu",
                 key->churns ? i - seeded : FIRST_USER + i);
        if (!key->churns) {
            account_written(&key->account, &(struct account_write){0, now_us, false}, now_us); /* --seed-users */
        }
    }
    for (size_t i = 0; i < given.api.count * OPEN_READS; i++) {
        reads[i].next = free_reads;
        free_reads = &reads[i];
    }
}

static const struct fr_option options[] = {
    {.name = "api", .type = FR_OPTION_LIST, .argument = "ADDRESS", .help = "an api; give several",
     .value = &given.api},
    {.name = "seed", .type = FR_OPTION_NUMBER, .default_value = "1", .argument = "N", .help = "of the random choices",
     .value = &given.seed},
    {.name = "reads", .type = FR_OPTION_NUMBER, .default_value = "4000", .max = 1000000, .argument = "N",
     .help = "per second", .value = &given.reads_per_s},
    {.name = "writes", .type = FR_OPTION_NUMBER, .default_value = "60", .max = 100000, .argument = "N",
     .help = "per second", .value = &given.writes_per_s},
    {.name = "redis-port", .type = FR_OPTION_NUMBER, .default_value = "0", .max = 65535, .argument = "N",
     .help = "measure how long this Redis takes from PUBLISH to delivery", .value = &given.redis_port},
    {.name = "hit-source", .default_value = "near", .argument = "NAME", .help = "x-cache of the hits whose staleness "
     "is measured", .value = &given.hit_source},
};

int main(int argc, char **argv)
{
    struct fr_error error = {0};
    struct fr_buffer out = {0};
    int count = 0;
    bool help = false;
    if (fr_options_parse(options, sizeof options / sizeof options[0], argc, argv, &count, &help, &error) != FR_OK ||
        count > 0 || help || given.api.count == 0 || given.api.count > LEDGER_APIS) {
        fr_options_help(options, sizeof options / sizeof options[0], &out);
        fprintf(stderr, "check-load: %s\n%s", error.message, fr_buffer_text(&out));
        return 2;
    }
    random_state = given.seed;
    make_keys();
    for (size_t i = 0; i < given.api.count; i++) {
        if (fr_channel_new(given.api.items[i], NULL, &channels[i], &error) != FR_OK) {
            fprintf(stderr, "check-load: %s\n", error.message);
            return 1;
        }
    }
    if (given.redis_port > 0 && delay_start((unsigned)given.redis_port, &error) != FR_OK) {
        fprintf(stderr, "check-load: %s\n", error.message);
        return 1;
    }
    const struct itimerspec tick = {.it_interval.tv_nsec = TICK_US * 1000, .it_value.tv_nsec = TICK_US * 1000};
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    FR_ASSERT(timer >= 0 && timerfd_settime(timer, 0, &tick, NULL) == 0);
    run(&out, timer);
    for (size_t i = 0; i < given.api.count; i++) {
        fr_channel_free(channels[i]);
    }
    if (given.redis_port > 0) {
        delay_stop(&totals.publish_delay);
    }
    tell_stale(&out);
    tell_totals(&out, true);
    fr_buffer_fini(&out);
    return 0;
}
