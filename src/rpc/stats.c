/* SPDX-License-Identifier: MIT */
/*
 * stats.c - the service freshet.stats.v1.Stats, and the metrics of a server.
 */
#include "rpc/stats.h"

#include <stdlib.h>
#include <string.h>

#include "freshet/stats/v1/stats.freshet.h"
#include "rpc/server_internal.h"

/* One answer in the making; everything lives in the call's arena. */
struct answer {
    struct fr_arena *arena;
    const char *prefix;
    Freshet__Stats__V1__Metric **metrics;
    size_t count, room;
    bool failed;
};

static Freshet__Stats__V1__Kind kind_of(enum fr_metric_kind kind)
{
    return kind == FR_METRIC_COUNTER ? FRESHET__STATS__V1__KIND__COUNTER
           : kind == FR_METRIC_GAUGE ? FRESHET__STATS__V1__KIND__GAUGE
                                     : FRESHET__STATS__V1__KIND__HISTOGRAM;
}

static Freshet__Stats__V1__Distribution *distribution_of(const struct fr_histogram *histogram, struct fr_arena *arena)
{
    Freshet__Stats__V1__Distribution *to = fr_arena_alloc(arena, sizeof *to);
    if (to != NULL) {
        freshet__stats__v1__distribution__init(to);
        to->count = histogram->count;
        to->sum = histogram->sum;
        to->max = histogram->max;
        to->p50 = fr_histogram_quantile(histogram, 0.5);
        to->p90 = fr_histogram_quantile(histogram, 0.9);
        to->p99 = fr_histogram_quantile(histogram, 0.99);
        to->p999 = fr_histogram_quantile(histogram, 0.999);
    }
    return to;
}

static bool make_room(struct answer *self)
{
    if (self->count < self->room) {
        return true;
    }
    size_t room = self->room == 0 ? 64 : 2 * self->room;
    Freshet__Stats__V1__Metric **grown = fr_arena_alloc(self->arena, room * sizeof grown[0]);
    if (grown == NULL) {
        return false;
    }
    if (self->count > 0) {
        memcpy(grown, self->metrics, self->count * sizeof grown[0]);
    }
    self->metrics = grown;
    self->room = room;
    return true;
}

/* The texts are the registry's and outlive the answer. */
static void add(void *context, const struct fr_metric_sample *sample)
{
    struct answer *self = context;
    const struct fr_metric *from = sample->metric;
    if (strncmp(from->name, self->prefix, strlen(self->prefix)) != 0) {
        return;
    }
    Freshet__Stats__V1__Metric *to = fr_arena_alloc(self->arena, sizeof *to);
    if (to == NULL || !make_room(self)) {
        self->failed = true;
        return;
    }
    freshet__stats__v1__metric__init(to);
    to->name = (char *)from->name;
    to->labels = (char *)(from->labels == NULL ? "" : from->labels);
    to->kind = kind_of(from->kind);
    to->unit = (char *)from->unit;
    to->help = (char *)from->help;
    to->value = sample->value;
    if (sample->histogram != NULL) {
        to->distribution = distribution_of(sample->histogram, self->arena);
        self->failed |= to->distribution == NULL;
    }
    self->metrics[self->count++] = to;
}

static void get(struct fr_call *call, const Freshet__Stats__V1__GetRequest *request, void *context)
{
    struct answer answer = {.arena = fr_call_arena(call), .prefix = request->prefix};
    if (answer.arena != NULL) {
        fr_metrics_visit(context, add, &answer);
    }
    if (answer.arena == NULL || answer.failed) {
        fr_call_fail(call, FR_RESOURCE_EXHAUSTED, "out of memory");
        return;
    }
    Freshet__Stats__V1__GetResponse response = FRESHET__STATS__V1__GET_RESPONSE__INIT;
    response.n_metrics = answer.count;
    response.metrics = answer.metrics;
    freshet_stats_v1_stats_reply_get(call, &response);
}

/* ---- the server's own ---- */

enum { CONNECTIONS, OPEN_CALLS, OPEN_MESSAGES, HELD_BYTES, SERVER_METRICS };

static const struct fr_metric server_metrics[SERVER_METRICS] = {
    [CONNECTIONS] = {"freshet_rpc_server_connections", NULL, FR_METRIC_GAUGE, "", "Clients that are connected"},
    [OPEN_CALLS] = {"freshet_rpc_server_open_calls", NULL, FR_METRIC_GAUGE, "",
                    "Calls whose handler has not answered yet"},
    [OPEN_MESSAGES] = {"freshet_rpc_server_open_messages", NULL, FR_METRIC_GAUGE, "",
                       "Messages received and not yet answered, parked ones included"},
    [HELD_BYTES] = {"freshet_rpc_server_held_bytes", NULL, FR_METRIC_GAUGE, "bytes",
                    "Memory of messages with open calls, of late answers and of unread ones"},
};

static void read_server(void *context, int64_t *values)
{
    struct fr_server *server = context;
    pthread_mutex_lock(&server->peers_mu);
    values[CONNECTIONS] = (int64_t)server->peers.count;
    pthread_mutex_unlock(&server->peers_mu);
    values[OPEN_CALLS] = atomic_load(&server->running);
    values[OPEN_MESSAGES] = atomic_load(&server->open_batches);
    values[HELD_BYTES] = (int64_t)atomic_load(&server->held_bytes);
}

enum fr_code fr_stats_register(struct fr_server *server, struct fr_metrics *metrics, struct fr_error *reterr)
{
    static const struct freshet_stats_v1_stats_service service = {.get = get};
    enum fr_code code =
        fr_metrics_add_source(metrics, server_metrics, SERVER_METRICS, read_server, server, reterr);
    if (code != FR_OK) {
        return code;
    }
    code = freshet_stats_v1_stats_register(server, &service, metrics);
    return code == FR_OK ? FR_OK : fr_error_no_memory(reterr);
}
