/* SPDX-License-Identifier: MIT */
/*
 * ledger.c - what the readers of each key saw, counted and told.
 */
#include "check/ledger.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"

static bool is_text(struct fr_bytes bytes, const char *text)
{
    return fr_bytes_equal(bytes, fr_bytes_of(text));
}

static void count_source(struct totals *totals, struct fr_bytes source)
{
    totals->reads++;
    totals->near += is_text(source, "near");
    totals->redis += is_text(source, "redis");
    totals->origin += is_text(source, "origin");
    totals->stale_answers += is_text(source, "stale");
}

static void count_stale(struct totals *totals, struct gathered *gathered, uint64_t staleness_us)
{
    bool over_100ms = staleness_us >= 100 * FR_MILLISECOND_US;
    bool over_1s = staleness_us >= FR_SECOND_US, over_5s = staleness_us >= 5 * FR_SECOND_US;
    gathered->reads++;
    gathered->over_100ms += over_100ms;
    gathered->over_1s += over_1s;
    gathered->over_5s += over_5s;
    totals->stale++;
    totals->over_100ms += over_100ms;
    totals->over_1s += over_1s;
    totals->over_5s += over_5s;
    totals->longest_us = staleness_us > totals->longest_us ? staleness_us : totals->longest_us;
}

void ledger_count(struct totals *totals, struct key *key, const struct ledger_read *read)
{
    struct gathered *gathered = &key->gathered[read->api];
    uint64_t newer = 0;
    uint64_t staleness_us = account_end(&key->account, &read->began, &read->seen, &newer);
    struct seen_read *recent = &key->recent[key->reads++ % LEDGER_RECENT];
    *recent = (struct seen_read){read->began.began_us, read->ended_us, read->seen, read->api, ""};
    snprintf(recent->source, sizeof recent->source, "%.*s", (int)read->source.size, (const char *)read->source.data);
    count_source(totals, read->source);
    if (read->hit) {
        fr_histogram_record(&totals->hit_staleness, staleness_us);
    }
    if (staleness_us == 0) {
        return;
    }
    count_stale(totals, gathered, staleness_us);
    gathered->near = gathered->near || read->hit;
    if (staleness_us > gathered->longest_us) {
        gathered->longest_us = staleness_us;
        gathered->began_us = read->began.began_us;
        gathered->version = read->seen.version;
        gathered->newer = newer;
    }
}

void ledger_append_stale(struct fr_buffer *out, struct key *key, unsigned api)
{
    struct gathered *gathered = &key->gathered[api];
    fr_buffer_append_format(
        out,
        "{\"line\":\"stale\",\"key\":\"%s\",\"api\":%u,\"reads\":%" PRIu64 ",\"over_100ms\":%" PRIu64
        ",\"over_1s\":%" PRIu64 ",\"over_5s\":%" PRIu64 ",\"longest_us\":%" PRIu64 ",\"began_us\":%" PRIu64
        ",\"version\":%" PRIu64 ",\"newer\":%" PRIu64 ",\"hit\":%s}\n",
        key->id, api, gathered->reads, gathered->over_100ms, gathered->over_1s, gathered->over_5s,
        gathered->longest_us, gathered->began_us, gathered->version, gathered->newer,
        gathered->near ? "true" : "false");
    *gathered = (struct gathered){0};
}

void ledger_append_totals(struct fr_buffer *out, const struct totals *totals, bool last)
{
    const struct {
        const char *name;
        uint64_t value;
    } figures[] = {
        {"reads", totals->reads},
        {"near", totals->near},
        {"redis", totals->redis},
        {"origin", totals->origin},
        {"stale_answers", totals->stale_answers},
        {"failed_reads", totals->failed_reads},
        {"writes", totals->writes},
        {"failed_writes", totals->failed_writes},
        {"foreign_writes", totals->foreign_writes},
        {"stale", totals->stale},
        {"over_100ms", totals->over_100ms},
        {"over_1s", totals->over_1s},
        {"over_5s", totals->over_5s},
        {"longest_us", totals->longest_us},
        {"mismatches", totals->mismatches},
        {"hits", totals->hit_staleness.count},
        {"hit_p50_us", fr_histogram_quantile(&totals->hit_staleness, 0.5)},
        {"hit_p99_us", fr_histogram_quantile(&totals->hit_staleness, 0.99)},
        {"hit_p999_us", fr_histogram_quantile(&totals->hit_staleness, 0.999)},
        {"hit_longest_us", totals->hit_staleness.max},
        {"publish_delays", totals->publish_delay.count},
        {"publish_p50_us", fr_histogram_quantile(&totals->publish_delay, 0.5)},
        {"publish_p99_us", fr_histogram_quantile(&totals->publish_delay, 0.99)},
        {"publish_p999_us", fr_histogram_quantile(&totals->publish_delay, 0.999)},
    };
    fr_buffer_append_format(out, "{\"line\":\"totals\",\"last\":%s", last ? "true" : "false");
    for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++) {
        fr_buffer_append_format(out, ",\"%s\":%" PRIu64, figures[i].name, figures[i].value);
    }
    fr_buffer_append_text(out, "}\n");
}

void ledger_append_history(struct fr_buffer *out, const char *id, const struct key *key)
{
    fr_buffer_append_format(out, "{\"line\":\"history\",\"key\":\"%s\",\"writes\":[", id);
    const struct account *account = key == NULL ? NULL : &key->account;
    for (size_t i = account == NULL || account->count <= LEDGER_RECENT ? 0 : account->count - LEDGER_RECENT;
         account != NULL && i < account->count; i++) {
        const struct account_write *write = &account->writes[i];
        fr_buffer_append_format(out, "%s{\"version\":%" PRIu64 ",\"answered_us\":%" PRIu64 ",\"deleted\":%s}",
                                out->data[out->size - 1] == '[' ? "" : ",", write->version, write->answered_us,
                                write->deleted ? "true" : "false");
    }
    fr_buffer_append_text(out, "],\"reads\":[");
    uint64_t reads = key == NULL ? 0 : key->reads;
    for (uint64_t i = reads <= LEDGER_RECENT ? 0 : reads - LEDGER_RECENT; i < reads; i++) {
        const struct seen_read *read = &key->recent[i % LEDGER_RECENT];
        fr_buffer_append_format(out,
                                "%s{\"began_us\":%" PRIu64 ",\"ended_us\":%" PRIu64
                                ",\"api\":%u,\"found\":%s,\"version\":%" PRIu64 ",\"source\":\"%s\"}",
                                out->data[out->size - 1] == '[' ? "" : ",", read->began_us, read->ended_us, read->api,
                                read->seen.found ? "true" : "false", read->seen.version, read->source);
    }
    fr_buffer_append_text(out, "]}\n");
}
