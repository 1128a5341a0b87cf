/* SPDX-License-Identifier: MIT */
/*
 * stack.c - Redis and the three services as child processes of this one.
 *
 * A service writes its address into a file once it listens (--address-file); then its health is asked for.
 */
#include "freshet/stack.h"

#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "freshet/check.h"
#include "freshet/database.h"
#include "freshet/folder.h"
#include "freshet/process.h"
#include "freshet/redis.h"

#define START_US       (120 * FR_SECOND_US) /* seeding a large database takes its time */
#define STOP_US        (10 * FR_SECOND_US)
#define DRAIN_S        5 /* leaves a service time to close within STOP_US */
#define CHECK_US       FR_SECOND_US
#define POLL_MS        10
#define PARENT_ENDED   SIGUSR2
#define REDIS_ATTEMPTS 3 /* another program may take the free port first */
#define REDIS          ADDRESS_ROLES
#define PROCESSES      (ADDRESS_ROLES + 1)

enum { API, DATA, UPDATE }; /* as in address_roles */

struct stack {
    struct stack_options options;
    struct process processes[PROCESSES]; /* by role, then REDIS */
    char addresses[ADDRESS_ROLES][ADDRESS_BYTES];
    struct folder folder;
    struct database database;
    struct fr_buffer redis_shown;
    unsigned redis_port; /* of the private one */
    int signals;         /* signalfd */
    pid_t parent;
};

/* ---- waiting ---- */

static bool stop_asked(const struct stack *self)
{
    struct signalfd_siginfo info;
    bool stop = false;
    while (read(self->signals, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == PARENT_ENDED) {
            /* Linux tells of the thread that started us; only the end of the whole process counts. */
            stop = stop || getppid() != self->parent;
        } else {
            stop = stop || info.ssi_signo != SIGCHLD;
        }
    }
    return stop;
}

static void forward_output(struct stack *self, int timeout_ms)
{
    struct pollfd fds[PROCESSES + 1];
    fds[PROCESSES] = (struct pollfd){.fd = self->signals, .events = POLLIN};
    for (unsigned i = 0; i < PROCESSES; i++) {
        fds[i] = (struct pollfd){.fd = self->processes[i].output, .events = POLLIN};
    }
    poll(fds, PROCESSES + 1, timeout_ms);
    for (unsigned i = 0; i < PROCESSES; i++) {
        process_forward(&self->processes[i]);
    }
}

/* The first child that ended although nobody stopped it. */
static struct process *broken_process(struct stack *self)
{
    for (unsigned i = 0; i < PROCESSES; i++) {
        struct process *process = &self->processes[i];
        if (process->pid != 0 && process_reap(process)) {
            process_forward(process);
            process_print_kept(process);
            return process;
        }
    }
    return NULL;
}

enum stack_event stack_wait(struct stack *self, int timeout_ms, struct fr_error *reterr)
{
    uint64_t end_us =
        timeout_ms < 0 ? UINT64_MAX : fr_clock_now_us() + (uint64_t)timeout_ms * FR_MILLISECOND_US;
    for (;;) {
        uint64_t now_us = fr_clock_now_us();
        uint64_t left_us = now_us < end_us ? end_us - now_us : 0;
        forward_output(self, timeout_ms < 0 ? -1 : (int)((left_us + 999) / FR_MILLISECOND_US));
        bool stop = stop_asked(self);
        struct process *broken = broken_process(self);
        if (broken != NULL) {
            struct fr_buffer text = {0};
            process_append_end(broken, &text);
            fr_error_set(reterr, FR_UNAVAILABLE, "%s", text.failed ? broken->program : fr_buffer_text(&text));
            fr_buffer_fini(&text);
            return STACK_BROKEN;
        }
        if (stop) {
            return STACK_STOP;
        }
        if (fr_clock_now_us() >= end_us) {
            return STACK_QUIET;
        }
    }
}

static bool is_before(struct fr_bytes left, struct fr_bytes right)
{
    size_t size = left.size < right.size ? left.size : right.size;
    int order = size == 0 ? 0 : memcmp(left.data, right.data, size);
    return order < 0 || (order == 0 && left.size < right.size);
}

/* The service whose first kept line is the oldest. Of one time, an update's line stands before api's about
 * it, and api's before those of the load that it asks for. */
