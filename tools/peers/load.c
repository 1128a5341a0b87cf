/* SPDX-License-Identifier: MIT */
/*
 * load.c - closed-loop and open-loop load.
 *
 * Closed loop: the thread that brings an answer starts the slot's next call. Where the end of a call comes inside
 * start, the slot goes to the driver thread instead, so that no stack grows; phase tells the two apart.
 * Open loop: the driver starts calls at random times planned beforehand (exponential gaps); a call's latency counts
 * from its planned time, so a driver that is late, or short of free slots, hides nothing.
 *
 * Counters belong to the thread that counts and are added up when no call is under way.
 */
#include "peers/load.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "base/heap.h"
#include "peers/figures.h"
#include "peers/people.h"
#include "peers/watch.h"

#define SECOND_NS    UINT64_C(1000000000)
#define PAUSE_NS     1000000 /* after calls that ended at once: they failed */
#define LOOK_NS      1000000 /* between two looks at what others count */
#define NAP_NS       20000   /* of an open loop without a free slot */
#define DRAIN_NS     (5 * SECOND_NS)
#define SETTLE_NS    (SECOND_NS / 2)
#define MAX_THREADS  256
#define OPEN_SLOTS   16384
#define NARROW_SLOTS 256 /* where each slot is a connection */
#define EXIT_USAGE   2

enum phase {
    STARTING, /* start has not returned */
    WAITING,  /* it has, and the call is under way */
    ENDED,
};

struct slot {
    _Alignas(64) struct slot *next; /* among those handed to the driver */
    uint64_t from_ns;               /* latency counts from here */
    _Atomic(int) phase;
    unsigned id_length;
    char id[24];
};

static struct {
    const char *mode, *probe;
    struct fr_option_list servers, stores;
    uint64_t concurrency, channels, rate, duration_us, warmup_us, users, first;
    bool once;
} given;

static const struct load_client *client;
static struct slot *slots;
static size_t slot_count;
static struct figures figures[MAX_THREADS];
static _Atomic(unsigned) figures_taken;
static _Thread_local struct figures *own_figures;
static _Atomic(struct slot *) handed; /* a stack that the driver takes as a whole */
static sem_t handed_over;
static _Atomic(uint64_t) tickets, active;
static _Atomic(uint64_t) window_from_ns, window_to_ns; /* UINT64_MAX until known */
static _Atomic(bool) stopping, exhausted;

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * SECOND_NS + (uint64_t)now.tv_nsec;
}

static void pause_ns(uint64_t time_ns)
{
    const struct timespec pause = {(time_t)(time_ns / SECOND_NS), (long)(time_ns % SECOND_NS)};
    nanosleep(&pause, NULL);
}

static struct figures *figures_get(void)
{
    if (own_figures == NULL) {
        unsigned index = atomic_fetch_add(&figures_taken, 1);
        own_figures = &figures[index < MAX_THREADS ? index : MAX_THREADS - 1];
    }
    return own_figures;
}

const char *load_id(size_t slot, size_t *ret_length)
{
    *ret_length = slots[slot].id_length;
    return slots[slot].id;
}

size_t load_channel(size_t slot)
{
    return slot % given.channels;
}

void load_count_source(const char *name, size_t length)
{
    figures_count_source(figures_get(), name, length);
}

static void write_id(struct slot *slot, uint64_t number)
{
    char digits[20];
    unsigned count = 0;
    do {
        digits[count++] = (char)('0' + number % 10);
    } while ((number /= 10) > 0);
    memcpy(slot->id, "user-", 5);
    slot->id_length = 5 + count;
    for (unsigned i = 0; i < count; i++) {
        slot->id[5 + i] = digits[count - 1 - i];
    }
    slot->id[slot->id_length] = '\0';
}

/* false: no more calls. */
static bool next_id(struct slot *slot)
{
    uint64_t n = atomic_fetch_add_explicit(&tickets, 1, memory_order_relaxed);
    if (given.once && n >= given.users) {
        atomic_store(&exhausted, true);
        return false;
    }
    write_id(slot, given.first + n % given.users);
    return !atomic_load_explicit(&stopping, memory_order_relaxed);
}

static void hand_over(struct slot *slot)
{
    slot->next = atomic_load(&handed);
    while (!atomic_compare_exchange_weak(&handed, &slot->next, slot)) {
    }
    if (given.rate == 0) {
        sem_post(&handed_over);
    }
}

/* ---- closed loop ---- */

