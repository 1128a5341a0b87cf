/* SPDX-License-Identifier: MIT */
/*
 * json_read.c - JSON text straight into a message by its schema.
 */
#include "payload/json_read.h"

#include <limits.h>
#include <string.h>

#include "message/utf8.h"
#include "payload/times.h"

#define MAX_DEPTH   100
#define LIST_START  8  /* elements that a list has room for at first */
#define NUMBER_MOST 20 /* digits of 64 bits, with a sign */

struct reader {
    const char *at, *end;
    struct fr_arena *arena;
    unsigned depth;
    bool no_memory;
};

/* A string as it stands in the text, without its quotes. */
struct raw {
    const char *text;
    size_t size;
    bool escaped, ascii;
};

static bool read_message(struct reader *self, const struct plan *plan, ProtobufCMessage **ret_message);

static void *take(struct reader *self, size_t size)
{
    void *memory = fr_arena_alloc(self->arena, size);
    self->no_memory = self->no_memory || memory == NULL;
    return memory;
}

static inline void skip_space(struct reader *self)
{
    while (self->at < self->end &&
           (*self->at == ' ' || *self->at == '\n' || *self->at == '\t' || *self->at == '\r')) {
        self->at++;
    }
}

/* Takes this character behind white space, if it is the next one. */
static inline bool take_character(struct reader *self, char character)
{
    skip_space(self);
    bool there = self->at < self->end && *self->at == character;
    self->at += there;
    return there;
}

/* Eight characters at once: whether one is a control character, a quote, a backslash or beyond ASCII. */
static inline bool needs_care(const char *text)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), high = UINT64_C(0x8080808080808080);
    uint64_t word;
    memcpy(&word, text, sizeof word);
    uint64_t quote = word ^ ones * '"', slash = word ^ ones * '\\';
    return (((word - ones * 0x20) | (quote - ones) | (slash - ones) | word) & high) != 0;
}

/* Up to the closing quote, which is taken too. */
static bool read_raw(struct reader *self, struct raw *ret_raw)
{
    if (!take_character(self, '"')) {
        return false;
    }
    const char *at = self->at;
    *ret_raw = (struct raw){.text = at, .ascii = true};
    while (at < self->end) {
        if (self->end - at >= 8 && !needs_care(at)) {
            at += 8;
            continue;
        }
        unsigned char c = (unsigned char)*at;
        if (c == '"') {
            ret_raw->size = (size_t)(at - ret_raw->text);
            self->at = at + 1;
            return ret_raw->ascii || fr_utf8_valid((const uint8_t *)ret_raw->text, ret_raw->size);
        }
        if (c < 0x20 || (c == '\\' && self->end - at < 2)) {
            return false;
        }
        ret_raw->ascii = ret_raw->ascii && c < 0x80;
        ret_raw->escaped = ret_raw->escaped || c == '\\';
        at += c == '\\' ? 2 : 1;
    }
    return false;
}

/* Four hexadecimal digits. */
static bool read_unit(const char *text, const char *end, uint32_t *ret_unit)
{
    uint32_t unit = 0;
    if (end - text < 4) {
        return false;
    }
    for (int i = 0; i < 4; i++) {
        unsigned char c = (unsigned char)text[i];
        unsigned lower = c | 0x20;
        unsigned digit = c >= '0' && c <= '9' ? c - (unsigned)'0' : lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : 16;
        if (digit > 15) {
            return false;
        }
        unit = unit << 4 | digit;
    }
    *ret_unit = unit;
    return true;
}

static char *write_utf8(char *out, uint32_t point)
{
    if (point < 0x80) {
        *out++ = (char)point;
    } else if (point < 0x800) {
        *out++ = (char)(0xC0 | point >> 6);
        *out++ = (char)(0x80 | (point & 0x3F));
    } else if (point < 0x10000) {
        *out++ = (char)(0xE0 | point >> 12);
        *out++ = (char)(0x80 | (point >> 6 & 0x3F));
        *out++ = (char)(0x80 | (point & 0x3F));
    } else {
        *out++ = (char)(0xF0 | point >> 18);
        *out++ = (char)(0x80 | (point >> 12 & 0x3F));
        *out++ = (char)(0x80 | (point >> 6 & 0x3F));
        *out++ = (char)(0x80 | (point & 0x3F));
    }
    return out;
}

/* What stands behind "\u", a pair of surrogates being one. A NUL has no place in a C string. */
static bool read_escaped_point(const char **text, const char *end, uint32_t *ret_point)
{
    uint32_t low, point;
    if (!read_unit(*text, end, &point) || point == 0 || (point >= 0xDC00 && point < 0xE000)) {
        return false;
    }
    *text += 4;
    if (point >= 0xD800 && point < 0xDC00) {
        if (end - *text < 6 || (*text)[0] != '\\' || (*text)[1] != 'u' || !read_unit(*text + 2, end, &low) ||
            low < 0xDC00 || low >= 0xE000) {
            return false;
        }
        point = 0x10000 + ((point - 0xD800) << 10) + (low - 0xDC00);
        *text += 6;
    }
    *ret_point = point;
    return true;
}

