/* SPDX-License-Identifier: MIT */
/*
 * template.c - request texts with places to fill in.
 */
#include "freshet/template.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"

static const char *skip_blanks(const char *text)
{
    return text + strspn(text, " \t");
}

static bool read_number(const char **text, uint64_t *ret_number)
{
    char *end;
    if (!isdigit((unsigned char)**text)) {
        return false;
    }
    errno = 0;
    *ret_number = strtoull(*text, &end, 10);
    *text = skip_blanks(end);
    return errno == 0;
}

/* text stands behind "{{"; *ret_end is where "}}" has to be. */
static bool read_place(const char *text, struct template_place *ret_place, const char **ret_end)
{
    text = skip_blanks(text);
    if (*text == 'n') {
        ret_place->kind = TEMPLATE_COUNTER;
        *ret_end = skip_blanks(text + 1);
        return true;
    }
    if (strncmp(text, "rand ", 5) != 0) {
        return false;
    }
    text = skip_blanks(text + 5);
    ret_place->kind = TEMPLATE_RANDOM;
    if (!read_number(&text, &ret_place->low) || !read_number(&text, &ret_place->high)) {
        return false;
    }
    *ret_end = text;
    return ret_place->low <= ret_place->high;
}

enum fr_code template_parse(struct template *ret_template, const char *text, struct fr_error *reterr)
{
    struct template parsed = {.count = 0};
    const char *open;
    while ((open = strstr(text, "{{")) != NULL) {
        const char *end = NULL;
        if (parsed.count == TEMPLATE_PLACES) {
            return fr_error_set(reterr, FR_INVALID_ARGUMENT, "at most %d places {{…}} in a request",
                                TEMPLATE_PLACES);
        }
        struct template_place *place = &parsed.places[parsed.count++];
        place->before = (struct fr_bytes){(const uint8_t *)text, (size_t)(open - text)};
        if (!read_place(open + 2, place, &end) || strncmp(end, "}}", 2) != 0) {
            return fr_error_set(reterr, FR_INVALID_ARGUMENT, "'%.24s': expected {{n}} or {{rand LOW HIGH}}",
                                open);
        }
        text = end + 2;
    }
    parsed.rest = fr_bytes_of(text);
    *ret_template = parsed;
    return FR_OK;
}

bool template_is_constant(const struct template *self)
{
    return self->count == 0;
}

static uint64_t draw(const struct template_place *place)
{
    uint64_t span = place->high - place->low;
    return span == UINT64_MAX ? fr_random_u64() : place->low + fr_random_below(span + 1);
}

void template_expand(const struct template *self, uint64_t n, struct fr_buffer *out)
{
    for (size_t i = 0; i < self->count; i++) {
        const struct template_place *place = &self->places[i];
        fr_buffer_append(out, place->before.data, place->before.size);
        fr_buffer_append_format(out, "%" PRIu64, place->kind == TEMPLATE_COUNTER ? n : draw(place));
    }
    fr_buffer_append(out, self->rest.data, self->rest.size);
}