static void step(struct slot *slot)
{
    int starting = STARTING;
    if (!next_id(slot)) {
        atomic_fetch_sub(&active, 1);
        return;
    }
    atomic_store(&slot->phase, STARTING);
    slot->from_ns = now_ns();
    client->start((size_t)(slot - slots));
    if (!atomic_compare_exchange_strong(&slot->phase, &starting, WAITING)) {
        hand_over(slot);
    }
}

static void *drive_closed(void *argument)
{
    (void)argument;
    bool last;
    do {
        while (sem_wait(&handed_over) != 0) {
        }
        last = atomic_load(&stopping);
        struct slot *next = atomic_exchange(&handed, NULL);
        while (next != NULL) {
            struct slot *slot = next;
            next = slot->next;
            step(slot);
        }
        if (!last && atomic_load(&handed) != NULL) {
            pause_ns(PAUSE_NS);
        }
    } while (atomic_load(&active) > 0);
    return NULL;
}

/* ---- open loop ---- */

/* Slots that were free for a moment come before those that no call has used yet: fewer are touched. */
struct spare {
    struct slot *used, *fresh;
};

static struct slot *take_free(struct spare *spare)
{
    if (spare->used == NULL) {
        spare->used = atomic_exchange(&handed, NULL);
    }
    struct slot **from = spare->used != NULL ? &spare->used : &spare->fresh;
    struct slot *slot = *from;
    if (slot != NULL) {
        *from = slot->next;
    }
    return slot;
}

static void *drive_open(void *argument)
{
    (void)argument;
    struct spare spare = {.fresh = atomic_exchange(&handed, NULL)};
    unsigned short seed[3] = {1, 2, 3};
    double planned_ns = (double)now_ns(), gap_ns = (double)SECOND_NS / (double)given.rate;
    prctl(PR_SET_TIMERSLACK, 1UL); /* the default rounds a sleep up by 50 us */
    while (!atomic_load_explicit(&stopping, memory_order_relaxed)) {
        uint64_t at_ns = now_ns();
        if (planned_ns > (double)at_ns) {
            uint64_t until_ns = (uint64_t)planned_ns;
            const struct timespec until = {(time_t)(until_ns / SECOND_NS), (long)(until_ns % SECOND_NS)};
            clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
            continue;
        }
        struct slot *slot = take_free(&spare);
        if (slot == NULL) {
            pause_ns(NAP_NS);
            continue;
        }
        if (!next_id(slot)) {
            break;
        }
        slot->from_ns = (uint64_t)planned_ns;
        planned_ns -= gap_ns * log(1.0 - erand48(seed));
        atomic_fetch_add(&active, 1);
        client->start((size_t)(slot - slots));
    }
    return NULL;
}

/* ---- answers ---- */

static bool within_window(uint64_t time_ns)
{
    return time_ns >= atomic_load_explicit(&window_from_ns, memory_order_relaxed) &&
           time_ns < atomic_load_explicit(&window_to_ns, memory_order_relaxed);
}

/* Calls count where they end. Latency is that of the same calls; in an open loop of those planned within the window. */
static void count_call(const struct slot *slot, uint64_t end_ns)
{
    struct figures *own = figures_get();
    bool ended_within = within_window(end_ns);
    own->calls += ended_within;
    if (given.rate == 0 ? ended_within : within_window(slot->from_ns)) {
        fr_histogram_record(&own->latency_ns, end_ns - slot->from_ns);
    }
}

static void end_call(struct slot *slot)
{
    if (given.rate > 0) {
        hand_over(slot);
        atomic_fetch_sub(&active, 1);
    } else if (given.probe[0] != '\0') {
        atomic_fetch_sub(&active, 1);
    } else if (atomic_exchange(&slot->phase, ENDED) == WAITING) {
        step(slot);
    }
}

void load_done(size_t index, const char *id, size_t length)
{
    struct slot *slot = &slots[index];
    uint64_t end_ns = now_ns();
    if (length != slot->id_length || memcmp(id, slot->id, length) != 0) {
        load_failed(index, "the answer holds another user");
        return;
    }
    count_call(slot, end_ns);
    end_call(slot);
}

void load_failed(size_t index, const char *message)
{
    figures_count_error(figures_get(), message);
    end_call(&slots[index]);
}

/* ---- runs ---- */

static void drain(struct report *report)
{
    uint64_t until_ns = now_ns() + DRAIN_NS;
    while (atomic_load(&active) > 0 && now_ns() < until_ns) {
        pause_ns(LOOK_NS);
    }
    report->lost = atomic_load(&active);
}

