/* SPDX-License-Identifier: MIT */
/*
 * bench_run.c - one run of load under the eyes of a person.
 */
#include "freshet/bench_run.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"

#define LIVE_US   (250 * FR_MILLISECOND_US) /* between two states of the progress line */
#define PLAIN_US  FR_SECOND_US
#define MOMENT_US FR_SECOND_US /* calls under way get so much time beyond their deadline, or after Ctrl-C */

/* A run goes through these in order; it may leave some out. */
enum stage { WARMING, MEASURING, SENDING_LATE, STOPPING, OVER };

struct watch {
    const struct bench_run_options *options;
    struct load *load;
    struct run *run;
    enum stage stage;
    uint64_t until_us; /* the stage ends then at the latest; UINT64_MAX: by itself */
    uint64_t start_us, tick_us, next_tick_us, last_ended;
    uint64_t measuring_us, interrupted_us; /* when that began; when a signal came, 0: none */
    double cpu_before;
    bool live;
};

static int signals = -1; /* an eventfd: a handler can write to nothing simpler that poll waits for */

static void on_signal(int number)
{
    (void)number;
    int cause = errno;
    eventfd_write(signals, 1);
    errno = cause;
}

/*
 * From here on a signal ends a run, not the program. A handler rather than blocked signals and a signalfd, as library
 * threads are there already: while requests are read and prepared and the server is looked for, Ctrl-C just ends it all.
 */
static enum fr_code catch_signals(struct fr_error *reterr)
{
    if (signals < 0) {
        signals = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    }
    if (signals < 0) {
        return fr_error_set(reterr, FR_RESOURCE_EXHAUSTED, "cannot wait for signals: %s", strerror(errno));
    }
    sigaction(SIGINT, &(struct sigaction){.sa_handler = on_signal, .sa_flags = SA_RESTART}, NULL);
    sigaction(SIGTERM, &(struct sigaction){.sa_handler = on_signal, .sa_flags = SA_RESTART}, NULL);
    return FR_OK;
}

static double cpu_seconds(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / (double)FR_SECOND_US;
}

static uint64_t plan_us(const struct load_options *load)
{
    if (load->schedule != NULL && load->count > 0) {
        uint64_t next_us = schedule_time_us(load->schedule, load->count);
        /* A schedule may end with the last one of them. */
        return next_us != SCHEDULE_NEVER ? next_us : schedule_time_us(load->schedule, load->count - 1);
    }
    return load->count > 0 ? UINT64_MAX : load->duration_us;
}

static uint64_t later(uint64_t time_us, uint64_t by_us)
{
    return by_us == UINT64_MAX ? UINT64_MAX : time_us + by_us;
}

static void begin_measuring(struct watch *self, uint64_t now_us)
{
    self->stage = MEASURING;
    self->measuring_us = now_us;
    if (self->options->load->schedule == NULL && self->options->load->warmup_us > 0) {
        load_measure(self->load);
    }
    self->until_us = later(now_us, plan_us(self->options->load));
    self->cpu_before = cpu_seconds();
}

static void stop(struct watch *self, uint64_t now_us, uint64_t grace_us)
{
    self->stage = STOPPING;
    self->until_us = now_us + grace_us;
    load_stop(self->load);
}

/* In the warm-up there is nothing to wait for. */
static void interrupt(struct watch *self, uint64_t now_us)
{
    self->run->interrupted = true;
    self->interrupted_us = now_us;
    if (self->stage == WARMING) {
        self->stage = OVER;
        return;
    }
    if (self->stage == MEASURING) {
        self->run->in_time = load_started(self->load);
    }
    stop(self, now_us, MOMENT_US);
}

/* The stage has lasted as long as it may. */
static void advance(struct watch *self, uint64_t now_us)
{
    uint64_t grace_us = self->options->load->timeout_us + MOMENT_US;
    switch (self->stage) {
    case WARMING:
        begin_measuring(self, self->until_us);
        break;
    case MEASURING:
        if (self->options->load->schedule == NULL) {
            stop(self, now_us, grace_us);
            break;
        }
        self->stage = SENDING_LATE; /* calls that were due and had to wait */
        self->run->in_time = load_started(self->load);
        self->until_us = now_us + grace_us;
        break;
    case SENDING_LATE:
        stop(self, now_us, grace_us);
        break;
    case STOPPING:
    case OVER:
        self->stage = OVER;
        break;
    }
}

static void print_progress(struct watch *self, uint64_t now_us)
{
    struct load_progress progress = load_progress(self->load);
    fprintf(stderr, "%s%5.1f s  %" PRIu64 " calls  %.0f/s  %" PRIu64 " failed%s%s",
            self->live ? "\r\033[K" : "", (double)(now_us - self->start_us) / FR_SECOND_US, progress.ended,
            (double)(progress.ended - self->last_ended) * FR_SECOND_US / (double)self->tick_us,
            progress.failed, self->stage == WARMING ? "  (warming up)" : "", self->live ? "" : "\n");
    self->last_ended = progress.ended;
}

