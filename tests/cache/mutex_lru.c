/* SPDX-License-Identifier: MIT */
/*
 * mutex_lru.c - a chained hash map and an LRU list under one mutex.
 */
#include "mutex_lru.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/siphash.h"

struct node {
    struct node *chain;
    struct node *newer, *older;
    uint64_t hash;
    size_t key_size, value_size;
    uint8_t bytes[];
};

struct fr_mutex_lru {
    pthread_mutex_t mu;
    size_t capacity, count, mask;
    struct node *newest, *oldest;
    struct node *buckets[];
};

struct fr_mutex_lru *fr_mutex_lru_new(size_t capacity)
{
    size_t buckets = 1;
    while (buckets < capacity) {
        buckets *= 2;
    }
    struct fr_mutex_lru *self = calloc(1, sizeof *self + buckets * sizeof self->buckets[0]);
    if (self != NULL) {
        pthread_mutex_init(&self->mu, NULL);
        self->capacity = capacity;
        self->mask = buckets - 1;
    }
    return self;
}

static void unlink_used(struct fr_mutex_lru *self, struct node *node)
{
    *(node->newer != NULL ? &node->newer->older : &self->newest) = node->older;
    *(node->older != NULL ? &node->older->newer : &self->oldest) = node->newer;
}

static void push_used(struct fr_mutex_lru *self, struct node *node)
{
    node->newer = NULL;
    node->older = self->newest;
    *(self->newest != NULL ? &self->newest->newer : &self->oldest) = node;
    self->newest = node;
}

static struct node **find(struct fr_mutex_lru *self, struct fr_bytes key, uint64_t hash)
{
    struct node **link = &self->buckets[hash & self->mask];
    while (*link != NULL && ((*link)->hash != hash || (*link)->key_size != key.size ||
                             memcmp((*link)->bytes, key.data, key.size) != 0)) {
        link = &(*link)->chain;
    }
    return link;
}

static void remove_oldest(struct fr_mutex_lru *self)
{
    struct node *node = self->oldest;
    struct fr_bytes key = {.data = node->bytes, .size = node->key_size};
    *find(self, key, node->hash) = node->chain;
    unlink_used(self, node);
    self->count--;
    free(node);
}

void fr_mutex_lru_free(struct fr_mutex_lru *self)
{
    if (self == NULL) {
        return;
    }
    while (self->count > 0) {
        remove_oldest(self);
    }
    pthread_mutex_destroy(&self->mu);
    free(self);
}

bool fr_mutex_lru_get(struct fr_mutex_lru *self, struct fr_bytes key, uint64_t *sum)
{
    uint64_t hash = fr_siphash((struct fr_siphash_secret){0}, key);
    pthread_mutex_lock(&self->mu);
    struct node *node = *find(self, key, hash);
    if (node != NULL) {
        unlink_used(self, node);
        push_used(self, node);
        const uint8_t *value = node->bytes + node->key_size;
        *sum += value[0] + value[node->value_size - 1];
    }
    pthread_mutex_unlock(&self->mu);
    return node != NULL;
}

void fr_mutex_lru_put(struct fr_mutex_lru *self, struct fr_bytes key, struct fr_bytes value)
{
    struct node *node = malloc(sizeof *node + key.size + value.size);
    if (node == NULL) {
        return;
    }
    node->hash = fr_siphash((struct fr_siphash_secret){0}, key);
    node->key_size = key.size;
    node->value_size = value.size;
    memcpy(node->bytes, key.data, key.size);
    memcpy(node->bytes + key.size, value.data, value.size);
    pthread_mutex_lock(&self->mu);
    if (self->count == self->capacity) {
        remove_oldest(self);
    }
    struct node **bucket = &self->buckets[node->hash & self->mask];
    node->chain = *bucket;
    *bucket = node;
    push_used(self, node);
    self->count++;
    pthread_mutex_unlock(&self->mu);
}
