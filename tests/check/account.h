/* SPDX-License-Identifier: MIT */
/*
 * account.h - what readers of one key may no longer see, and how stale a read was. Pure.
 *
 * A read is stale if it shows a version below one whose write was answered before the read began. Its staleness is the
 * time from the first such answer to the beginning of the read.
 *
 * A row that is not there has no version. So a read that finds none is stale if the newest answered write left a row,
 * unless a deletion may have come after that. One whose outcome nobody knows leaves the key in doubt until a write is
 * answered that began when the deletion could no longer come to pass.
 */
#ifndef CHECK_ACCOUNT_H
#define CHECK_ACCOUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct account_write {
    uint64_t version;
    uint64_t answered_us;
    bool deleted;
};

/* Zeroed memory is a key that nobody wrote. */
struct account {
    struct account_write *writes; /* owned; by rising version */
    size_t count, capacity;
    uint64_t doubt_ends_us; /* until then a deletion may come to pass; 0: there is no doubt */
    uint64_t deletions;     /* that were begun */
};

/* What was known when a read began. */
struct account_read {
    uint64_t began_us;
    uint64_t deletions;
    bool doubtful;
};

/* What it showed. */
struct account_seen {
    bool found;
    uint64_t version; /* of what was found */
};

void account_fini(struct account *self);

/* A write that began at began_us was answered. Without memory the process ends. */
void account_written(struct account *self, const struct account_write *write, uint64_t began_us);
/*
 * Around each deletion. The first returns what the second takes once the outcome is known; otherwise until_us says when
 * at the latest the deletion has come to pass or never will.
 */
uint64_t account_deletion_begins(struct account *self);
void account_deletion_ends(struct account *self, uint64_t before);
void account_deletion_in_doubt(struct account *self, uint64_t before, uint64_t until_us);

struct account_read account_begin(const struct account *self, uint64_t now_us);
/* Staleness in microseconds; 0: not stale. *ret_newer is the newest version that it should have shown at least. */
uint64_t account_end(const struct account *self, const struct account_read *read, const struct account_seen *seen,
                     uint64_t *ret_newer);

#endif