/* Since an earlier run: while this one's server was looked for. */
static bool has_signal(void)
{
    struct pollfd fd = {.fd = signals, .events = POLLIN};
    return poll(&fd, 1, 0) > 0;
}

static bool prints(const struct watch *self)
{
    return self->live || self->options->progress;
}

/* Sleeps until something is to be done. */
static void wait_for_events(const struct watch *self, struct pollfd fds[2])
{
    uint64_t now_us = fr_clock_now_us();
    uint64_t wake_us =
        prints(self) && self->next_tick_us < self->until_us ? self->next_tick_us : self->until_us;
    uint64_t left_us = wake_us > now_us ? wake_us - now_us : 0;
    poll(fds, 2, left_us > FR_SECOND_US * 3600 ? -1 : (int)((left_us + 999) / FR_MILLISECOND_US));
}

static void watch(struct watch *self)
{
    struct pollfd fds[2] = {{.fd = load_ended_fd(self->load), .events = POLLIN},
                            {.fd = signals, .events = POLLIN}};
    while (self->stage != OVER) {
        wait_for_events(self, fds);
        uint64_t now_us = fr_clock_now_us();
        if (fds[0].revents != 0) {
            break;
        }
        if (fds[1].revents != 0) {
            fds[1] = (struct pollfd){.fd = -1};
            interrupt(self, now_us);
        } else if (now_us >= self->until_us) {
            advance(self, now_us);
        }
        if (prints(self) && now_us >= self->next_tick_us) {
            print_progress(self, now_us);
            self->next_tick_us += self->tick_us;
        }
    }
    if (self->live) {
        fputs("\r\033[K", stderr);
    }
}

static double seconds_of(uint64_t time_us)
{
    return (double)time_us / (double)FR_SECOND_US;
}

/* How long measuring took by the plan, or until the signal. */
static double time_given(const struct watch *self)
{
    double plan = self->options->load->schedule != NULL ? seconds_of(plan_us(self->options->load)) : 0;
    double until =
        self->interrupted_us > self->measuring_us ? seconds_of(self->interrupted_us - self->measuring_us) : 0;
    return self->interrupted_us == 0 ? plan : plan > 0 ? fmin(plan, until) : until;
}

/* Started and watched; the figures that need the load are taken. */
static void collect(struct watch *self)
{
    const struct load_options *load = self->options->load;
    struct run *run = self->run;
    run->cpu_seconds = cpu_seconds() - self->cpu_before;
    run->in_time = self->stage == MEASURING ? load_started(self->load) : run->in_time;
    load_finish(self->load, &run->tally);
    run->started = load_started(self->load);
    run->planned = load->schedule != NULL ? load_due(self->load) : load_planned(self->load);
    run->asked_calls = load->count;
    run->asked_seconds = load->count > 0 ? 0 : seconds_of(load->duration_us);
    run->plan_seconds = load->schedule != NULL ? time_given(self) : 0;
    run->seconds = fmax(time_given(self), seconds_of(run->tally.last_us));
}

static enum fr_code run_and_watch(struct watch *self, struct fr_error *reterr)
{
    self->start_us = fr_clock_now_us();
    self->next_tick_us = self->start_us + self->tick_us;
    enum fr_code code = load_start(self->load, reterr);
    if (code != FR_OK) {
        return code;
    }
    self->stage = WARMING;
    self->until_us = self->start_us + self->options->load->warmup_us;
    if (self->options->load->warmup_us == 0) {
        begin_measuring(self, self->start_us);
    }
    watch(self);
    if (self->measuring_us == 0) {
        load_finish(self->load, &self->run->tally);
        return fr_error_set(reterr, FR_CANCELLED, "ended in the warm-up: nothing was measured");
    }
    collect(self);
    return run_finish(self->run, reterr);
}

enum fr_code bench_run(const struct bench_run_options *options, struct run *ret_run, struct fr_error *reterr)
{
    const struct load_options *load = options->load;
    struct watch self = {
        .options = options, .run = ret_run, .live = isatty(STDERR_FILENO) && !options->progress};
    self.tick_us = self.live ? LIVE_US : PLAIN_US;
    *ret_run = (struct run){
        .concurrency = load->concurrency, .channels = load->channels, .schedule = load->schedule};
    enum fr_code code = tally_init(&ret_run->tally, load->method_count, load->schedule != NULL, reterr);
    if (code == FR_OK) {
        code = load_new(load, &self.load, reterr);
    }
    if (code == FR_OK) {
        code = catch_signals(reterr);
    }
    if (code == FR_OK) {
        code = has_signal() ? fr_error_set(reterr, FR_CANCELLED, "ended before anything was measured")
                            : run_and_watch(&self, reterr);
    }
    load_free(self.load);
    if (code != FR_OK) {
        run_fini(ret_run);
    }
    return code;
}
