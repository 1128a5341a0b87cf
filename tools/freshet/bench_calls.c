/* SPDX-License-Identifier: MIT */
/*
 * bench_calls.c - what freshet bench rpc calls: methods with weights and requests, from what a person typed.
 */
#include "freshet/bench_calls.h"

#include <stdlib.h>
#include <string.h>

#include "freshet/command.h"
#include "freshet/input.h"
#include "freshet/report.h"

#define COMMAND    "bench rpc"
#define NAME_BYTES 512

static bool is_request(const char *argument)
{
    argument += strspn(argument, " \t\r\n");
    return *argument == '{' || *argument == '@' || *argument == '"' || *argument == '[' ||
           strcmp(argument, "-") == 0;
}

static bool ends_with(const char *text, const char *end)
{
    size_t size = strlen(text), end_size = strlen(end);
    return size >= end_size && strcmp(text + size - end_size, end) == 0;
}

/* Takes "=WEIGHT" off typed. false: it is no weight. */
static bool split_weight(const char *typed, char name[NAME_BYTES], unsigned *ret_weight)
{
    const char *equals = strchr(typed, '=');
    size_t size = equals == NULL ? strlen(typed) : (size_t)(equals - typed);
    char *end;
    if (size >= NAME_BYTES) {
        return false;
    }
    memcpy(name, typed, size);
    name[size] = '\0';
    *ret_weight = 1;
    if (equals == NULL) {
        return true;
    }
    long weight = strtol(equals + 1, &end, 10);
    *ret_weight = (unsigned)weight;
    return end != equals + 1 && *end == '\0' && weight >= 1 && weight <= MIX_MAX_WEIGHT;
}

/* The codes of failed calls are for calls: here a wrong name is wrong input. */
static int exit_code_of(int target_exit_code)
{
    return target_exit_code == EXIT_RPC + (int)FR_UNIMPLEMENTED ? EXIT_USAGE
           : target_exit_code >= EXIT_RPC                       ? EXIT_OTHER
                                                                : target_exit_code;
}

static int add(struct bench_calls *self, const char *typed, const char *argument, const char *address,
               const struct descriptors_given *given, const struct keys *keys)
{
    char name[NAME_BYTES];
    struct fr_error error;
    struct bench_call *call = &self->calls[self->count];
    struct load_method *method = &self->methods[self->count++];
    if (!split_weight(typed, name, &method->weight)) {
        return report_usage(COMMAND, "'%.200s': expected SERVICE/METHOD=WEIGHT with a weight from 1 to %d",
                            typed, MIX_MAX_WEIGHT);
    }
    int exit_code = exit_code_of(target_init(&call->target, COMMAND, name, address, given));
    if (exit_code != 0) {
        return exit_code;
    }
    method->method = call->target.method;
    if (method->method->client_streaming || method->method->server_streaming) {
        return report_usage(NULL, "%s streams; the load tool calls unary methods", method->method->full_name);
    }
    if (strcmp(call->target.address, self->calls[0].target.address) != 0) {
        return report_usage(COMMAND, "the methods have different addresses by default; give one with --addr");
    }
    if (input_read(argument, &call->text, &error) != FR_OK) {
        return report_usage(NULL, "%s", error.message);
    }
    const char *path = argument != NULL && argument[0] == '@' ? argument + 1 : NULL;
    const struct requests_options options = {
        .type = method->method->request,
        .text = fr_buffer_bytes(&call->text),
        .lines = path != NULL && (ends_with(path, ".jsonl") || ends_with(path, ".ndjson")),
        .name = path,
        .keys = keys};
    enum fr_code code = requests_new(&options, &call->requests, &error);
    method->requests = call->requests;
    return code == FR_OK                 ? 0
           : code == FR_INVALID_ARGUMENT ? report_usage(NULL, "%s", error.message)
                                         : report_failure("%s", error.message);
}

int bench_calls_init(struct bench_calls *self, char *const arguments[], int count, const char *address,
                     const struct descriptors_given *given, const struct keys *keys)
{
    int exit_code = 0;
    *self = (struct bench_calls){.count = 0};
    for (int i = 0; i < count && exit_code == 0; i++) {
        bool has_request = i + 1 < count && is_request(arguments[i + 1]);
        if (is_request(arguments[i])) {
            return report_usage(COMMAND, "the request '%.40s' has no method before it", arguments[i]);
        }
        if (self->count == MIX_METHODS) {
            return report_usage(COMMAND, "at most %d methods", MIX_METHODS);
        }
        exit_code = add(self, arguments[i], has_request ? arguments[i + 1] : NULL, address, given, keys);
        i += has_request;
    }
    return exit_code;
}

void bench_calls_fini(struct bench_calls *self)
{
    for (size_t i = 0; i < self->count; i++) {
        requests_free(self->calls[i].requests);
        fr_buffer_fini(&self->calls[i].text);
        target_fini(&self->calls[i].target);
    }
    self->count = 0;
}
