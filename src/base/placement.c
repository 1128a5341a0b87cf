/* SPDX-License-Identifier: MIT */
/*
 * placement.c - what the members did is read from /proc/self/task/TID/schedstat, forty times a second at most and only
 * while there is work.
 */
#include "base/placement.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/placement_rule.h"

#define MEMBERS_MAX   64
#define WINDOW_US     (25 * FR_MILLISECOND_US)
#define WINDOW_MAX_US (10 * WINDOW_US) /* a longer one was mostly idle and says nothing about now */

struct member {
    int tid;
    int fd; /* of its schedstat; -1: none */
    uint64_t run_ns, wait_ns, turns;
};

static pthread_mutex_t mu = PTHREAD_MUTEX_INITIALIZER;
static struct member members[MEMBERS_MAX]; /* guarded by mu, as all below */
static unsigned member_count;
static bool system_places;
static cpu_set_t allowed; /* the cores of the process when the first member joined */
static struct fr_placement_rule rule;
static uint64_t window_start_us;
static _Atomic uint64_t window_end_us; /* written under mu */

/* Those of the allowed cores that the rule wants. */
static cpu_set_t chosen_cores_locked(void)
{
    if (system_places || rule.width == rule.cores) {
        return allowed;
    }
    cpu_set_t cores;
    CPU_ZERO(&cores);
    unsigned number = 0;
    for (unsigned cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (CPU_ISSET(cpu, &allowed)) {
            unsigned behind_first = (number + rule.cores - rule.first) % rule.cores;
            if (behind_first < rule.width) {
                CPU_SET(cpu, &cores);
            }
            number++;
        }
    }
    return cores;
}

static void place_locked(void)
{
    cpu_set_t cores = chosen_cores_locked();
    for (unsigned i = 0; i < member_count; i++) {
        (void)sched_setaffinity(members[i].tid, sizeof cores, &cores);
    }
}

/* Adds what the member did since the last time. */
static void read_member(struct member *self, struct fr_placement_load *load)
{
    char text[96];
    ssize_t size = self->fd < 0 ? -1 : pread(self->fd, text, sizeof text - 1, 0);
    if (size <= 0) {
        return;
    }
    text[size] = '\0';
    unsigned long long run_ns, wait_ns, turns;
    if (sscanf(text, "%llu %llu %llu", &run_ns, &wait_ns, &turns) == 3) {
        load->run_us += (run_ns - self->run_ns) / 1000;
        load->wait_us += (wait_ns - self->wait_ns) / 1000;
        load->turns += turns - self->turns;
        *self = (struct member){self->tid, self->fd, run_ns, wait_ns, turns};
    }
}

static void look_locked(uint64_t now_us)
{
    struct fr_placement_load load = {.wall_us = now_us - window_start_us};
    for (unsigned i = 0; i < member_count; i++) {
        read_member(&members[i], &load);
    }
    window_start_us = now_us;
    if (load.wall_us <= WINDOW_MAX_US && fr_placement_rule_step(&rule, now_us, &load)) {
        place_locked();
    }
}

void fr_placement_tick(uint64_t now_us)
{
    if (now_us < atomic_load_explicit(&window_end_us, memory_order_relaxed) || pthread_mutex_trylock(&mu) != 0) {
        return;
    }
    if (member_count > 0 && !system_places && rule.cores > 1) {
        look_locked(now_us);
    }
    atomic_store_explicit(&window_end_us, now_us + WINDOW_US, memory_order_relaxed);
    pthread_mutex_unlock(&mu);
}

static void learn_cores_locked(void)
{
    if (sched_getaffinity(getpid(), sizeof allowed, &allowed) != 0) {
        /* A single core as far as we know: there is nothing to choose. */
        rule.cores = 1;
        return;
    }
    fr_placement_rule_init(&rule, (unsigned)CPU_COUNT(&allowed), (unsigned)getpid());
}

void fr_placement_join(int tid)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/self/task/%d/schedstat", tid);
    pthread_mutex_lock(&mu);
    if (rule.cores == 0) {
        learn_cores_locked();
    }
    if (rule.cores > 1 && member_count < MEMBERS_MAX) {
        struct member *member = &members[member_count++];
        *member = (struct member){.tid = tid, .fd = open(path, O_RDONLY | O_CLOEXEC)};
        read_member(member, &(struct fr_placement_load){0});
        if (!system_places) {
            place_locked();
        }
    }
    pthread_mutex_unlock(&mu);
}

void fr_placement_leave(int tid)
{
    pthread_mutex_lock(&mu);
    for (unsigned i = 0; i < member_count; i++) {
        if (members[i].tid == tid) {
            if (members[i].fd >= 0) {
                close(members[i].fd);
            }
            members[i] = members[--member_count];
            break;
        }
    }
    pthread_mutex_unlock(&mu);
}

void fr_placement_set_compact(bool compact)
{
    pthread_mutex_lock(&mu);
    system_places = !compact;
    if (member_count > 0) {
        place_locked();
    }
    pthread_mutex_unlock(&mu);
}