static struct process *oldest_kept(struct stack *self)
{
    static const unsigned order[ADDRESS_ROLES] = {UPDATE, API, DATA};
    struct process *oldest = NULL;
    struct fr_bytes stamp, oldest_stamp = {0};
    for (unsigned i = 0; i < ADDRESS_ROLES; i++) {
        struct process *process = &self->processes[order[i]];
        if (process_kept_stamp(process, &stamp) && (oldest == NULL || is_before(stamp, oldest_stamp))) {
            oldest = process;
            oldest_stamp = stamp;
        }
    }
    return oldest;
}

enum stack_event stack_wait_sorted(struct stack *self, int timeout_ms, struct fr_error *reterr)
{
    struct process *oldest;
    for (unsigned i = 0; i < ADDRESS_ROLES; i++) {
        self->processes[i].quiet = true;
    }
    enum stack_event event = stack_wait(self, timeout_ms, reterr);
    while ((oldest = oldest_kept(self)) != NULL) {
        process_print_kept_line(oldest);
    }
    for (unsigned i = 0; i < ADDRESS_ROLES; i++) {
        self->processes[i].quiet = false;
    }
    return event;
}

typedef bool ready_fn(struct stack *self, unsigned index);

/* Waits until ready says so. FR_UNAVAILABLE: a child has ended. */
static enum fr_code wait_until(struct stack *self, ready_fn *ready, unsigned index, struct fr_error *reterr)
{
    uint64_t deadline_us = fr_clock_now_us() + START_US;
    while (!ready(self, index)) {
        switch (stack_wait(self, POLL_MS, reterr)) {
        case STACK_STOP:
            return fr_error_set(reterr, FR_CANCELLED, "stopped before everything had started");
        case STACK_BROKEN:
            return FR_UNAVAILABLE;
        case STACK_QUIET:
            break;
        }
        if (fr_clock_now_us() > deadline_us) {
            return fr_error_set(reterr, FR_DEADLINE_EXCEEDED, "%s is not ready after %u s",
                                self->processes[index].program, (unsigned)(START_US / FR_SECOND_US));
        }
    }
    return FR_OK;
}

/* ---- Redis ---- */

static bool redis_ready(struct stack *self, unsigned index)
{
    (void)index;
    return redis_answers(self->redis_port);
}

static enum fr_code start_private_redis(struct stack *self, struct fr_error *reterr)
{
    struct process *redis = &self->processes[REDIS];
    enum fr_code code = FR_UNAVAILABLE;
    for (unsigned i = 0; i < REDIS_ATTEMPTS && code == FR_UNAVAILABLE; i++) {
        process_fini(redis);
        process_init(redis, "redis", "redis-server");
        redis->quiet = true;
        self->redis_port = redis_free_port();
        code = redis_start(redis, self->redis_port, self->folder.path, reterr);
        if (code == FR_OK) {
            code = wait_until(self, redis_ready, REDIS, reterr);
        }
    }
    if (code == FR_NOT_FOUND) {
        return fr_error_set(reterr, code,
                            "redis-server is not installed; install it or name one with --redis URL");
    }
    return code;
}

/* redis://user:password@host:port/0 is shown as redis://host:port/0. */
static void show_redis(struct fr_buffer *out, const char *url)
{
    const char *at = strrchr(url, '@'), *scheme = strstr(url, "://");
    if (at != NULL && scheme != NULL && scheme < at) {
        fr_buffer_append(out, url, (size_t)(scheme + 3 - url));
        url = at + 1;
    }
    fr_buffer_append_text(out, url);
}

static enum fr_code settle_redis(struct stack *self, struct fr_error *reterr)
{
    char url[64];
    const char *chosen = self->options.redis;
    if (chosen == NULL) {
        enum fr_code code = start_private_redis(self, reterr);
        if (code != FR_OK) {
            return code;
        }
        snprintf(url, sizeof url, "redis://127.0.0.1:%u/0", self->redis_port);
        chosen = url;
    }
    show_redis(&self->redis_shown, chosen);
    if (setenv("FRESHET_REDIS", chosen, 1) != 0 || fr_buffer_text(&self->redis_shown) == NULL) {
        return fr_error_no_memory(reterr);
    }
    return FR_OK;
}

/* ---- services ---- */

#define ARGUMENTS 16

struct arguments {
    char *items[ARGUMENTS + 1]; /* owned; NULL-terminated */
    unsigned count;
    bool failed;
};

