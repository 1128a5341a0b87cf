/* SPDX-License-Identifier: MIT */
/*
 * held_marks.c - marks that Redis refused, or that could not be cleared.
 */
#include "cached/held_marks.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

/* The longest is how long a write may stay unannounced after what Redis refused it for has been put right. */
#define PAUSE_INITIAL_US (200 * FR_MILLISECOND_US)
#define PAUSE_MAX_US     (5 * FR_SECOND_US)

static void free_texts(struct fr_store_mark *mark)
{
    free(mark->kind);
    free(mark->reference);
    mark->kind = mark->reference = NULL;
}

void fr_held_marks_fini(struct fr_held_marks *self)
{
    for (size_t i = 0; i < self->count; i++) {
        free_texts(&self->items[i].mark);
    }
    free(self->items);
    *self = (struct fr_held_marks){0};
}

static int compare(const struct fr_store_mark *left, const struct fr_store_mark *right)
{
    if (left->version != right->version) {
        return left->version < right->version ? -1 : 1;
    }
    int kinds = strcmp(left->kind, right->kind);
    return kinds != 0 ? kinds : strcmp(left->reference, right->reference);
}

/* Where the mark is, or would be. */
static size_t place_of(const struct fr_held_marks *self, const struct fr_store_mark *mark)
{
    size_t low = 0, high = self->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare(&self->items[middle].mark, mark) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static bool is_at(const struct fr_held_marks *self, size_t place, const struct fr_store_mark *mark)
{
    return place < self->count && compare(&self->items[place].mark, mark) == 0;
}

static bool grow(struct fr_held_marks *self)
{
    if (self->count < self->capacity) {
        return true;
    }
    size_t capacity = self->capacity == 0 ? 8 : self->capacity * 2;
    struct fr_held_mark *items = realloc(self->items, capacity * sizeof *items);
    if (items != NULL) {
        self->items = items;
        self->capacity = capacity;
    }
    return items != NULL;
}

static void insert(struct fr_held_marks *self, size_t place, struct fr_store_mark *mark)
{
    memmove(&self->items[place + 1], &self->items[place], (self->count - place) * sizeof self->items[0]);
    self->items[place] = (struct fr_held_mark){
        .mark = *mark,
        .pause = {.initial_us = PAUSE_INITIAL_US, .max_us = PAUSE_MAX_US},
    };
    self->count++;
    *mark = (struct fr_store_mark){0};
}

bool fr_held_marks_add(struct fr_held_marks *self, struct fr_store_mark *mark, uint64_t now_us)
{
    size_t place = place_of(self, mark);
    bool first = !is_at(self, place, mark);
    if (first && (self->count == FR_HELD_MARKS_MAX || !grow(self))) {
        free_texts(mark);
        return false;
    }
    if (first) {
        insert(self, place, mark);
    } else {
        free_texts(mark);
    }
    struct fr_held_mark *held = &self->items[place];
    held->retry_us = now_us + fr_backoff_next_us(&held->pause);
    return first;
}

/* Whether it is to be carried out now. */
static bool look_at(struct fr_held_marks *self, const struct fr_store_mark *mark, uint64_t now_us)
{
    size_t place = place_of(self, mark);
    if (!is_at(self, place, mark)) {
        return self->count < FR_HELD_MARKS_MAX;
    }
    self->items[place].seen = true;
    return self->items[place].retry_us <= now_us;
}

static void forget_unseen(struct fr_held_marks *self)
{
    size_t kept = 0;
    for (size_t i = 0; i < self->count; i++) {
        if (self->items[i].seen) {
            self->items[kept++] = self->items[i];
        } else {
            free_texts(&self->items[i].mark);
        }
    }
    self->count = kept;
}

void fr_held_marks_filter(struct fr_held_marks *self, struct fr_store_marks *marks, bool all, uint64_t now_us)
{
    size_t kept = 0;
    for (size_t i = 0; i < self->count; i++) {
        self->items[i].seen = false;
    }
    for (size_t i = 0; i < marks->count; i++) {
        if (look_at(self, &marks->items[i], now_us)) {
            marks->items[kept++] = marks->items[i];
        } else {
            free_texts(&marks->items[i]);
        }
    }
    marks->count = kept;
    if (all) {
        forget_unseen(self);
    }
}
