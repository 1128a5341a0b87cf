/* SPDX-License-Identifier: MIT */
/*
 * gather.c - reads that one thread asks for between fr_cork and fr_uncork begin together.
 */
#include "cached/gather.h"

#include "rpc/cork.h"

static _Thread_local struct gathered {
    struct fr_cache *cache;
    struct fr_cache_reads reads;
} gathered;

static void flush(void *target)
{
    struct gathered *self = target;
    fr_cache_reads_start(&self->reads, self->cache);
}

void fr_gather_read(struct fr_cache *cache, const struct fr_cache_read *read)
{
    if (gathered.cache != cache) {
        flush(&gathered);
        gathered.cache = cache;
    }
    fr_cache_reads_add(&gathered.reads, read);
    if (fr_cork_defer(flush, &gathered) == FR_CORK_NONE) {
        flush(&gathered);
    }
}
