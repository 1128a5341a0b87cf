/* SPDX-License-Identifier: MIT */
/*
 * call.c - freshet call: one call, JSON in and JSON out.
 */
#include <stdio.h>

#include "base/clock.h"
#include "freshet/command.h"
#include "freshet/details.h"
#include "freshet/dial.h"
#include "freshet/headers.h"
#include "freshet/input.h"
#include "freshet/report.h"
#include "freshet/target.h"
#include "freshet/usage.h"
#include "message/json.h"
#include "rpc/channel.h"

#define ARENA_BYTES ((size_t)16 << 10)

static struct {
    const char *addr;
    struct fr_option_list headers;
    uint64_t max_time_us;
    bool verbose, json, compact, emit_defaults, proto_names;
    struct descriptors_given descriptors;
} given;

static const struct fr_option options[] = {
    {.name = "addr",
     .letter = 'a',
     .environment = "FRESHET_ADDR",
     .argument = "HOST:PORT",
     .help = "the server, otherwise the default of the service",
     .value = &given.addr},
    {.name = "header",
     .letter = 'H',
     .type = FR_OPTION_LIST,
     .argument = "'KEY: VALUE'",
     .help = "send metadata; the value of a -bin key in base64",
     .value = &given.headers},
    {.name = "max-time",
     .letter = 'm',
     .type = FR_OPTION_DURATION,
     .default_value = "10",
     .argument = "SECONDS",
     .min = 1,
     .help = "the deadline",
     .value = &given.max_time_us},
    {.name = "verbose",
     .letter = 'v',
     .type = FR_OPTION_FLAG,
     .help = "show metadata and timing on standard error",
     .value = &given.verbose},
    {.name = "compact",
     .letter = 'c',
     .type = FR_OPTION_FLAG,
     .help = "one line of JSON",
     .value = &given.compact},
    {.name = "emit-defaults",
     .type = FR_OPTION_FLAG,
     .help = "also show fields that hold their default value",
     .value = &given.emit_defaults},
    {.name = "proto-names",
     .type = FR_OPTION_FLAG,
     .help = "field names as in the .proto file",
     .value = &given.proto_names},
    {.name = "json",
     .type = FR_OPTION_FLAG,
     .help = "one line of JSON on standard output, also for the error of a call",
     .value = &given.json},
    DESCRIPTORS_OPTIONS(given.descriptors),
};

static const struct usage usage = {
    .command = "call",
    .arguments = "[OPTION]… SERVICE/METHOD [JSON | @FILE | @-]",
    .text = "Calls one method and prints its answer as JSON. The request is {} when none is given.\n"
            "Exit status: 64 + gRPC's status code when the call failed, such as 69 for NOT_FOUND.\n\n"
            "  freshet call users.v1.Users/GetUser '{\"id\":\"user-123\"}'\n",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .min = 1,
    .max = 2,
};

/* One call and what it needs; everything lives in or until the arena. */
struct exchange {
    struct target target;
    struct headers headers;
    struct fr_arena *arena;
    struct fr_buffer text; /* the request's JSON, then the answer's */
    struct fr_buffer request;
    struct fr_channel *channel;
    uint64_t timeout_us; /* what the look-up of the host has left of --max-time */
    struct fr_result result;
    uint64_t time_us;
};

static void exchange_fini(struct exchange *self)
{
    fr_channel_free(self->channel);
    fr_buffer_fini(&self->request);
    fr_buffer_fini(&self->text);
    fr_arena_free(self->arena);
    headers_fini(&self->headers);
    target_fini(&self->target);
}

/* Reads what was typed. Returns 0 or the exit code after a complaint. */
static int prepare(struct exchange *self, const char *method, const char *argument)
{
    struct fr_error error;
    int exit_code = target_init(&self->target, "call", method, given.addr, &given.descriptors);
    if (exit_code != 0) {
        return exit_code;
    }
    self->arena = fr_arena_new(ARENA_BYTES);
    if (self->arena == NULL) {
        return report_failure("out of memory");
    }
    if (headers_add_all(&self->headers, &given.headers, &error) != FR_OK ||
        fr_metadata_check(headers_metadata(&self->headers), &error) != FR_OK ||
        input_read(argument, &self->text, &error) != FR_OK ||
        target_encode(&self->target, fr_buffer_bytes(&self->text), self->arena, &self->request, &error) !=
            FR_OK) {
        return report_usage("call", "%s", error.message);
    }
    self->timeout_us = given.max_time_us;
    if (dial(self->target.address, &self->timeout_us, &self->channel, &error) != FR_OK) {
        return report_status(error.code, "%s", error.message);
    }
    return 0;
}

