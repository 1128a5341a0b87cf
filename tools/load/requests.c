/* SPDX-License-Identifier: MIT */
/*
 * requests.c - the serialized requests of one method, made before the run where that is possible.
 */
#include "load/requests.h"

#include <stdlib.h>
#include <string.h>

#include "message/json.h"

#define ARENA_BYTES ((size_t)16 << 10)

struct line {
    struct template template;
    unsigned number; /* in the file, from 1 */
};

struct requests {
    struct requests_options options;
    struct line *lines;
    size_t line_count;
    enum {
        IN_TURN,   /* prepared: call n sends request n, and from the start again */
        BY_KEY,    /* prepared: one for each key */
        IN_THE_RUN /* made when they are sent */
    } mode;
    struct fr_buffer prepared; /* one behind the other */
    size_t *ends;              /* of each within prepared */
    uint64_t prepared_count;
};

void requests_scratch_fini(struct requests_scratch *self)
{
    fr_buffer_fini(&self->json);
    fr_buffer_fini(&self->bytes);
}

/* Says where the text with the error stands. */
static enum fr_code complain(const struct requests *self, const struct line *line, enum fr_code code,
                             const char *message, struct fr_error *reterr)
{
    const char *name = self->options.name;
    if (self->options.lines) {
        return fr_error_set(reterr, code, "request in line %u of '%s': %s", line->number, name, message);
    }
    return name != NULL ? fr_error_set(reterr, code, "request in '%s': %s", name, message)
                        : fr_error_set(reterr, code, "the request: %s", message);
}

/* Makes scratch->bytes. */
static enum fr_code make(const struct requests *self, uint64_t n, uint64_t key,
                         struct requests_scratch *scratch, struct fr_error *reterr)
{
    const struct line *line = &self->lines[(n - 1) % self->line_count];
    struct ProtobufCMessage *message;
    struct fr_error error;
    fr_buffer_clear(&scratch->json);
    fr_buffer_clear(&scratch->bytes);
    template_expand(&line->template, n, key, &scratch->json);
    if (scratch->json.failed) {
        return fr_error_no_memory(reterr);
    }
    enum fr_code code =
        fr_json_read(self->options.type, fr_buffer_bytes(&scratch->json), scratch->arena, &message, &error);
    if (code == FR_OK) {
        fr_message_pack(message, &scratch->bytes);
    }
    fr_arena_reset(scratch->arena);
    if (code != FR_OK) {
        return complain(self, line, code, error.message, reterr);
    }
    return scratch->bytes.failed ? fr_error_no_memory(reterr) : FR_OK;
}

static uint64_t draw_key(const struct requests *self)
{
    return self->options.keys == NULL ? 0 : keys_draw(self->options.keys);
}

static enum fr_code add_line(struct requests *self, struct fr_bytes text, unsigned number,
                             struct fr_error *reterr)
{
    struct line *lines = self->lines;
    struct fr_error error;
    if ((self->line_count & (self->line_count - 1)) == 0) { /* the room doubles */
        lines = realloc(lines, (self->line_count == 0 ? 1 : 2 * self->line_count) * sizeof *lines);
        if (lines == NULL) {
            return fr_error_no_memory(reterr);
        }
        self->lines = lines;
    }
    struct line *line = &lines[self->line_count];
    line->number = number;
    enum fr_code code = template_parse(&line->template, text, &error);
    if (code == FR_OK && template_has_key(&line->template) && self->options.keys == NULL) {
        code = fr_error_set(&error, FR_INVALID_ARGUMENT, "{{key}} needs --keys");
    }
    if (code != FR_OK) {
        return complain(self, line, code, error.message, reterr);
    }
    self->line_count++;
    return FR_OK;
}

static bool is_blank(struct fr_bytes text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (memchr(" \t\r", text.data[i], 3) == NULL) {
            return false;
        }
    }
    return true;
}

static enum fr_code add_lines(struct requests *self, struct fr_error *reterr)
{
    struct fr_bytes rest = self->options.text;
    enum fr_code code = FR_OK;
    for (unsigned number = 1; rest.size > 0 && code == FR_OK; number++) {
        const uint8_t *end = memchr(rest.data, '\n', rest.size);
        struct fr_bytes line = {rest.data, end == NULL ? rest.size : (size_t)(end - rest.data)};
        size_t taken = line.size + (end != NULL);
        rest = (struct fr_bytes){rest.data + taken, rest.size - taken};
        if (!is_blank(line)) {
            code = add_line(self, line, number, reterr);
        }
    }
    if (code == FR_OK && self->line_count == 0) {
        return fr_error_set(reterr, FR_INVALID_ARGUMENT, "'%s' holds no request", self->options.name);
    }
    return code;
}