static void add_argument(struct arguments *self, const char *format, ...) FR_PRINTF(2, 3);

static void add_argument(struct arguments *self, const char *format, ...)
{
    va_list values;
    char *text = NULL;
    FR_ASSERT(self->count < ARGUMENTS);
    va_start(values, format);
    if (vasprintf(&text, format, values) < 0) {
        text = NULL;
        self->failed = true;
    }
    va_end(values);
    self->items[self->count++] = text;
}

static void free_arguments(struct arguments *self)
{
    for (unsigned i = 0; i < self->count; i++) {
        free(self->items[i]);
    }
}

static void address_file(const struct stack *self, unsigned role, char path[FOLDER_FILE_BYTES])
{
    snprintf(path, FOLDER_FILE_BYTES, "%s/%s.address", self->folder.path, address_roles[role].name);
}

static void add_service_arguments(const struct stack *self, unsigned role, struct arguments *to)
{
    const struct stack_options *options = &self->options;
    char path[FOLDER_FILE_BYTES];
    address_file(self, role, path);
    add_argument(to, "--listen=tcp://127.0.0.1:%" PRIu64,
                 options->port_base == 0 ? 0 : options->port_base + address_roles[role].port);
    add_argument(to, "--address-file=%s", path);
    add_argument(to, "--drain-timeout=%us", DRAIN_S);
    if (options->namespace != NULL) {
        add_argument(to, "--namespace=%s", options->namespace);
    }
    if (options->log_requests) {
        add_argument(to, "--log-requests");
    }
    if (role == API) {
        add_argument(to, "--data=%s", self->addresses[DATA]);
        add_argument(to, "--update=%s", self->addresses[UPDATE]);
    } else {
        add_argument(to, "--db=%s", self->database.url);
    }
    if (role == DATA && options->seed_users > 0) {
        add_argument(to, "--seed-users=%" PRIu64, options->seed_users);
    }
}

static bool service_listens(struct stack *self, unsigned role)
{
    char path[FOLDER_FILE_BYTES], text[ADDRESS_BYTES] = {0};
    address_file(self, role, path);
    FILE *stream = fopen(path, "re");
    if (stream == NULL) {
        return false;
    }
    size_t size = fread(text, 1, sizeof text - 1, stream);
    fclose(stream);
    text[strcspn(text, "\r\n")] = '\0';
    return size > 0 && address_parse(text, self->addresses[role], NULL) == FR_OK;
}

static bool service_serves(struct stack *self, unsigned role)
{
    struct check check;
    return check_health(self->addresses[role], "", CHECK_US, &check, NULL) == FR_OK &&
           strcmp(check.status, "SERVING") == 0;
}

static enum fr_code start_service(struct stack *self, unsigned role, struct fr_error *reterr)
{
    struct arguments arguments = {.count = 0};
    char folder[FOLDER_FILE_BYTES];
    if (folder_of_program(folder, reterr) != FR_OK) {
        return FR_INTERNAL;
    }
    add_argument(&arguments, "%s/%s", folder, address_roles[role].program);
    add_service_arguments(self, role, &arguments);
    enum fr_code code = arguments.failed ? fr_error_no_memory(reterr)
                                         : process_start(&self->processes[role], arguments.items, reterr);
    free_arguments(&arguments);
    if (code == FR_OK) {
        code = wait_until(self, service_listens, role, reterr);
    }
    return code == FR_OK ? wait_until(self, service_serves, role, reterr) : code;
}

/* ---- start and stop ---- */

static enum fr_code take_signals(struct stack *self, struct fr_error *reterr)
{
    sigset_t set;
    self->parent = getppid();
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, PARENT_ENDED);
    signal(SIGPIPE, SIG_IGN); /* a closed terminal must not keep us from stopping in order */
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0 ||
        (self->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC)) < 0 ||
        prctl(PR_SET_PDEATHSIG, PARENT_ENDED) != 0) {
        return fr_error_set(reterr, FR_INTERNAL, "cannot wait for signals: %s", strerror(errno));
    }
    if (getppid() != self->parent) {
        return fr_error_set(reterr, FR_CANCELLED, "the parent process has ended");
    }
    return FR_OK;
}

/* Whether nobody listens on port, so that a service can. */
static bool port_is_free(unsigned port)
{
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons((uint16_t)port),
                                        .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    const int yes = 1; /* the rest of an ended connection does not count */
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool taken = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == 0 &&
                 bind(fd, (const struct sockaddr *)&address, sizeof address) != 0 && errno == EADDRINUSE;
    if (fd >= 0) {
        close(fd);
    }
    return !taken;
}

