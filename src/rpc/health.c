/* SPDX-License-Identifier: MIT */
/*
 * health.c - the service grpc.health.v1.Health, which every server has.
 */
#include "grpc/health/v1/health.freshet.h"
#include "rpc/server_internal.h"

static bool has_service(const struct fr_server *server, const char *name)
{
    for (size_t i = 0; i < server->service_count; i++) {
        if (fr_bytes_equal(fr_bytes_of(server->services[i]), fr_bytes_of(name))) {
            return true;
        }
    }
    return name[0] == '\0';
}

static void check(struct fr_call *call, const Grpc__Health__V1__HealthCheckRequest *request, void *context)
{
    struct fr_server *server = context;
    if (!has_service(server, request->service)) {
        fr_call_fail(call, FR_NOT_FOUND, "this server has no service '%.64s'", request->service);
        return;
    }
    Grpc__Health__V1__HealthCheckResponse response = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__INIT;
    response.status = atomic_load(&server->serving)
                          ? GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING
                          : GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__NOT_SERVING;
    grpc_health_v1_health_reply_check(call, &response);
}

enum fr_code fr_health_register(struct fr_server *server, struct fr_error *reterr)
{
    static const struct grpc_health_v1_health_service service = {.check = check};
    enum fr_code code = grpc_health_v1_health_register(server, &service, server);
    return code == FR_OK ? FR_OK : fr_error_no_memory(reterr);
}