static void wait_window(uint64_t until_ns)
{
    while (!atomic_load(&exhausted) && now_ns() < until_ns) {
        uint64_t left_ns = until_ns - now_ns();
        pause_ns(given.once && left_ns > LOOK_NS ? LOOK_NS : left_ns);
    }
}

static void measure(struct report *report)
{
    wait_window(now_ns() + given.warmup_us * 1000);
    report->server_cpu_s = -watch_cpu_s(&given.servers);
    report->store_cpu_s = -watch_cpu_s(&given.stores);
    report->client_cpu_s = -watch_own_cpu_s();
    uint64_t from_ns = now_ns();
    atomic_store(&window_from_ns, from_ns);
    wait_window(from_ns + given.duration_us * 1000);
    uint64_t to_ns = now_ns();
    atomic_store(&window_to_ns, to_ns);
    report->client_cpu_s += watch_own_cpu_s();
    report->server_cpu_s += watch_cpu_s(&given.servers);
    report->store_cpu_s += watch_cpu_s(&given.stores);
    report->server_rss_bytes = watch_rss_bytes(&given.servers);
    report->client_rss_bytes = watch_own_rss_bytes();
    report->seconds = (double)(to_ns - from_ns) / (double)SECOND_NS;
    report->exhausted = atomic_load(&exhausted);
}

static int run(struct report *report)
{
    pthread_t driver;
    if (given.rate == 0) {
        atomic_store(&active, slot_count);
    }
    for (size_t i = 0; i < slot_count; i++) {
        hand_over(&slots[i]);
    }
    if (pthread_create(&driver, NULL, given.rate == 0 ? drive_closed : drive_open, NULL) != 0) {
        return EXIT_FAILURE;
    }
    measure(report);
    atomic_store(&stopping, true);
    if (given.rate > 0) {
        pthread_join(driver, NULL); /* it starts calls, so only then can none be added */
    }
    drain(report);
    if (given.rate == 0 && report->lost == 0) {
        sem_post(&handed_over);
        pthread_join(driver, NULL);
    }
    return EXIT_SUCCESS;
}

static void call_all(size_t count, const char *id)
{
    atomic_store(&active, count);
    for (size_t i = 0; i < count; i++) {
        slots[i].id_length = (unsigned)strlen(id);
        memcpy(slots[i].id, id, slots[i].id_length + 1);
        client->start(i);
    }
}

/*
 * What a connection, or a call that the server holds, adds to the server's resident memory. The id "hold" is
 * answered once another call has asked for "release".
 */
static void probe(struct report *report, uint64_t before_open_bytes)
{
    bool calls = strcmp(given.probe, "calls") == 0;
    size_t count = calls ? slot_count - 1 : slot_count;
    char id[24];
    write_id(&slots[slot_count - 1], PEOPLE_FIRST);
    memcpy(id, slots[slot_count - 1].id, sizeof id);
    call_all(calls ? 1 : count, id); /* each channel is in use now */
    drain(report);
    uint64_t before_bytes = calls ? watch_rss_bytes(&given.servers) : before_open_bytes;
    uint64_t own_bytes = watch_own_rss_bytes();
    if (calls) {
        call_all(count, "hold");
    }
    pause_ns(SETTLE_NS);
    report->probed = count;
    report->server_rss_bytes = watch_rss_bytes(&given.servers);
    report->server_grown_bytes = (int64_t)report->server_rss_bytes - (int64_t)before_bytes;
    report->client_rss_bytes = watch_own_rss_bytes();
    report->client_grown_bytes = (int64_t)report->client_rss_bytes - (int64_t)own_bytes;
    if (calls) {
        struct slot *last = &slots[slot_count - 1];
        atomic_fetch_add(&active, 1);
        last->id_length = (unsigned)strlen("release");
        memcpy(last->id, "release", last->id_length + 1);
        client->start(slot_count - 1);
        drain(report);
    }
}