/* out has room for size bytes, which an escape only makes fewer, and a NUL. */
static bool unescape(char *out, const char *text, size_t size)
{
    static const char plain[256] = {['"'] = '"',  ['\\'] = '\\', ['/'] = '/',  ['b'] = '\b',
                                    ['f'] = '\f', ['n'] = '\n',  ['r'] = '\r', ['t'] = '\t'};
    const char *end = text + size;
    while (text < end) {
        uint32_t point;
        if (*text != '\\') {
            *out++ = *text++;
            continue;
        }
        unsigned char kind = (unsigned char)text[1];
        text += 2;
        if (kind != 'u') {
            if (plain[kind] == 0) {
                return false;
            }
            *out++ = plain[kind];
        } else {
            if (!read_escaped_point(&text, end, &point)) {
                return false;
            }
            out = write_utf8(out, point);
        }
    }
    *out = '\0';
    return true;
}

static bool read_text(struct reader *self, char **ret_text)
{
    struct raw raw;
    if (!read_raw(self, &raw) || (*ret_text = take(self, raw.size + 1)) == NULL) {
        return false;
    }
    if (raw.escaped) {
        return unescape(*ret_text, raw.text, raw.size);
    }
    memcpy(*ret_text, raw.text, raw.size);
    (*ret_text)[raw.size] = '\0';
    return true;
}

/* A whole number, as text in quotes if it has 64 bits: its magnitude and sign. */
static bool read_integer(struct reader *self, bool quoted, uint64_t *ret_magnitude, bool *ret_negative)
{
    uint64_t value = 0;
    if (quoted && !take_character(self, '"')) {
        return false;
    }
    skip_space(self);
    *ret_negative = self->at < self->end && *self->at == '-';
    const char *start = self->at += *ret_negative;
    for (; self->at < self->end && *self->at >= '0' && *self->at <= '9'; self->at++) {
        unsigned digit = (unsigned)(*self->at - '0');
        if (value > (UINT64_MAX - digit) / 10) {
            return false;
        }
        value = value * 10 + digit;
    }
    size_t digits = (size_t)(self->at - start);
    *ret_magnitude = value;
    if (digits == 0 || digits > NUMBER_MOST || (*start == '0' && digits > 1)) {
        return false;
    }
    return !quoted || (self->at < self->end && *self->at++ == '"');
}

static bool read_number(struct reader *self, enum plan_kind kind, void *to)
{
    uint64_t magnitude;
    bool negative, wide = kind == PLAN_INT64 || kind == PLAN_UINT64;
    if (!read_integer(self, wide, &magnitude, &negative)) {
        return false;
    }
    uint64_t most = kind == PLAN_UINT64 ? UINT64_MAX : kind == PLAN_UINT32 ? UINT32_MAX
                  : kind == PLAN_INT64  ? (uint64_t)INT64_MAX + negative
                                        : (uint64_t)INT32_MAX + negative;
    if (magnitude > most || (negative && magnitude > 0 && (kind == PLAN_UINT64 || kind == PLAN_UINT32))) {
        return false;
    }
    uint64_t value = negative ? -magnitude : magnitude;
    uint32_t half = (uint32_t)value;
    memcpy(to, wide ? (const void *)&value : (const void *)&half, wide ? sizeof value : sizeof half);
    return true;
}

static bool take_word(struct reader *self, const char *word, size_t size)
{
    bool there = (size_t)(self->end - self->at) >= size && memcmp(self->at, word, size) == 0;
    self->at += there ? size : 0;
    return there;
}

static bool read_bool(struct reader *self, protobuf_c_boolean *to)
{
    skip_space(self);
    *to = take_word(self, "true", 4);
    return *to || take_word(self, "false", 5);
}

static bool read_enum(struct reader *self, const struct plan_field *field, int32_t *to)
{
    const ProtobufCEnumDescriptor *type = field->field->descriptor;
    struct raw raw;
    if (!read_raw(self, &raw)) {
        return false;
    }
    for (unsigned i = 0; i < type->n_values; i++) {
        if (strncmp(type->values[i].name, raw.text, raw.size) == 0 && type->values[i].name[raw.size] == '\0') {
            *to = type->values[i].value;
            return true;
        }
    }
    return false;
}

static bool read_timestamp(struct reader *self, const struct plan_field *field, ProtobufCMessage **to)
{
    const struct plan_field *members = field->message->fields;
    struct raw raw;
    int64_t seconds;
    int32_t nanos;
    if (!read_raw(self, &raw) || !times_read(raw.text, raw.size, PLAN_TIMESTAMP, &seconds, &nanos) ||
        (*to = take(self, field->message->descriptor->sizeof_message)) == NULL) {
        return false;
    }
    field->message->descriptor->message_init(*to);
    memcpy((uint8_t *)*to + members[0].offset, &seconds, sizeof seconds);
    memcpy((uint8_t *)*to + members[1].offset, &nanos, sizeof nanos);
    return true;
}