static void print_verbose(const struct exchange *self)
{
    struct fr_buffer line = {0};
    for (size_t i = 0; i < self->result.metadata.count; i++) {
        fr_buffer_clear(&line);
        headers_append(&line, &self->result.metadata.entries[i]);
        fputs("< ", stderr);
        report_plain(stderr, fr_buffer_bytes(&line));
        fputc('\n', stderr);
    }
    fr_buffer_clear(&line);
    report_time(&line, self->time_us);
    fprintf(stderr, "* %s from %s in %s, %zu bytes sent, %zu received\n", fr_code_name(self->result.code),
            self->target.address, fr_buffer_text(&line), self->request.size, self->result.payload.size);
    fr_buffer_fini(&line);
}

static void append_details(const struct exchange *self, struct fr_buffer *out, const char *separator)
{
    for (size_t i = 0; i < self->result.details.count; i++) {
        fr_buffer_append_text(out, i == 0 ? "" : separator);
        details_append(out, self->target.descriptors.schema, &self->result.details.entries[i], self->arena);
    }
}

static void print_json_error(const struct exchange *self, enum fr_code code, const char *message)
{
    struct fr_buffer out = {0};
    fr_buffer_append_format(&out, "{\"code\":%d,\"status\":\"%s\",\"message\":", (int)code,
                            fr_code_name(code));
    report_json_text(&out, message);
    if (self->result.retry_after_us > 0) {
        fr_buffer_append_format(&out, ",\"retryAfterMs\":%.3f", (double)self->result.retry_after_us / 1000);
    }
    if (self->result.details.count > 0) {
        fr_buffer_append_text(&out, ",\"details\":[");
        append_details(self, &out, ",");
        fr_buffer_append_text(&out, "]");
    }
    fr_buffer_append_text(&out, "}\n");
    fwrite(out.data, 1, out.size, stdout);
    fr_buffer_fini(&out);
}

static int print_error(const struct exchange *self, enum fr_code code, const char *message)
{
    if (given.json) {
        print_json_error(self, code, message);
        return EXIT_RPC + (int)code;
    }
    int exit_code = report_status(code, "%s%s", message, address_hint(given.addr, message));
    struct fr_buffer details = {0};
    append_details(self, &details, "\n");
    if (details.size > 0) {
        fprintf(stderr, "%s\n", fr_buffer_text(&details));
    }
    fr_buffer_fini(&details);
    return exit_code;
}

static int print_answer(struct exchange *self)
{
    const struct fr_message_type *type = self->target.method->response;
    const struct fr_json_options json = {.emit_defaults = given.emit_defaults,
                                         .indent = !given.compact && !given.json,
                                         .proto_names = given.proto_names};
    struct ProtobufCMessage *answer;
    struct fr_error error;
    fr_buffer_clear(&self->text);
    if (fr_message_unpack(fr_message_type_descriptor(type), self->result.payload, self->arena, &answer,
                          &error) != FR_OK ||
        fr_json_write(type, answer, &json, &self->text, &error) != FR_OK) {
        struct fr_error broken;
        fr_error_set(&broken, FR_INTERNAL, "the answer is no valid %s: %s", fr_message_type_name(type),
                     error.message);
        return print_error(self, FR_INTERNAL, broken.message);
    }
    fwrite(self->text.data, 1, self->text.size, stdout);
    if (self->text.size == 0 || self->text.data[self->text.size - 1] != '\n') {
        putchar('\n');
    }
    return 0;
}

static int call(struct exchange *self)
{
    const struct fr_call_options call_options = {.timeout_us = self->timeout_us,
                                                 .metadata = headers_metadata(&self->headers)};
    uint64_t start_us = fr_clock_now_us();
    enum fr_code code =
        fr_channel_call(self->channel, self->target.method->full_name, fr_buffer_bytes(&self->request),
                        &call_options, self->arena, &self->result);
    self->time_us = fr_clock_now_us() - start_us;
    if (given.verbose) {
        print_verbose(self);
    }
    return code == FR_OK ? print_answer(self) : print_error(self, code, self->result.message);
}

int command_call(int argc, char **argv)
{
    struct exchange exchange = {0};
    int count, exit_code;
    if (!usage_parse(&usage, argc, argv, &count, &exit_code)) {
        return exit_code;
    }
    exit_code = prepare(&exchange, argv[1], count > 1 ? argv[2] : NULL);
    if (exit_code == 0) {
        exit_code = call(&exchange);
    }
    exchange_fini(&exchange);
    return exit_code;
}
