/* SPDX-License-Identifier: MIT */
/*
 * figures.c - what a load counts.
 */
#include "peers/figures.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void figures_count_error(struct figures *self, const char *message)
{
    if (self->errors++ == 0) {
        snprintf(self->first_error, sizeof self->first_error, "%s", message);
    }
}

void figures_count_source(struct figures *self, const char *name, size_t length)
{
    for (size_t i = 0; i < FIGURES_SOURCES; i++) {
        size_t known = strlen(self->sources[i].name);
        if (known == 0 && length < sizeof self->sources[i].name) {
            memcpy(self->sources[i].name, name, length);
            known = length;
        }
        if (known == length && memcmp(self->sources[i].name, name, length) == 0) {
            self->sources[i].count++;
            return;
        }
    }
}

static void add(struct figures *total, const struct figures *part)
{
    fr_histogram_add(&total->latency_ns, &part->latency_ns);
    total->calls += part->calls;
    if (total->errors == 0) {
        memcpy(total->first_error, part->first_error, sizeof total->first_error);
    }
    total->errors += part->errors;
    for (size_t i = 0; i < FIGURES_SOURCES && part->sources[i].count > 0; i++) {
        for (size_t j = 0; j < FIGURES_SOURCES; j++) {
            if (total->sources[j].count == 0) {
                total->sources[j] = part->sources[i];
                break;
            }
            if (strcmp(total->sources[j].name, part->sources[i].name) == 0) {
                total->sources[j].count += part->sources[i].count;
                break;
            }
        }
    }
}

static double quantile_us(const struct figures *total, double fraction)
{
    return (double)fr_histogram_quantile(&total->latency_ns, fraction) / 1000;
}

static void print_text(const char *text)
{
    putchar('"');
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text >= ' ' && *text != '"' && *text != '\\') {
            putchar(*text);
        }
    }
    putchar('"');
}

static void print_sources(const struct figures *total)
{
    printf(",\"sources\":{");
    for (size_t i = 0; i < FIGURES_SOURCES && total->sources[i].count > 0; i++) {
        printf("%s", i == 0 ? "" : ",");
        print_text(total->sources[i].name);
        printf(":%" PRIu64, total->sources[i].count);
    }
    printf("}");
}

void figures_print(const struct figures *parts, size_t count, const struct report *report)
{
    static struct figures total;
    for (size_t i = 0; i < count; i++) {
        add(&total, &parts[i]);
    }
    uint64_t calls = total.calls;
    printf("{\"calls\":%" PRIu64 ",\"errors\":%" PRIu64 ",\"lost\":%" PRIu64 ",\"first_error\":", calls,
           total.errors, report->lost);
    print_text(total.first_error);
    printf(",\"seconds\":%.6f,\"calls_per_s\":%.1f,\"exhausted\":%s", report->seconds,
           report->seconds > 0 ? (double)calls / report->seconds : 0, report->exhausted ? "true" : "false");
    printf(",\"timed\":%" PRIu64, total.latency_ns.count);
    printf(",\"p50_us\":%.2f,\"p90_us\":%.2f,\"p99_us\":%.2f,\"p999_us\":%.2f,\"max_us\":%.2f",
           quantile_us(&total, 0.5), quantile_us(&total, 0.9), quantile_us(&total, 0.99),
           quantile_us(&total, 0.999), (double)total.latency_ns.max / 1000);
    printf(",\"client_cpu_s\":%.6f,\"server_cpu_s\":%.6f,\"store_cpu_s\":%.6f", report->client_cpu_s,
           report->server_cpu_s, report->store_cpu_s);
    printf(",\"server_rss_bytes\":%" PRIu64 ",\"client_rss_bytes\":%" PRIu64, report->server_rss_bytes,
           report->client_rss_bytes);
    printf(",\"probed\":%" PRIu64 ",\"server_grown_bytes\":%" PRId64 ",\"client_grown_bytes\":%" PRId64,
           report->probed, report->server_grown_bytes, report->client_grown_bytes);
    print_sources(&total);
    puts("}");
    fflush(stdout);
}
