/* SPDX-License-Identifier: MIT */
/*
 * codec_direct_json.c - JSON written straight from the message by its schema: the least work we know of in plain C.
 *
 * Names are quoted beforehand, whole numbers and base64 are written by tables, texts are copied in runs between the
 * characters that need an escape. Its text is what Python's json.dumps(MessageToDict(message), ensure_ascii=False,
 * separators=(",", ":")) gives, and what every JSON codec decodes.
 */
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "payload/real.h"
#include "payload/walk.h"

struct state {
    const struct codec_input *input;
    struct fr_buffer text; /* kept */
};

#define OUT      struct state
#define OUT_NODE int /* nothing: the text knows where it is */

static void write_escaped(char **to, const char *text, size_t size);

/* Writes the comma and the name, and makes room for a value of size bytes; NULL without memory. */
static inline char *begin(struct state *out, const struct plan_name *name, size_t size)
{
    size_t name_size = name == NULL ? 0 : name->quoted != NULL ? name->quoted_size : 6 * name->size + 3;
    char *at = (char *)fr_buffer_reserve(&out->text, size + name_size + 1);
    if (at == NULL) {
        return NULL;
    }
    char last = out->text.size == 0 ? '{' : at[-1];
    if (last != '{' && last != '[') {
        *at++ = ',';
    }
    if (name != NULL && name->quoted != NULL) {
        memcpy(at, name->quoted, name->quoted_size);
        at += name->quoted_size;
    } else if (name != NULL) {
        write_escaped(&at, name->text, name->size);
        *at++ = ':';
    }
    return at;
}

static inline void end(struct state *out, const char *at)
{
    out->text.size = (size_t)(at - (const char *)out->text.data);
}

/* What stands behind the backslash; 'u' for \u00XX; 0 for characters that stand for themselves. */
static const char escapes[256] = {
    'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'b', 't', 'n', 'u', 'f', 'r', 'u', 'u',         'u',
    'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', ['"'] = '"', ['\\'] = '\\',
};

/* Eight characters at once: whether one of them is below 0x20, a quote or a backslash. */
static inline bool needs_escape(const char *text)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), high = UINT64_C(0x8080808080808080);
    uint64_t word;
    memcpy(&word, text, sizeof word);
    uint64_t quote = word ^ ones * '"', slash = word ^ ones * '\\';
    return ((((word - ones * 0x20) | (quote - ones) | (slash - ones)) & ~word) & high) != 0;
}

static void write_escaped(char **to, const char *text, size_t size)
{
    static const char digits[] = "0123456789abcdef";
    char *at = *to;
    size_t i = 0;
    *at++ = '"';
    while (i < size) {
        while (i + 8 <= size && !needs_escape(text + i)) {
            memcpy(at, text + i, 8);
            at += 8;
            i += 8;
        }
        for (size_t stop = i + 8 < size ? i + 8 : size; i < stop; i++) {
            unsigned char c = (unsigned char)text[i];
            char escape = escapes[c];
            if (escape == 0) {
                *at++ = (char)c;
                continue;
            }
            *at++ = '\\';
            *at++ = escape;
            if (escape == 'u') {
                memcpy(at, "00", 2);
                at[2] = digits[c >> 4];
                at[3] = digits[c & 15];
                at += 4;
            }
        }
    }
    *at++ = '"';
    *to = at;
}

static inline int open_bracket(struct state *out, const struct plan_name *name, char bracket)
{
    char *at = begin(out, name, 1);
    if (at != NULL) {
        *at++ = bracket;
        end(out, at);
    }
    return 0;
}

static inline int out_object(struct state *out, int parent, const struct plan_name *name)
{
    (void)parent;
    return open_bracket(out, name, '{');
}

static inline int out_list(struct state *out, int parent, const struct plan_name *name)
{
    (void)parent;
    return open_bracket(out, name, '[');
}

static inline void out_end_object(struct state *out, int node)
{
    (void)node;
    fr_buffer_append(&out->text, "}", 1);
}

static inline void out_end_list(struct state *out, int node)
{
    (void)node;
    fr_buffer_append(&out->text, "]", 1);
}

static inline void out_text(struct state *out, int parent, const struct plan_name *name, const char *text,
                            size_t size)
{
    (void)parent;
    char *at = begin(out, name, 6 * size + 2);
    if (at != NULL) {
        write_escaped(&at, text, size);
        end(out, at);
    }
}

static inline void out_plain(struct state *out, int parent, const struct plan_name *name, const char *text,
                             size_t size)
{
    (void)parent;
    char *at = begin(out, name, size + 2);
    if (at != NULL) {
        *at++ = '"';
        memcpy(at, text, size);
        at[size] = '"';
        end(out, at + size + 1);
    }
}

static inline void out_bytes(struct state *out, int parent, const struct plan_name *name, const uint8_t *data,
                             size_t size)
{
    (void)parent;
    char *at = begin(out, name, text64_size(size) + 2);
    if (at != NULL) {
        *at++ = '"';
        text64_write(at, data, size);
        at += text64_size(size);
        *at++ = '"';
        end(out, at);
    }
}

static inline void out_integer(struct state *out, int parent, const struct plan_name *name, int64_t value)
{
    (void)parent;
    char *at = begin(out, name, DECIMAL_BYTES);
    if (at != NULL) {
        end(out, at + decimal_write_signed(at, value));
    }
}

static inline void out_real(struct state *out, int parent, const struct plan_name *name, double value)
{
    (void)parent;
    char *at = begin(out, name, REAL_BYTES);
    if (at != NULL) {
        end(out, at + real_write(at, value));
    }
}

static inline void out_float(struct state *out, int parent, const struct plan_name *name, float value)
{
    (void)parent;
    char *at = begin(out, name, REAL_BYTES);
    if (at != NULL) {
        end(out, at + real_write_float(at, value));
    }
}

static inline void out_bool(struct state *out, int parent, const struct plan_name *name, bool value)
{
    (void)parent;
    char *at = begin(out, name, 5);
    if (at != NULL) {
        memcpy(at, value ? "true" : "false", value ? 4 : 5);
        end(out, at + (value ? 4 : 5));
    }
}

#include "payload/walk_out.h"

static void *state_open(const struct codec_input *input)
{
    struct state *self = calloc(1, sizeof *self);
    if (self != NULL) {
        self->input = input;
    }
    return self;
}

static void state_close(void *context)
{
    struct state *self = context;
    fr_buffer_fini(&self->text);
    free(self);
}

static bool encode(void *context, struct payload_bytes *ret_bytes)
{
    struct state *self = context;
    fr_buffer_clear(&self->text);
    fr_buffer_append(&self->text, "{", 1);
    walk_out_message(self, 0, self->input->plan, self->input->message);
    fr_buffer_append(&self->text, "}", 1);
    *ret_bytes = (struct payload_bytes){self->text.data, self->text.size};
    return !self->text.failed;
}

static const char *version(void)
{
    return FRESHET_VERSION;
}

const struct codec codec_direct_json = {
    .name = "direct-json",
    .about = "writes by the schema into a buffer that is kept, without a tree or a library",
    .library = "Freshet",
    .version = version,
    .format = CODEC_JSON,
    .open = state_open,
    .close = state_close,
    .encode = encode,
};