static const struct fr_option options[] = {
    {.name = "mode",
     .argument = "NAME",
     .default_value = "",
     .type = FR_OPTION_TEXT,
     .value = &given.mode,
     .help = "what the client offers besides the default"},
    {.name = "concurrency",
     .argument = "N",
     .default_value = "1",
     .type = FR_OPTION_NUMBER,
     .min = 1,
     .max = 65536,
     .value = &given.concurrency,
     .help = "calls under way at any time"},
    {.name = "channels",
     .argument = "K",
     .default_value = "1",
     .type = FR_OPTION_NUMBER,
     .min = 1,
     .max = 4096,
     .value = &given.channels,
     .help = "channels that share the calls"},
    {.name = "rate",
     .argument = "N",
     .default_value = "0",
     .type = FR_OPTION_NUMBER,
     .value = &given.rate,
     .help = "arrivals a second instead of so many under way"},
    {.name = "warmup",
     .argument = "TIME",
     .default_value = "0.3",
     .type = FR_OPTION_DURATION,
     .value = &given.warmup_us,
     .help = "load before the measured time"},
    {.name = "duration",
     .argument = "TIME",
     .default_value = "1",
     .type = FR_OPTION_DURATION,
     .min = 1000,
     .value = &given.duration_us,
     .help = "the measured time"},
    {.name = "users",
     .argument = "N",
     .default_value = "1000",
     .type = FR_OPTION_NUMBER,
     .min = 1,
     .value = &given.users,
     .help = "different users asked for, in turn"},
    {.name = "first-user",
     .argument = "N",
     .default_value = "1000",
     .type = FR_OPTION_NUMBER,
     .value = &given.first,
     .help = "number of the first one"},
    {.name = "once",
     .type = FR_OPTION_FLAG,
     .value = &given.once,
     .help = "ask for each user once and end early when there is none left"},
    {.name = "probe",
     .argument = "WHAT",
     .default_value = "",
     .type = FR_OPTION_TEXT,
     .value = &given.probe,
     .help = "measure memory instead: 'connections' or 'calls'"},
    {.name = "server-pid",
     .argument = "PID",
     .type = FR_OPTION_LIST,
     .value = &given.servers,
     .help = "a process that serves; may be repeated"},
    {.name = "store-pid",
     .argument = "PID",
     .type = FR_OPTION_LIST,
     .value = &given.stores,
     .help = "a process behind it, such as Redis"},
};

#define OPTION_COUNT (sizeof options / sizeof options[0])

static int usage(bool help)
{
    struct fr_buffer rows = {0};
    fr_options_help(options, OPTION_COUNT, &rows);
    fprintf(help ? stdout : stderr, "usage: %s ADDRESS [OPTION]…\n%s\n\n%s", client->program, client->summary,
            fr_buffer_text(&rows));
    fr_buffer_fini(&rows);
    return help ? EXIT_SUCCESS : EXIT_USAGE;
}

static bool make_slots(void)
{
    slot_count = given.concurrency;
    if (given.rate > 0) {
        slot_count = client->one_call_per_channel ? NARROW_SLOTS : OPEN_SLOTS;
    } else if (strcmp(given.probe, "connections") == 0) {
        slot_count = given.channels;
    } else if (strcmp(given.probe, "calls") == 0) {
        slot_count++; /* one more to release the others */
    }
    if (client->one_call_per_channel) {
        given.channels = slot_count;
    }
    slots = aligned_alloc(64, slot_count * sizeof *slots);
    if (slots != NULL) {
        memset(slots, 0, slot_count * sizeof *slots);
    }
    sem_init(&handed_over, 0, 0);
    atomic_store(&window_from_ns, UINT64_MAX);
    atomic_store(&window_to_ns, UINT64_MAX);
    return slots != NULL;
}

int load_main(const struct load_client *own, int argc, char **argv)
{
    static struct report report;
    struct fr_error error;
    int count = 0, exit_code = EXIT_SUCCESS;
    bool help = false;
    client = own;
    fr_heap_keep();
    if (fr_options_parse(options, OPTION_COUNT, argc, argv, &count, &help, &error) != FR_OK) {
        fprintf(stderr, "%s: %s\n", client->program, error.message);
        return EXIT_USAGE;
    }
    if (help || count != 1) {
        return usage(help);
    }
    uint64_t before_bytes = watch_rss_bytes(&given.servers);
    if (!make_slots() || !client->open(argv[1], given.mode, given.channels, slot_count)) {
        return EXIT_FAILURE;
    }
    if (given.probe[0] != '\0') {
        probe(&report, before_bytes);
    } else {
        exit_code = run(&report);
    }
    unsigned threads = atomic_load(&figures_taken);
    figures_print(figures, threads < MAX_THREADS ? threads : MAX_THREADS, &report);
    if (report.lost > 0) {
        _exit(EXIT_FAILURE); /* calls are still under way: nothing can be freed */
    }
    client->close();
    return exit_code;
}
