/* SPDX-License-Identifier: MIT */
/*
 * support.c - what the tests of src/message share.
 */
#include "message/support.h"

#include <stdlib.h>
#include <string.h>

#define MAX_CHANGES 6

struct fr_schema *support_kinds_schema(void)
{
    struct fr_schema *schema = NULL;
    struct fr_error error = {0};
    enum fr_code code =
        fr_schema_new((struct fr_bytes){kinds_protoset, kinds_protoset_size}, &schema, &error);
    if (code != FR_OK) {
        fail_msg("%s", error.message);
    }
    return schema;
}

/* Marsaglia's xorshift64: a test must fail the same way each time. */
static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

uint8_t *support_mutate(struct fr_bytes bytes, uint64_t *state)
{
    uint8_t *copy = malloc(bytes.size);
    assert_non_null(copy);
    memcpy(copy, bytes.data, bytes.size);
    uint64_t changes = 1 + next_random(state) % MAX_CHANGES;
    for (uint64_t i = 0; i < changes; i++) {
        uint64_t random = next_random(state);
        uint8_t *at = &copy[random % bytes.size];
        *at = random >> 40 & 1 ? (uint8_t)(random >> 32) : *at ^ (uint8_t)(1U << (random >> 50 & 7));
    }
    return copy;
}
