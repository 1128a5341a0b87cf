/* SPDX-License-Identifier: MIT */
/*
 * measure.c - times codecs on one data set, by turns.
 *
 * A run measures every codec once, beginning with another one each time, so that what disturbs the machine for a
 * while disturbs all of them. Time is this thread's processor time: no codec waits for anything, and what the machine
 * gives to others in between is no cost of theirs.
 */
#include "payload/measure.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "payload/check.h"
#include "payload/compress.h"

#define TRIAL_NS  UINT64_C(200000) /* long enough to tell how long one message takes */
#define TRIAL_MAX UINT64_C(1000000)

/* One direction of one codec. */
struct direction {
    bool encodes;
    uint64_t times; /* messages in one run */
    double *samples;
};

struct entry {
    const struct codec *codec;
    void *state;
    struct direction directions[2];
    struct row *row;
};

struct session {
    const struct measure_options *options;
    const struct subject *subject;
    struct entry *entries;
    size_t entry_count;
    unsigned runs;  /* so far */
    uint64_t wrong; /* decodes that gave another sum than the data set has */
};

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* Whether the direction is measured: the codec has it, and it is right. */
static bool has(const struct entry *entry, const struct direction *direction)
{
    return direction->encodes ? entry->codec->encode != NULL && entry->row->encode_wrong[0] == '\0'
                              : entry->codec->decode != NULL && entry->row->decode_wrong[0] == '\0';
}

static uint64_t encode_times(const struct codec *codec, void *state, uint64_t times)
{
    struct payload_bytes bytes;
    uint64_t start_ns = now_ns();
    for (uint64_t i = 0; i < times; i++) {
        codec->encode(state, &bytes);
        if (codec->drop != NULL) {
            codec->drop(state);
        }
    }
    return now_ns() - start_ns;
}

static uint64_t decode_times(struct session *self, const struct entry *entry, uint64_t times)
{
    uint64_t wrong = 0;
    uint64_t start_ns = now_ns();
    for (uint64_t i = 0; i < times; i++) {
        struct sink sink = {0};
        wrong += !entry->codec->decode(entry->state, &sink) || sink.sum != self->subject->quick_sum;
    }
    uint64_t took_ns = now_ns() - start_ns;
    self->wrong += wrong;
    return took_ns;
}

static uint64_t run_times(struct session *self, const struct entry *entry, const struct direction *direction,
                          uint64_t times)
{
    return direction->encodes ? encode_times(entry->codec, entry->state, times)
                              : decode_times(self, entry, times);
}

/* Finds out how many messages fill the time of a run; warms up as well. */
static void calibrate(struct session *self, const struct entry *entry, struct direction *direction)
{
    uint64_t times = 1, took_ns = run_times(self, entry, direction, times);
    while (took_ns < TRIAL_NS && times < TRIAL_MAX) {
        times *= 2;
        took_ns = run_times(self, entry, direction, times);
    }
    took_ns = took_ns == 0 ? 1 : took_ns;
    direction->times = self->options->time_ns * times / took_ns;
    if (direction->times == 0) {
        direction->times = 1;
    }
}

static enum fr_code measure_sizes(const struct entry *entry, const struct subject *subject,
                                  struct fr_error *reterr)
{
    struct row *row = entry->row;
    struct payload_bytes bytes =
        entry->codec->format == CODEC_JSON ? subject->input.json : subject->input.protobuf;
    bool encodes = has(entry, &entry->directions[0]);
    if (encodes && !entry->codec->encode(entry->state, &bytes)) {
        return fr_error_no_memory(reterr);
    }
    row->encoded_bytes = bytes.size;
    row->gzip_bytes = compress_gzip_size(bytes);
    row->zstd_bytes = compress_zstd_size(bytes);
    if (encodes && entry->codec->drop != NULL) {
        entry->codec->drop(entry->state);
    }
    return FR_OK;
}

static enum fr_code entry_init(struct session *self, struct entry *entry, const struct codec *codec,
                               struct row *row, struct fr_error *reterr)
{
    *entry =
        (struct entry){.codec = codec, .row = row, .directions = {{.encodes = true}, {.encodes = false}}};
    entry->state = codec->open(&self->subject->input);
    if (entry->state == NULL) {
        return fr_error_no_memory(reterr);
    }
    struct fr_error wrong;
    if (check_encode(codec, entry->state, self->subject, &wrong) != FR_OK) {
        snprintf(row->encode_wrong, sizeof row->encode_wrong, "%s", wrong.message);
    }
    if (check_decode(codec, entry->state, self->subject, &wrong) != FR_OK) {
        snprintf(row->decode_wrong, sizeof row->decode_wrong, "%s", wrong.message);
    }
    enum fr_code code = measure_sizes(entry, self->subject, reterr);
    for (int i = 0; i < 2 && code == FR_OK; i++) {
        struct direction *direction = &entry->directions[i];
        if (has(entry, direction)) {
            direction->samples = calloc(self->options->runs, sizeof *direction->samples);
            code = direction->samples == NULL ? fr_error_no_memory(reterr) : FR_OK;
        }
    }
    return code;
}

