/* SPDX-License-Identifier: MIT */
/*
 * health.c - the service grpc.health.v1.Health, which every server has.
 */
#include "grpc/health/v1/health.pb-c.h"
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

static void check(struct fr_call *call, void *context)
{
    struct fr_server *server = context;
    struct fr_error error;
    struct ProtobufCMessage *message;
    if (fr_call_unpack(call, &message, &error) != FR_OK) {
        fr_call_fail_error(call, &error);
        return;
    }
    const Grpc__Health__V1__HealthCheckRequest *request = (const Grpc__Health__V1__HealthCheckRequest *)message;
    if (!has_service(server, request->service)) {
        fr_call_fail(call, FR_NOT_FOUND, "this server has no service '%.64s'", request->service);
        return;
    }
    Grpc__Health__V1__HealthCheckResponse response = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__INIT;
    response.status = atomic_load(&server->serving)
                          ? GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING
                          : GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__NOT_SERVING;
    fr_call_reply_message(call, &response.base);
}

static const struct fr_method check_method = {
    .name = FR_HEALTH_SERVICE "/Check",
    .request = &grpc__health__v1__health_check_request__descriptor,
    .response = &grpc__health__v1__health_check_response__descriptor,
    .idempotency = FR_NO_SIDE_EFFECTS,
};

enum fr_code fr_health_register(struct fr_server *server, struct fr_error *reterr)
{
    const struct fr_server_method method = {.method = &check_method, .handler = check, .context = server};
    return fr_server_register(server, FR_HEALTH_SERVICE, &method, 1, reterr);
}
