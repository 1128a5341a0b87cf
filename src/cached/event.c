/* SPDX-License-Identifier: MIT */
/*
 * event.c - which invalidation a write ended with, told in the metadata of its answer.
 */
#include "cached/event.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cached/demand.h"

#define TEXT_BYTES 42 /* two numbers of 20 digits, what stands between them, and the NUL */

void fr_event_tell(struct fr_call *call, struct fr_event_id event)
{
    char text[TEXT_BYTES];
    if (event.number != 0) {
        snprintf(text, sizeof text, "%" PRIu64 "@%" PRIu64, event.number, event.incarnation);
        fr_call_set_metadata(call, FR_EVENT_KEY, fr_bytes_of(text));
    }
}

bool fr_event_find(struct fr_metadata metadata, struct fr_event_id *ret_event)
{
    struct fr_bytes text = fr_metadata_find(metadata, FR_EVENT_KEY);
    const uint8_t *at = text.size > 0 ? memchr(text.data, '@', text.size) : NULL;
    if (at == NULL) {
        return false;
    }
    struct fr_bytes number = {.data = text.data, .size = (size_t)(at - text.data)};
    struct fr_bytes incarnation = {.data = at + 1, .size = text.size - number.size - 1};
    struct fr_event_id event;
    if (!fr_demand_number(number, &event.number) || !fr_demand_number(incarnation, &event.incarnation)) {
        return false;
    }
    *ret_event = event;
    return true;
}
