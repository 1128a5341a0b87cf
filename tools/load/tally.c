/* SPDX-License-Identifier: MIT */
/*
 * tally.c - what came of the calls of a run.
 */
#include "load/tally.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum fr_code tally_init(struct tally *self, size_t method_count, bool open, struct fr_error *reterr)
{
    *self = (struct tally){.method_count = method_count, .open = open};
    self->slices = calloc(1, sizeof *self->slices);
    self->methods = calloc(method_count, sizeof self->methods[0]);
    if (self->slices == NULL || self->methods == NULL) {
        tally_fini(self);
        return fr_error_no_memory(reterr);
    }
    slices_init(self->slices);
    return FR_OK;
}

void tally_fini(struct tally *self)
{
    free(self->slices);
    free(self->methods);
    self->slices = NULL;
    self->methods = NULL;
}

void tally_record(struct tally *self, const struct tally_call *call)
{
    struct tally_method *method = &self->methods[call->method];
    self->last_us = call->end_us > self->last_us ? call->end_us : self->last_us;
    method->codes[call->code]++;
    if (call->code != FR_OK) {
        slices_record_error(self->slices, call->end_us);
        if (self->messages[call->code][0] == '\0') {
            snprintf(self->messages[call->code], FR_ERROR_MESSAGE_BYTES, "%s", call->message);
        }
        return;
    }
    uint64_t latency_us = call->end_us - call->due_us;
    latency_record(&method->latency, latency_us, 1);
    if (self->open) {
        latency_record(&method->uncorrected, call->end_us - call->start_us, 1);
    }
    slices_record(self->slices, call->end_us, latency_us);
}

void tally_record_unfinished(struct tally *self, const struct tally_call *call, uint64_t count)
{
    struct tally_method *method = &self->methods[call->method];
    method->unfinished += count;
    latency_record(&method->latency, call->end_us - call->due_us, count);
    if (self->open && call->start_us != TALLY_NOT_SENT) {
        latency_record(&method->uncorrected, call->end_us - call->start_us, count);
    }
}

static void add_method(struct tally_method *self, const struct tally_method *other)
{
    latency_add(&self->latency, &other->latency);
    latency_add(&self->uncorrected, &other->uncorrected);
    for (unsigned i = 0; i < FR_CODE_COUNT; i++) {
        self->codes[i] += other->codes[i];
    }
    self->unfinished += other->unfinished;
}

void tally_add(struct tally *self, struct tally *other)
{
    for (size_t i = 0; i < self->method_count; i++) {
        add_method(&self->methods[i], &other->methods[i]);
    }
    for (unsigned i = 0; i < FR_CODE_COUNT; i++) {
        if (self->messages[i][0] == '\0') {
            memcpy(self->messages[i], other->messages[i], FR_ERROR_MESSAGE_BYTES);
        }
    }
    slices_add(self->slices, other->slices);
    self->last_us = other->last_us > self->last_us ? other->last_us : self->last_us;
}

void tally_sum(const struct tally *self, struct tally_method *ret_sum)
{
    memset(ret_sum, 0, sizeof *ret_sum);
    for (size_t i = 0; i < self->method_count; i++) {
        add_method(ret_sum, &self->methods[i]);
    }
}

uint64_t tally_errors(const struct tally_method *self)
{
    uint64_t errors = 0;
    for (unsigned i = 1; i < FR_CODE_COUNT; i++) {
        errors += self->codes[i];
    }
    return errors;
}

uint64_t tally_calls(const struct tally_method *self)
{
    return self->codes[FR_OK] + tally_errors(self);
}
