/* SPDX-License-Identifier: MIT */
/*
 * stats.h - the service freshet.stats.v1.Stats: a program's metrics over RPC; and the metrics of a server.
 */
#ifndef FR_RPC_STATS_H
#define FR_RPC_STATS_H

#include "base/metrics.h"
#include "rpc/server.h"

/*
 * Registers the service, which tells what is in metrics, and adds the server's own figures to it. metrics is borrowed
 * until the server is freed; remove the figures first with fr_metrics_remove_source(metrics, server).
 *   FR_ALREADY_EXISTS      another server's figures are there
 *   FR_RESOURCE_EXHAUSTED  no memory
 */
FR_MUST_CHECK enum fr_code fr_stats_register(struct fr_server *server, struct fr_metrics *metrics,
                                             struct fr_error *reterr);

#endif
