/* SPDX-License-Identifier: MIT */
/*
 * machine.c - what the figures were measured on and with.
 */
#include "payload/machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#define BUSY_LOAD 1.0 /* processors that others keep busy */

/* The first "model name" of /proc/cpuinfo, which x86 has and others may not. */
static void read_cpu(char *out, size_t size)
{
    char line[MACHINE_TEXT_BYTES * 2];
    snprintf(out, size, "unknown processor");
    FILE *file = fopen("/proc/cpuinfo", "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        const char *value = strstr(line, ": ");
        if (strncmp(line, "model name", strlen("model name")) == 0 && value != NULL) {
            snprintf(out, size, "%.*s", (int)strcspn(value + 2, "\n"), value + 2);
            break;
        }
    }
    if (file != NULL) {
        fclose(file);
    }
}

void machine_init(struct machine *self)
{
    struct utsname system;
    *self = (struct machine){.processors = sysconf(_SC_NPROCESSORS_ONLN), .flags = PAYLOAD_FLAGS, .load = -1};
    read_cpu(self->cpu, sizeof self->cpu);
    if (uname(&system) == 0) {
        snprintf(self->system, sizeof self->system, "%.32s %.64s %.32s", system.sysname, system.release,
                 system.machine);
    }
#ifdef __clang__
    snprintf(self->compiler, sizeof self->compiler, "clang %s", __clang_version__);
#else
    snprintf(self->compiler, sizeof self->compiler, "gcc %s", __VERSION__);
#endif
    if (getloadavg(&self->load, 1) != 1) {
        self->load = -1;
    }
}

bool machine_is_busy(const struct machine *self)
{
    return self->load > BUSY_LOAD;
}
