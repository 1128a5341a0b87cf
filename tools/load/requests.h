/* SPDX-License-Identifier: MIT */
/*
 * requests.h - the serialized requests of one method, made before the run where that is possible.
 *
 *   a text without places          one request
 *   lines without places           one for each line, sent in turn
 *   only {{key}}                  one for each key, if they are not too many; the key is drawn in the run
 *   {{rand}}, {{word}}, {{uuid}}   a store of REQUESTS_DRAWN different ones, sent in turn
 *   {{n}}, and what is left over  made in the run, which costs the client some time for each call
 */
#ifndef LOAD_REQUESTS_H
#define LOAD_REQUESTS_H

#include "load/keys.h"
#include "load/template.h"
#include "message/arena.h"
#include "message/schema.h"

#define REQUESTS_DRAWN     ((uint64_t)1 << 18)
#define REQUESTS_KEYS      ((uint64_t)1 << 20)
#define REQUESTS_MAX_BYTES ((size_t)256 << 20) /* of all requests made before the run */

struct requests; /* immutable once made: thread-safe */

/* All borrowed until requests_free. */
struct requests_options {
    const struct fr_message_type *type;
    struct fr_bytes text; /* JSON with places; with lines: one request a line, blank lines are skipped */
    bool lines;
    const char *name;        /* of the text in messages, such as a path; NULL: none */
    const struct keys *keys; /* NULL: {{key}} is refused */
};

/*
 * *ret_requests is owned.
 *   FR_INVALID_ARGUMENT  the text, or one of its first expansions, does not fit the type
 */
FR_MUST_CHECK enum fr_code requests_new(const struct requests_options *options,
                                        struct requests **ret_requests, struct fr_error *reterr);
void requests_free(struct requests *self);

/* What a thread needs where a request is made in the run; zeroed but for the arena, which is borrowed. */
struct requests_scratch {
    struct fr_arena *arena;
    struct fr_buffer json, bytes;
};
void requests_scratch_fini(struct requests_scratch *self);

/* The request of the method's call n (from 1), borrowed until the next use of scratch. Errors as above. */
FR_MUST_CHECK enum fr_code requests_get(const struct requests *self, uint64_t n,
                                        struct requests_scratch *scratch, struct fr_bytes *ret_request,
                                        struct fr_error *reterr);

#endif
