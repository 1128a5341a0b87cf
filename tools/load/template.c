/* SPDX-License-Identifier: MIT */
/*
 * template.c - request texts with places to fill in.
 */
#include "load/template.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#include "base/random.h"

#define MAX_LETTERS ((uint64_t)1 << 20)

/* What is left of the text while a place is read. */
struct cursor {
    const char *at, *end;
};

static void skip_blanks(struct cursor *self)
{
    while (self->at < self->end && (*self->at == ' ' || *self->at == '\t')) {
        self->at++;
    }
}

static bool read_number(struct cursor *self, uint64_t *ret_number)
{
    uint64_t number = 0;
    skip_blanks(self);
    if (self->at == self->end || !isdigit((unsigned char)*self->at)) {
        return false;
    }
    while (self->at < self->end && isdigit((unsigned char)*self->at)) {
        if (__builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, (uint64_t)(*self->at - '0'), &number)) {
            return false;
        }
        self->at++;
    }
    *ret_number = number;
    return true;
}

static bool read_word(struct cursor *self, const char *word)
{
    size_t size = strlen(word);
    if ((size_t)(self->end - self->at) < size || memcmp(self->at, word, size) != 0) {
        return false;
    }
    self->at += size;
    return true;
}

static bool read_kind(struct cursor *self, struct template_place *ret_place)
{
    if (read_word(self, "n")) {
        ret_place->kind = TEMPLATE_NUMBER;
        return true;
    }
    if (read_word(self, "key")) {
        ret_place->kind = TEMPLATE_KEY;
        return true;
    }
    if (read_word(self, "uuid")) {
        ret_place->kind = TEMPLATE_UUID;
        return true;
    }
    if (read_word(self, "word ")) {
        ret_place->kind = TEMPLATE_WORD;
        return read_number(self, &ret_place->high) && ret_place->high <= MAX_LETTERS;
    }
    ret_place->kind = TEMPLATE_RANDOM;
    return read_word(self, "rand ") && read_number(self, &ret_place->low) &&
           read_number(self, &ret_place->high) && ret_place->low <= ret_place->high;
}

/* From behind "{{" to behind "}}". */
static bool read_place(struct cursor *self, struct template_place *ret_place)
{
    skip_blanks(self);
    if (!read_kind(self, ret_place)) {
        return false;
    }
    skip_blanks(self);
    return read_word(self, "}}");
}

enum fr_code template_parse(struct template *ret_template, struct fr_bytes text, struct fr_error *reterr)
{
    struct template parsed = {.count = 0};
    struct cursor cursor = {(const char *)text.data, (const char *)text.data + text.size};
    const char *from = cursor.at, *open;
    while (cursor.at < cursor.end &&
           (open = memmem(cursor.at, (size_t)(cursor.end - cursor.at), "{{", 2)) != NULL) {
        if (parsed.count == TEMPLATE_PLACES) {
            return fr_error_set(reterr, FR_INVALID_ARGUMENT, "at most %d places {{…}} in a request",
                                TEMPLATE_PLACES);
        }
        struct template_place *place = &parsed.places[parsed.count++];
        place->before = (struct fr_bytes){(const uint8_t *)from, (size_t)(open - from)};
        cursor.at = open + 2;
        if (!read_place(&cursor, place)) {
            return fr_error_set(
                reterr, FR_INVALID_ARGUMENT,
                "'%.*s': expected {{n}}, {{key}}, {{rand LOW HIGH}}, {{word N}} or {{uuid}}",
                (int)(cursor.end - open < 24 ? cursor.end - open : 24), open);
        }
        from = cursor.at;
    }
    parsed.rest = (struct fr_bytes){(const uint8_t *)from, (size_t)(cursor.end - from)};
    *ret_template = parsed;
    return FR_OK;
}

static bool has(const struct template *self, unsigned first_kind, unsigned last_kind)
{
    for (size_t i = 0; i < self->count; i++) {
        if (self->places[i].kind >= first_kind && self->places[i].kind <= last_kind) {
            return true;
        }
    }
    return false;
}

bool template_has_number(const struct template *self)
{
    return has(self, TEMPLATE_NUMBER, TEMPLATE_NUMBER);
}

bool template_has_key(const struct template *self)
{
    return has(self, TEMPLATE_KEY, TEMPLATE_KEY);
}

bool template_has_chance(const struct template *self)
{
    return has(self, TEMPLATE_RANDOM, TEMPLATE_UUID);
}

static uint64_t draw(const struct template_place *place)
{
    uint64_t span = place->high - place->low;
    return span == UINT64_MAX ? fr_random_u64() : place->low + fr_random_below(span + 1);
}

static void append_word(uint64_t letters, struct fr_buffer *out)
{
    for (uint64_t i = 0; i < letters; i++) {
        char letter = (char)('a' + fr_random_below(26));
        fr_buffer_append(out, &letter, 1);
    }
}

static void append_uuid(struct fr_buffer *out)
{
    uint64_t high = (fr_random_u64() & ~UINT64_C(0xF000)) | UINT64_C(0x4000);
    uint64_t low = (fr_random_u64() >> 2) | (UINT64_C(1) << 63);
    fr_buffer_append_format(out, "%08x-%04x-%04x-%04x-%012" PRIx64, (unsigned)(high >> 32),
                            (unsigned)(high >> 16) & 0xFFFF, (unsigned)high & 0xFFFF, (unsigned)(low >> 48),
                            low & UINT64_C(0xFFFFFFFFFFFF));
}

static void append_value(const struct template_place *place, uint64_t n, uint64_t key, struct fr_buffer *out)
{
    switch (place->kind) {
    case TEMPLATE_NUMBER:
        fr_buffer_append_format(out, "%" PRIu64, n);
        break;
    case TEMPLATE_KEY:
        fr_buffer_append_format(out, "%" PRIu64, key);
        break;
    case TEMPLATE_RANDOM:
        fr_buffer_append_format(out, "%" PRIu64, draw(place));
        break;
    case TEMPLATE_WORD:
        append_word(place->high, out);
        break;
    case TEMPLATE_UUID:
        append_uuid(out);
        break;
    }
}

void template_expand(const struct template *self, uint64_t n, uint64_t key, struct fr_buffer *out)
{
    for (size_t i = 0; i < self->count; i++) {
        fr_buffer_append(out, self->places[i].before.data, self->places[i].before.size);
        append_value(&self->places[i], n, key, out);
    }
    fr_buffer_append(out, self->rest.data, self->rest.size);
}