static void entry_fini(struct entry *entry)
{
    if (entry->state != NULL) {
        entry->codec->close(entry->state);
    }
    free(entry->directions[0].samples);
    free(entry->directions[1].samples);
}

static bool is_stopped(const struct session *self)
{
    return self->options->stopped != NULL && self->options->stopped(self->options->context);
}

/* Every codec once; false: stopped, and the run does not count. */
static bool run_once(struct session *self)
{
    for (size_t i = 0; i < self->entry_count; i++) {
        struct entry *entry = &self->entries[(i + self->runs) % self->entry_count];
        if (is_stopped(self)) {
            return false;
        }
        for (int j = 0; j < 2; j++) {
            struct direction *direction = &entry->directions[j];
            if (has(entry, direction)) {
                direction->samples[self->runs] =
                    (double)run_times(self, entry, direction, direction->times) / (double)direction->times;
            }
        }
    }
    return true;
}

static void run_all(struct session *self)
{
    for (size_t i = 0; i < self->entry_count && !is_stopped(self); i++) {
        struct entry *entry = &self->entries[i];
        for (int j = 0; j < 2; j++) {
            struct direction *direction = &entry->directions[j];
            if (has(entry, direction)) {
                calibrate(self, entry, direction);
            }
        }
    }
    while (self->runs < self->options->runs) {
        if (self->options->progress != NULL) {
            self->options->progress(self->options->context, self->subject, self->runs);
        }
        if (!run_once(self)) {
            break;
        }
        self->runs++;
    }
}

static int compare(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return a < b ? -1 : a > b;
}

/* Between the two samples nearest to the place. */
static double quantile(const double *sorted, unsigned count, double part)
{
    double place = part * (count - 1);
    unsigned below = (unsigned)place;
    unsigned above = below + 1 < count ? below + 1 : below;
    return sorted[below] + (place - below) * (sorted[above] - sorted[below]);
}

void figures_of(double *samples, unsigned count, struct figures *ret_figures)
{
    ret_figures->runs = count;
    if (count == 0) {
        return;
    }
    qsort(samples, count, sizeof *samples, compare);
    ret_figures->median_ns = quantile(samples, count, 0.5);
    ret_figures->low_ns = quantile(samples, count, 0.25);
    ret_figures->high_ns = quantile(samples, count, 0.75);
    ret_figures->min_ns = samples[0];
    ret_figures->max_ns = samples[count - 1];
}

double figures_spread(const struct figures *self)
{
    return self->median_ns > 0 ? (self->high_ns - self->low_ns) / 2 / self->median_ns * 100 : 0;
}

enum fr_code measure(const struct measure_options *options, const struct subject *subject, struct row *rows,
                     unsigned *ret_runs, struct fr_error *reterr)
{
    struct session session = {.options = options, .subject = subject};
    session.entries = calloc(options->codec_count, sizeof *session.entries);
    enum fr_code code = session.entries == NULL ? fr_error_no_memory(reterr) : FR_OK;
    for (size_t i = 0; i < options->codec_count && code == FR_OK; i++) {
        const struct codec *codec = options->codecs[i];
        rows[i] = (struct row){.codec = codec};
        if (codec->missing == NULL) {
            code = entry_init(&session, &session.entries[session.entry_count++], codec, &rows[i], reterr);
        }
    }
    if (code == FR_OK) {
        run_all(&session);
    }
    if (session.wrong > 0) {
        code = fr_error_set(reterr, FR_DATA_LOSS,
                            "a codec decoded other fields than '%s' has while it was timed", subject->name);
    }
    for (size_t i = 0; i < session.entry_count; i++) {
        struct entry *entry = &session.entries[i];
        if (code == FR_OK && has(entry, &entry->directions[0])) {
            figures_of(entry->directions[0].samples, session.runs, &entry->row->encode);
        }
        if (code == FR_OK && has(entry, &entry->directions[1])) {
            figures_of(entry->directions[1].samples, session.runs, &entry->row->decode);
        }
        entry_fini(entry);
    }
    free(session.entries);
    *ret_runs = session.runs;
    return code;
}
