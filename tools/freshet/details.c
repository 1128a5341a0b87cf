/* SPDX-License-Identifier: MIT */
/*
 * details.c - the details of an error as JSON.
 */
#include "freshet/details.h"

#include <stdio.h>
#include <string.h>

#include "freshet/report.h"
#include "message/base64.h"
#include "message/json.h"
#include "message/message.h"

#define TYPE_URL_BYTES 256

static bool append_message(struct fr_buffer *out, const struct fr_message_type *type, struct fr_bytes value,
                           struct fr_arena *arena)
{
    struct ProtobufCMessage *message;
    struct fr_buffer text = {0};
    bool known = fr_message_unpack(fr_message_type_descriptor(type), value, arena, &message, NULL) == FR_OK &&
                 fr_json_write(type, message, NULL, &text, NULL) == FR_OK && !text.failed;
    if (known) {
        fr_buffer_append(out, text.data, text.size);
    }
    fr_buffer_fini(&text);
    return known;
}

void details_append(struct fr_buffer *out, const struct fr_schema *schema, const struct fr_detail *detail,
                    struct fr_arena *arena)
{
    char url[TYPE_URL_BYTES];
    snprintf(url, sizeof url, "%.*s", (int)detail->type_url.size, (const char *)detail->type_url.data);
    const char *slash = strrchr(url, '/');
    const struct fr_message_type *type = fr_schema_find_message(schema, slash == NULL ? url : slash + 1);
    fr_buffer_append_text(out, "{\"@type\":");
    report_json_text(out, url);
    fr_buffer_append_text(out, ",\"value\":");
    if (type == NULL || !append_message(out, type, detail->value, arena)) {
        fr_buffer_append_text(out, "\"");
        fr_base64_write(detail->value, out);
        fr_buffer_append_text(out, "\"");
    }
    fr_buffer_append_text(out, "}");
}
