/* SPDX-License-Identifier: MIT */
/*
 * record_model.h - the rules of LEASE, FILL and INVALIDATE once more, in plain C, to hold the scripts
 * against.
 *
 * Written from DESIGN.md section 5, not from the Lua. Times are only MODEL_PAST or MODEL_FAR.
 */
#ifndef FR_TESTS_RECORD_MODEL_H
#define FR_TESTS_RECORD_MODEL_H

#include "cache/record.h"
#include "cache/scripts.h"

#define MODEL_PAST UINT64_C(1)
#define MODEL_FAR  UINT64_C(4000000000000000) /* the year 2096 */

struct model {
    bool present;
    bool lasting; /* the record's own life is longer than any lease */
    struct fr_record record;
};

struct model_lease {
    enum fr_lease_answer answer;
    uint64_t floor;
    bool serves;
    struct fr_record value; /* with serves */
};

/* end: when the lease ends, MODEL_PAST or MODEL_FAR. min_version: an older value counts as absent. */
struct model_lease model_lease(struct model *self, uint64_t token, uint64_t end, uint64_t incarnation,
                               uint64_t min_version);
/* soft: 0, or MODEL_FAR. The result: stored. lasting is the caller's to set. */
bool model_fill(struct model *self, uint64_t token, enum fr_value_kind kind, uint64_t version,
                uint64_t incarnation, uint64_t soft, struct fr_bytes payload);
/* The result: something changed. */
bool model_invalidate(struct model *self, uint64_t version);

#endif
