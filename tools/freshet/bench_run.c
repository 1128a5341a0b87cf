/* SPDX-License-Identifier: MIT */
/*
 * bench_run.c - one run of load under the eyes of a person.
 */
#include "freshet/bench_run.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
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
    double cpu_before;
    bool live;
};

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
        return schedule_time_us(load->schedule, load->count);
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
                            {.fd = self->options->signals, .events = POLLIN}};
    while (self->stage != OVER) {
        wait_for_events(self, fds);
        uint64_t now_us = fr_clock_now_us();
        if (fds[0].revents != 0) {
            break;
        }
        if (fds[1].revents != 0) {
            self->run->interrupted = true;
            fds[1] = (struct pollfd){.fd = -1};
            stop(self, now_us, MOMENT_US);
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

/* Started and watched; the figures that need the load are taken. */
static void collect(struct watch *self)
{
    const struct load_options *load = self->options->load;
    struct run *run = self->run;
    run->cpu_seconds = cpu_seconds() - self->cpu_before;
    run->planned = load_planned(self->load);
    run->started = load_started(self->load);
    run->in_time = self->stage == MEASURING ? run->started : run->in_time;
    run->plan_seconds = load->schedule != NULL ? (double)plan_us(load) / FR_SECOND_US : 0;
    load_finish(self->load, &run->tally);
    run->seconds = (double)run->tally.last_us / FR_SECOND_US;
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
        code = run_and_watch(&self, reterr);
    }
    load_free(self.load);
    if (code != FR_OK) {
        run_fini(ret_run);
    }
    return code;
}
