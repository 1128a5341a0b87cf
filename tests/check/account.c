/* SPDX-License-Identifier: MIT */
/*
 * account.c - what readers of one key may no longer see, and how stale a read was.
 */
#include "check/account.h"

#include <stdlib.h>

#include "base/error.h"

#define FIRST_CAPACITY 16

void account_fini(struct account *self)
{
    free(self->writes);
    *self = (struct account){0};
}

void account_written(struct account *self, const struct account_write *write, uint64_t began_us)
{
    if (self->count == self->capacity) {
        self->capacity = self->capacity == 0 ? FIRST_CAPACITY : 2 * self->capacity;
        self->writes = realloc(self->writes, self->capacity * sizeof self->writes[0]);
        FR_ASSERT(self->writes != NULL);
    }
    size_t place = self->count++;
    while (place > 0 && self->writes[place - 1].version > write->version) {
        self->writes[place] = self->writes[place - 1];
        place--;
    }
    self->writes[place] = *write;
    if (began_us >= self->doubt_ends_us) {
        self->doubt_ends_us = 0;
    }
}

uint64_t account_deletion_begins(struct account *self)
{
    uint64_t before = self->doubt_ends_us;
    self->deletions++;
    self->doubt_ends_us = UINT64_MAX;
    return before;
}

void account_deletion_ends(struct account *self, uint64_t before)
{
    self->doubt_ends_us = before;
}

void account_deletion_in_doubt(struct account *self, uint64_t before, uint64_t until_us)
{
    self->doubt_ends_us = before > until_us ? before : until_us;
}

struct account_read account_begin(const struct account *self, uint64_t now_us)
{
    return (struct account_read){now_us, self->deletions, self->doubt_ends_us != 0};
}

uint64_t account_end(const struct account *self, const struct account_read *read, const struct account_seen *seen,
                     uint64_t *ret_newer)
{
    uint64_t since_us = read->began_us;
    if (!seen->found && (read->doubtful || self->deletions != read->deletions)) {
        return 0;
    }
    *ret_newer = 0;
    for (size_t i = self->count; i > 0; i--) {
        const struct account_write *write = &self->writes[i - 1];
        if (seen->found ? write->version <= seen->version : write->deleted) {
            break;
        }
        if (write->answered_us < since_us) {
            since_us = write->answered_us;
        }
        if (write->answered_us < read->began_us && *ret_newer == 0) {
            *ret_newer = write->version;
        }
    }
    return read->began_us - since_us;
}