static enum fr_code check_ports(const struct stack *self, struct fr_error *reterr)
{
    for (unsigned i = 0; i < ADDRESS_ROLES && self->options.port_base != 0; i++) {
        unsigned port = (unsigned)self->options.port_base + address_roles[i].port;
        if (!port_is_free(port)) {
            return fr_error_set(reterr, FR_FAILED_PRECONDITION,
                                "tcp://127.0.0.1:%u, for %s, is in use; choose other ports with --port-base",
                                port, address_roles[i].program);
        }
    }
    return FR_OK;
}

static enum fr_code settle_database(struct stack *self, struct fr_error *reterr)
{
    char path[FOLDER_FILE_BYTES];
    snprintf(path, sizeof path, "sqlite:%s/freshet.db", self->folder.path);
    return database_init(&self->database, self->options.temporary_db ? path : self->options.db, reterr);
}

static enum fr_code start_all(struct stack *self, struct fr_error *reterr)
{
    static const unsigned order[ADDRESS_ROLES] = {DATA, UPDATE, API};
    enum fr_code code = self->options.redis == NULL ? FR_OK : redis_check_url(self->options.redis, reterr);
    if (code == FR_OK) {
        code = take_signals(self, reterr);
    }
    if (code == FR_OK) {
        code = folder_init(&self->folder, reterr);
    }
    if (code == FR_OK) {
        code = settle_database(self, reterr);
    }
    if (code == FR_OK) {
        code = check_ports(self, reterr);
    }
    if (code == FR_OK) {
        code = settle_redis(self, reterr);
    }
    for (unsigned i = 0; i < ADDRESS_ROLES && code == FR_OK; i++) {
        code = start_service(self, order[i], reterr);
    }
    return code;
}

enum fr_code stack_start(const struct stack_options *options, struct stack **ret_stack,
                         struct fr_error *reterr)
{
    struct stack *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return fr_error_no_memory(reterr);
    }
    self->options = *options;
    self->signals = -1;
    self->database.lock = -1;
    for (unsigned i = 0; i < ADDRESS_ROLES; i++) {
        process_init(&self->processes[i], address_roles[i].name, address_roles[i].program);
    }
    process_init(&self->processes[REDIS], "redis", "redis-server");
    enum fr_code code = start_all(self, reterr);
    if (code != FR_OK) {
        stack_free(self);
        return code;
    }
    *ret_stack = self;
    return FR_OK;
}

static void stop_process(struct stack *self, struct process *process)
{
    uint64_t deadline_us = fr_clock_now_us() + STOP_US;
    bool killed = false;
    process_signal(process, SIGTERM);
    while (!process_reap(process)) {
        forward_output(self, POLL_MS);
        stop_asked(self); /* empties the descriptor: we are stopping already */
        if (!killed && fr_clock_now_us() > deadline_us) {
            fprintf(stderr, "freshet: %s did not stop in time and is killed\n", process->program);
            process_signal(process, SIGKILL);
            killed = true;
        }
    }
    process_forward(process);
}

void stack_free(struct stack *self)
{
    static const unsigned order[PROCESSES] = {API, UPDATE, DATA, REDIS};
    if (self == NULL) {
        return;
    }
    for (unsigned i = 0; i < PROCESSES; i++) {
        stop_process(self, &self->processes[order[i]]);
    }
    for (unsigned i = 0; i < PROCESSES; i++) {
        process_fini(&self->processes[i]);
    }
    database_fini(&self->database);
    folder_fini(&self->folder);
    fr_buffer_fini(&self->redis_shown);
    if (self->signals >= 0) {
        close(self->signals);
    }
    free(self);
}

void stack_toggle_request_lines(struct stack *self)
{
    for (unsigned i = 0; i < ADDRESS_ROLES; i++) {
        process_signal(&self->processes[i], SIGUSR1);
    }
}

const char *stack_address(const struct stack *self, unsigned role)
{
    return self->addresses[role];
}

const char *stack_redis(const struct stack *self)
{
    return (const char *)self->redis_shown.data;
}

bool stack_redis_is_private(const struct stack *self)
{
    return self->options.redis == NULL;
}

const char *stack_db(const struct stack *self)
{
    return self->database.url;
}
