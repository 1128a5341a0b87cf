/* SPDX-License-Identifier: MIT */
/*
 * service.h - what every program shares: options, start, signals, drain.
 */
#ifndef FR_SERVICE_SERVICE_H
#define FR_SERVICE_SERVICE_H

#include "base/metrics.h"
#include "base/options.h"
#include "base/worker_pool.h"
#include "cache/cache.h"
#include "cached/relay.h"
#include "cached/serve.h"
#include "rpc/server.h"
#include "store/store.h"

/* The parts of a running program; a definition's start uses and extends them. Owned by fr_service_main. */
struct fr_service {
    struct fr_metrics *metrics;
    struct fr_server *server;
    struct fr_cache *cache;
    struct fr_cached *cached; /* what serves methods through the caches */
    /* With a database only: */
    struct fr_store *store;
    struct fr_relay *relay;
    struct fr_worker_pool *pool;
    struct fr_store_connection **connections; /* one per worker */
};

struct fr_service_definition {
    const char *program;        /* "freshet-api" */
    const char *summary;        /* one line for --help */
    const char *listen_default; /* "tcp://127.0.0.1:7001" */
    const char *variable_listen; /* "FRESHET_API_LISTEN" */
    const char *variable_db;    /* "FRESHET_DATA_DB"; NULL: the program has no database */
    bool subscribes;            /* to invalidations, so that it may have a near cache */
    const struct fr_option *options; /* of this program alone */
    size_t option_count;
    /* Whether those are sound; NULL: nothing to check. */
    enum fr_code (*check)(struct fr_error *reterr);
    /* Brings the tables of the database up to date; NULL without one. */
    enum fr_code (*migrate)(struct fr_store_connection *connection, struct fr_error *reterr);
    /* Registers the program's methods. */
    enum fr_code (*start)(struct fr_service *service, struct fr_error *reterr);
    /* Frees what start made, after the last call was answered. Runs also when start failed. NULL: nothing to free. */
    void (*stop)(void);
};

/* Runs the program until SIGTERM or SIGINT: the exit status of main. */
int fr_service_main(const struct fr_service_definition *definition, int argc, char **argv);

#endif