/* How many requests to prepare, and for what; 0: none. */
static uint64_t choose_mode(struct requests *self)
{
    bool number = false, key = false, chance = false;
    for (size_t i = 0; i < self->line_count; i++) {
        const struct template *template = &self->lines[i].template;
        number = number || template_has_number(template);
        key = key || template_has_key(template);
        chance = chance || template_has_chance(template);
    }
    self->mode = IN_TURN;
    if (!number && !key) {
        return chance && self->line_count < REQUESTS_DRAWN
                   ? REQUESTS_DRAWN / self->line_count * self->line_count
                   : self->line_count;
    }
    if (key && !number && !chance && self->line_count == 1 && self->options.keys->count <= REQUESTS_KEYS) {
        self->mode = BY_KEY;
        return self->options.keys->count;
    }
    self->mode = IN_THE_RUN;
    return 0;
}

/* Falls back on making them in the run when they grow too large. */
static enum fr_code prepare(struct requests *self, uint64_t count, struct requests_scratch *scratch,
                            struct fr_error *reterr)
{
    self->ends = count > 0 ? malloc(count * sizeof *self->ends) : NULL;
    if (count > 0 && self->ends == NULL) {
        return fr_error_no_memory(reterr);
    }
    for (uint64_t i = 0; i < count; i++) {
        enum fr_code code =
            make(self, i + 1, self->mode == BY_KEY ? self->options.keys->first + i : 0, scratch, reterr);
        if (code != FR_OK) {
            return code;
        }
        fr_buffer_append(&self->prepared, scratch->bytes.data, scratch->bytes.size);
        if (self->prepared.failed) {
            return fr_error_no_memory(reterr);
        }
        if (self->prepared.size > REQUESTS_MAX_BYTES) {
            fr_buffer_fini(&self->prepared);
            self->prepared = (struct fr_buffer){0};
            self->mode = IN_THE_RUN;
            return FR_OK;
        }
        self->ends[i] = self->prepared.size;
    }
    self->prepared_count = count;
    return FR_OK;
}

/* Each line once, so that none of them fails in the run for a reason that can be known before. */
static enum fr_code try_lines(const struct requests *self, struct requests_scratch *scratch,
                              struct fr_error *reterr)
{
    enum fr_code code = FR_OK;
    for (uint64_t n = 1; n <= self->line_count && code == FR_OK; n++) {
        code = make(self, n, draw_key(self), scratch, reterr);
    }
    return code;
}

enum fr_code requests_new(const struct requests_options *options, struct requests **ret_requests,
                          struct fr_error *reterr)
{
    struct requests *self = calloc(1, sizeof *self);
    struct requests_scratch scratch = {.arena = fr_arena_new(ARENA_BYTES)};
    if (self == NULL || scratch.arena == NULL) {
        fr_arena_free(scratch.arena);
        free(self);
        return fr_error_no_memory(reterr);
    }
    self->options = *options;
    enum fr_code code = options->lines ? add_lines(self, reterr) : add_line(self, options->text, 1, reterr);
    if (code == FR_OK) {
        code = try_lines(self, &scratch, reterr);
    }
    if (code == FR_OK) {
        code = prepare(self, choose_mode(self), &scratch, reterr);
    }
    requests_scratch_fini(&scratch);
    fr_arena_free(scratch.arena);
    if (code != FR_OK) {
        requests_free(self);
        return code;
    }
    *ret_requests = self;
    return FR_OK;
}

void requests_free(struct requests *self)
{
    if (self == NULL) {
        return;
    }
    fr_buffer_fini(&self->prepared);
    free(self->ends);
    free(self->lines);
    free(self);
}

static struct fr_bytes prepared_at(const struct requests *self, uint64_t index)
{
    size_t start = index == 0 ? 0 : self->ends[index - 1];
    return (struct fr_bytes){self->prepared.data + start, self->ends[index] - start};
}

enum fr_code requests_get(const struct requests *self, uint64_t n, struct requests_scratch *scratch,
                          struct fr_bytes *ret_request, struct fr_error *reterr)
{
    switch (self->mode) {
    case IN_TURN:
        *ret_request = prepared_at(self, self->prepared_count == 1 ? 0 : (n - 1) % self->prepared_count);
        return FR_OK;
    case BY_KEY:
        *ret_request = prepared_at(self, keys_draw(self->options.keys) - self->options.keys->first);
        return FR_OK;
    case IN_THE_RUN:
        break;
    }
    enum fr_code code = make(self, n, draw_key(self), scratch, reterr);
    if (code == FR_OK) {
        *ret_request = fr_buffer_bytes(&scratch->bytes);
    }
    return code;
}
