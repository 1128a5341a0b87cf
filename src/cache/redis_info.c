/* SPDX-License-Identifier: MIT */
/*
 * redis_info.c - find lines in the text of INFO.
 */
#include "cache/redis_info.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define VALUE_BYTES 64 /* run_id and master_replid have 40 */

/* The value of a line "name:value\r\n"; false: no such line, or a value that is empty or too long. */
static bool find(const char *info, const char *name, char out[VALUE_BYTES])
{
    size_t name_size = strlen(name);
    for (const char *line = info; line != NULL; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, name, name_size) == 0 && line[name_size] == ':') {
            const char *value = line + name_size + 1;
            size_t size = strcspn(value, "\r\n");
            if (size == 0 || size >= VALUE_BYTES) {
                return false;
            }
            memcpy(out, value, size);
            out[size] = '\0';
            return true;
        }
    }
    return false;
}

uint64_t fr_redis_incarnation(const char *run_id, const char *master_replid)
{
    const char *parts[] = {run_id, master_replid};
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (unsigned i = 0; i < 2; i++) {
        for (const char *at = parts[i];; at++) {
            hash = (hash ^ (uint8_t)*at) * UINT64_C(0x100000001b3);
            if (*at == '\0') {
                break;
            }
        }
    }
    return hash != 0 ? hash : 1;
}

const char *fr_redis_info_identify(const char *info, uint64_t *ret_incarnation)
{
    char run_id[VALUE_BYTES], replid[VALUE_BYTES], role[VALUE_BYTES];
    if (!find(info, "run_id", run_id) || !find(info, "master_replid", replid) || !find(info, "role", role)) {
        return "its INFO has no run_id, master_replid and role";
    }
    if (strcmp(role, "master") != 0) {
        return "it is a replica";
    }
    *ret_incarnation = fr_redis_incarnation(run_id, replid);
    return NULL;
}

void fr_redis_info_read(const char *info, struct fr_redis_info *sample)
{
    const struct {
        const char *name;
        uint64_t *number;
    } lines[] = {
        {"used_memory", &sample->memory_bytes},  {"maxmemory", &sample->memory_limit_bytes},
        {"connected_clients", &sample->clients}, {"evicted_keys", &sample->evicted_keys},
        {"expired_keys", &sample->expired_keys},
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        char value[VALUE_BYTES];
        *lines[i].number = find(info, lines[i].name, value) ? strtoull(value, NULL, 10) : 0;
    }
}
