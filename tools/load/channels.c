/* SPDX-License-Identifier: MIT */
/*
 * channels.c - the channels of a load, connected.
 */
#include "load/channels.h"

#include <stdlib.h>

#include "base/clock.h"

#define CONNECT_US (3 * FR_SECOND_US)

/* A server without health answers UNIMPLEMENTED; it is there all the same. */
static enum fr_code connect_channel(struct fr_channel *channel, struct fr_arena *arena,
                                    struct fr_error *reterr)
{
    const struct fr_call_options options = {.timeout_us = CONNECT_US};
    struct fr_result result;
    enum fr_code code = fr_channel_call(channel, "grpc.health.v1.Health/Check", (struct fr_bytes){0},
                                        &options, arena, &result);
    if (code != FR_UNAVAILABLE && code != FR_DEADLINE_EXCEEDED) {
        return FR_OK;
    }
    return fr_error_set(reterr, code, "%s", result.message);
}

enum fr_code channels_open(struct channels *self, const char *address, uint64_t count, bool retry,
                           struct fr_arena *arena, struct fr_error *reterr)
{
    static const struct fr_retry_policy policy;
    const struct fr_channel_options options = {.retry = retry ? &policy : NULL};
    enum fr_code code = FR_OK;
    self->items = calloc(count, sizeof(struct fr_channel *));
    if (self->items == NULL) {
        return fr_error_no_memory(reterr);
    }
    for (self->count = 0; self->count < count && code == FR_OK; self->count++) {
        struct fr_channel **channel = &self->items[self->count];
        code = fr_channel_new(address, &options, channel, reterr);
        if (code == FR_OK) {
            code = connect_channel(*channel, arena, reterr);
        }
    }
    return code;
}

void channels_close(struct channels *self)
{
    for (uint64_t i = 0; i < self->count; i++) {
        fr_channel_free(self->items[i]);
    }
    free(self->items);
    *self = (struct channels){0};
}
