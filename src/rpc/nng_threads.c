/* SPDX-License-Identifier: MIT */
/*
 * nng_threads.c - a thread that runs callbacks is known when it runs one. Those that poll sockets are found by the
 * names that nng gives them; when a callback runs, they have run and have their names.
 */
#include "rpc/nng_threads.h"

#include <dirent.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/placement.h"

static bool polls(const char *tid)
{
    char path[64], name[32] = "";
    snprintf(path, sizeof path, "/proc/self/task/%.20s/comm", tid);
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return false;
    }
    bool read = fgets(name, sizeof name, file) != NULL;
    fclose(file);
    return read && strncmp(name, "nng:poll", strlen("nng:poll")) == 0;
}

static void place_pollers(void)
{
    DIR *folder = opendir("/proc/self/task");
    if (folder == NULL) {
        return;
    }
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        if (entry->d_name[0] != '.' && polls(entry->d_name)) {
            fr_placement_join(atoi(entry->d_name));
        }
    }
    closedir(folder);
}

void fr_nng_thread_tick(uint64_t now_us)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    static _Thread_local bool placed;
    if (!placed) {
        placed = true;
        pthread_once(&once, place_pollers);
        fr_placement_join(gettid());
    }
    fr_placement_tick(now_us);
}
