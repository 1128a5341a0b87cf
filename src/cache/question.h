/* SPDX-License-Identifier: MIT */
/*
 * question.h - internal to this folder: how far Redis has counted the invalidations, and which life of it says so.
 */
#ifndef FR_CACHE_QUESTION_H
#define FR_CACHE_QUESTION_H

#include "cache/script_call.h"

struct fr_question_answer {
    uint64_t counter; /* 1 to FR_VERSION_MAX */
    uint64_t incarnation;
};

/* Part of the caller's struct; the fields are private. */
struct fr_question {
    struct fr_script_call call;
    bool by_text;
    /* answer is borrowed until done returns; NULL: there was none that can be used. */
    void (*done)(struct fr_question *self, const struct fr_question_answer *answer);
};

/*
 * counter is the key, borrowed until done was called. One at a time. false: it cannot be sent, and done is not called.
 * A Redis that has become a replica costs the connection.
 */
FR_MUST_CHECK bool
fr_question_ask(struct fr_question *self, struct fr_redis_connection *commands, struct fr_bytes counter,
                void (*done)(struct fr_question *self, const struct fr_question_answer *answer));

#endif