static bool read_value(struct reader *self, const struct plan_field *field, void *to)
{
    switch (field->kind) {
    case PLAN_INT32:
    case PLAN_UINT32:
    case PLAN_INT64:
    case PLAN_UINT64:
        return read_number(self, field->kind, to);
    case PLAN_BOOL:
        return read_bool(self, to);
    case PLAN_ENUM:
        return read_enum(self, field, to);
    case PLAN_TEXT:
        return read_text(self, to);
    case PLAN_OBJECT:
        return read_message(self, field->message, to);
    case PLAN_TIMESTAMP:
        return read_timestamp(self, field, to);
    default:
        return false;
    }
}

/* Room for one more element; what is outgrown stays in the arena. */
static bool grow(struct reader *self, uint8_t **elements, size_t count, size_t *capacity, size_t element_bytes)
{
    if (count < *capacity) {
        return true;
    }
    size_t grown = *capacity == 0 ? LIST_START : 2 * *capacity;
    uint8_t *moved = take(self, grown * element_bytes);
    if (moved != NULL && count > 0) {
        memcpy(moved, *elements, count * element_bytes);
    }
    *elements = moved;
    *capacity = grown;
    return moved != NULL;
}

static bool read_list(struct reader *self, const struct plan_field *field, ProtobufCMessage *message)
{
    uint8_t *elements = NULL;
    size_t count = 0, capacity = 0;
    if (!take_character(self, '[')) {
        return false;
    }
    if (take_character(self, ']')) {
        return true;
    }
    do {
        if (!grow(self, &elements, count, &capacity, field->element_bytes) ||
            !read_value(self, field, elements + count * field->element_bytes)) {
            return false;
        }
        count++;
    } while (take_character(self, ','));
    memcpy((uint8_t *)message + field->offset, &elements, sizeof elements);
    memcpy((uint8_t *)message + field->quantifier_offset, &count, sizeof count);
    return take_character(self, ']');
}

static bool read_field(struct reader *self, const struct plan_field *field, ProtobufCMessage *message)
{
    if (field->is_map) {
        return false;
    }
    if (field->is_list) {
        return read_list(self, field, message);
    }
    uint32_t *which = (uint32_t *)(void *)((uint8_t *)message + field->quantifier_offset);
    if (field->presence == PLAN_CASE) {
        *which = field->field->id;
    }
    return read_value(self, field, (uint8_t *)message + field->offset);
}

/* The field whose name comes next, with its colon; the one at *next is the likely one. */
static const struct plan_field *read_name(struct reader *self, const struct plan *plan, unsigned *next)
{
    struct raw raw;
    skip_space(self);
    for (unsigned i = *next; i < plan->field_count; i++) {
        if (take_word(self, plan->fields[i].name.quoted, plan->fields[i].name.quoted_size)) {
            *next = i + 1;
            return &plan->fields[i];
        }
    }
    if (!read_raw(self, &raw) || !take_character(self, ':')) {
        return NULL;
    }
    for (unsigned i = 0; i < plan->field_count; i++) {
        const struct plan_name *name = &plan->fields[i].name;
        if (name->size == raw.size && memcmp(name->text, raw.text, raw.size) == 0) {
            return &plan->fields[i];
        }
    }
    return NULL;
}

static bool read_fields(struct reader *self, const struct plan *plan, ProtobufCMessage *message)
{
    unsigned next = 0;
    if (!take_character(self, '{')) {
        return false;
    }
    if (take_character(self, '}')) {
        return true;
    }
    do {
        const struct plan_field *field = read_name(self, plan, &next);
        if (field == NULL || !read_field(self, field, message)) {
            return false;
        }
    } while (take_character(self, ','));
    return take_character(self, '}');
}

static bool read_message(struct reader *self, const struct plan *plan, ProtobufCMessage **ret_message)
{
    ProtobufCMessage *message = take(self, plan->descriptor->sizeof_message);
    if (message == NULL || self->depth == MAX_DEPTH) {
        return false;
    }
    plan->descriptor->message_init(message);
    *ret_message = message;
    self->depth++;
    bool good = read_fields(self, plan, message);
    self->depth--;
    return good;
}

enum fr_code json_read(const struct plan *plan, struct fr_bytes text, struct fr_arena *arena,
                       ProtobufCMessage **ret_message, struct fr_error *reterr)
{
    const char *start = (const char *)text.data;
    struct reader self = {.at = start, .end = start + text.size, .arena = arena};
    if (text.size > 0 && read_message(&self, plan, ret_message)) {
        skip_space(&self);
        if (self.at == self.end) {
            return FR_OK;
        }
    }
    return self.no_memory ? fr_error_no_memory(reterr)
                          : fr_error_set(reterr, FR_INVALID_ARGUMENT, "byte %td does not fit %s", self.at - start,
                                         plan->descriptor->name);
}
