/* SPDX-License-Identifier: MIT */
/*
 * check.c - one grpc.health.v1.Health/Check.
 */
#include "freshet/check.h"

#include "base/clock.h"
#include "grpc/health/v1/health.pb-c.h"
#include "freshet/dial.h"
#include "rpc/channel.h"

#define ARENA_BYTES 1024

static const char *status_name(int status)
{
    const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value(
        &grpc__health__v1__health_check_response__serving_status__descriptor, status);
    return value == NULL ? "UNKNOWN" : value->name;
}

static enum fr_code ask(struct fr_channel *channel, const char *service, uint64_t timeout_us,
                        struct fr_arena *arena, struct check *ret_check, struct fr_error *reterr)
{
    Grpc__Health__V1__HealthCheckRequest request = GRPC__HEALTH__V1__HEALTH_CHECK_REQUEST__INIT;
    struct fr_call_options options = {.timeout_us = timeout_us};
    struct fr_buffer packed = {0};
    struct fr_result result;
    struct ProtobufCMessage *answer;
    request.service = (char *)service; /* only read from */
    fr_message_pack(&request.base, &packed);
    uint64_t start_us = fr_clock_now_us();
    enum fr_code code = packed.failed ? fr_error_no_memory(reterr)
                                      : fr_channel_call(channel, "grpc.health.v1.Health/Check",
                                                        fr_buffer_bytes(&packed), &options, arena, &result);
    ret_check->time_us = fr_clock_now_us() - start_us;
    if (code != FR_OK) {
        fr_error_set(reterr, code, "%s", packed.failed ? "out of memory" : result.message);
    } else {
        code = fr_message_unpack(&grpc__health__v1__health_check_response__descriptor, result.payload, arena,
                                 &answer, reterr);
    }
    if (code == FR_OK) {
        ret_check->status = status_name(((Grpc__Health__V1__HealthCheckResponse *)answer)->status);
    }
    fr_buffer_fini(&packed);
    return code;
}

enum fr_code check_health(const char *address, const char *service, uint64_t timeout_us,
                          struct check *ret_check, struct fr_error *reterr)
{
    struct fr_channel *channel = NULL;
    struct fr_arena *arena = fr_arena_new(ARENA_BYTES);
    enum fr_code code =
        arena == NULL ? fr_error_no_memory(reterr) : dial(address, &timeout_us, &channel, reterr);
    *ret_check = (struct check){.status = "UNKNOWN"};
    if (code == FR_OK) {
        code = ask(channel, service, timeout_us, arena, ret_check, reterr);
    }
    fr_channel_free(channel);
    fr_arena_free(arena);
    return code;
}
