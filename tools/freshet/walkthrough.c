/* SPDX-License-Identifier: MIT */
/*
 * walkthrough.c - the five steps of `freshet demo`.
 */
#include "freshet/walkthrough.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "freshet/report.h"
#include "rpc/channel.h"
#include "users/v1/users.pb-c.h"

#define USER_ID      "user-123"
#define CALL_US      (5 * FR_SECOND_US)
#define DRAIN_MS     40 /* how long a service's line about a step may take to come through its pipe */
#define ARENA_BYTES  4096
#define SOURCE_BYTES 16
#define TEXT_BYTES   128

/* What a step came to. */
struct step {
    const char *what;
    enum { FROM_ANYWHERE, FROM_ORIGIN, FROM_CACHE, WRITTEN } expected;
    uint64_t time_us;
    char source[SOURCE_BYTES]; /* x-cache, "" for a write */
    char preference[TEXT_BYTES];
    uint64_t version; /* x-cache-version, else the version in the answer */
    bool right;
    struct fr_error error; /* why not */
};

struct walk {
    struct stack *stack;
    struct fr_channel *channel;
    struct fr_arena *arena;
    bool json;
    unsigned number;
    char preference[TEXT_BYTES]; /* that the next answer must carry; "" before the first */
    uint64_t version;            /* that the next answer must carry, or exceed after a write */
    bool all_right;
    struct fr_buffer steps; /* as JSON */
};

static void copy_bytes(char *to, size_t room, struct fr_bytes from)
{
    snprintf(to, room, "%.*s", (int)from.size, from.data == NULL ? "" : (const char *)from.data);
}

static void read_result(struct walk *self, struct step *step, const struct fr_result *result)
{
    char version[32];
    struct ProtobufCMessage *message;
    if (result->code != FR_OK) {
        fr_error_set(&step->error, result->code, "%s: %s", fr_code_name(result->code), result->message);
        return;
    }
    if (fr_message_unpack(&users__v1__user__descriptor, result->payload, self->arena, &message,
                          &step->error) != FR_OK) {
        return;
    }
    const Users__V1__User *user = (const Users__V1__User *)message;
    copy_bytes(step->preference, sizeof step->preference, fr_bytes_of(user->preference));
    copy_bytes(step->source, sizeof step->source, fr_metadata_find(result->metadata, "x-cache"));
    copy_bytes(version, sizeof version, fr_metadata_find(result->metadata, "x-cache-version"));
    step->version = version[0] != '\0' ? strtoull(version, NULL, 10) : user->version;
    step->right = true;
}

static void wrong(struct step *step, const char *format, ...) FR_PRINTF(2, 3);

static void wrong(struct step *step, const char *format, ...)
{
    va_list arguments;
    if (!step->right) {
        return; /* the first cause is the one to tell */
    }
    va_start(arguments, format);
    fr_error_setv(&step->error, FR_FAILED_PRECONDITION, format, arguments);
    va_end(arguments);
    step->right = false;
}

static bool is_cached(const char *source)
{
    return strcmp(source, "redis") == 0 || strcmp(source, "near") == 0;
}

static void judge(struct walk *self, struct step *step)
{
    const char *source = step->source[0] == '\0' ? "nothing" : step->source;
    if (step->expected == FROM_ORIGIN && strcmp(step->source, "origin") != 0) {
        wrong(step, "expected x-cache: origin, got %s", source);
    }
    if (step->expected == FROM_CACHE && !is_cached(step->source)) {
        wrong(step, "expected x-cache: near or redis, got %s", source);
    }
    if (self->preference[0] != '\0' && strcmp(step->preference, self->preference) != 0) {
        wrong(step, "expected preference '%s', got '%s'", self->preference, step->preference);
    }
    if (step->expected == FROM_CACHE && step->version != self->version) {
        wrong(step, "expected version %" PRIu64 ", got %" PRIu64, self->version, step->version);
    }
    if (step->expected != FROM_CACHE && step->version < self->version) {
        wrong(step, "version %" PRIu64 " is older than %" PRIu64, step->version, self->version);
    }
    if (step->right) {
        self->version = step->version;
    }
}

static void append_json(struct walk *self, const struct step *step)
{
    struct fr_buffer *out = &self->steps;
    fr_buffer_append_format(out, "%s{\"step\":%u,\"what\":", self->number == 1 ? "" : ",", self->number);
    report_json_text(out, step->what);
    fr_buffer_append_format(
        out, ",\"time_us\":%" PRIu64 ",\"version\":%" PRIu64 ",\"source\":", step->time_us, step->version);
    report_json_text(out, step->source);
    fr_buffer_append_text(out, ",\"preference\":");
    report_json_text(out, step->preference);
    fr_buffer_append_format(out, ",\"right\":%s,\"problem\":", step->right ? "true" : "false");
    report_json_text(out, step->right ? "" : step->error.message);
    fr_buffer_append_text(out, "}");
}

static void print_step(const struct walk *self, const struct step *step)
{
    bool coloured = report_coloured(stdout);
    struct fr_buffer line = {0};
    char source[sizeof "committed" + SOURCE_BYTES];
    snprintf(source, sizeof source, "%s%s", step->source[0] == '\0' ? "committed" : "x-cache=", step->source);
    report_time(&line, step->time_us);
    printf("\n%s%u. %s%s\n   ", coloured ? "\033[1m" : "", self->number, step->what,
           coloured ? "\033[0m" : "");
    const char *verdict = step->right ? "right" : "WRONG";
    const char *colour = !coloured ? "" : step->right ? "\033[32m" : "\033[31m";
    /* The micro sign is two bytes and one column wide. */
    int width = memchr(line.data, 0xC2, line.size) == NULL ? 9 : 10;
    printf("%s%s%s  %*s  ", colour, verdict, coloured ? "\033[0m" : "", width, fr_buffer_text(&line));
    if (step->right) {
        printf("%-15s version=%" PRIu64 " preference=", source, step->version);
        report_plain(stdout, fr_bytes_of(step->preference));
        putchar('\n');
    } else {
        report_plain(stdout, fr_bytes_of(step->error.message));
        putchar('\n');
    }
    fflush(stdout); /* before the services' lines, which go to standard error */
    fr_buffer_fini(&line);
}

/* One call, its verdict and the services' lines. */
static enum fr_code run_step(struct walk *self, struct step *step, const char *method,
                             const struct ProtobufCMessage *request, struct fr_error *reterr)
{
    const struct fr_call_options options = {.timeout_us = CALL_US};
    struct fr_buffer packed = {0};
    struct fr_result result;
    fr_message_pack(request, &packed);
    if (packed.failed) {
        return fr_error_no_memory(reterr);
    }
    uint64_t start_us = fr_clock_now_us();
    enum fr_code code =
        fr_channel_call(self->channel, method, fr_buffer_bytes(&packed), &options, self->arena, &result);
    step->time_us = fr_clock_now_us() - start_us;
    fr_buffer_fini(&packed);
    FR_ASSERT(code == result.code);
    read_result(self, step, &result);
    judge(self, step);
    fr_arena_reset(self->arena);

    self->number++;
    self->all_right = self->all_right && step->right;
    append_json(self, step);
    if (!self->json) {
        print_step(self, step);
    }
    switch (stack_wait_sorted(self->stack, DRAIN_MS, reterr)) {
    case STACK_STOP:
        return fr_error_set(reterr, FR_CANCELLED, "stopped");
    case STACK_BROKEN:
        return FR_UNAVAILABLE;
    case STACK_QUIET:
        break;
    }
    return FR_OK;
}

static enum fr_code get_user(struct walk *self, struct step *step, struct fr_error *reterr)
{
    Users__V1__GetUserRequest request = USERS__V1__GET_USER_REQUEST__INIT;
    request.id = (char *)USER_ID;
    return run_step(self, step, "users.v1.Users/GetUser", &request.base, reterr);
}

static enum fr_code update_preference(struct walk *self, const char *now, struct fr_error *reterr)
{
    struct step step = {.what = "UpdatePreference " USER_ID ": commit, then invalidate", .expected = WRITTEN};
    Users__V1__UpdatePreferenceRequest request = USERS__V1__UPDATE_PREFERENCE_REQUEST__INIT;
    snprintf(self->preference, sizeof self->preference, "%s", strcmp(now, "dark") == 0 ? "light" : "dark");
    request.id = (char *)USER_ID;
    request.preference = self->preference;
    self->version++; /* a write draws a higher one than any before */
    return run_step(self, &step, "users.v1.Users/UpdatePreference", &request.base, reterr);
}

static enum fr_code walk(struct walk *self, bool cold, struct fr_error *reterr)
{
    struct step miss = {.what = cold ? "GetUser " USER_ID ": not cached yet, a miss" : "GetUser " USER_ID,
                        .expected = cold ? FROM_ORIGIN : FROM_ANYWHERE};
    struct step hit = {.what = "GetUser " USER_ID ": now a hit", .expected = FROM_CACHE};
    struct step fresh = {.what = "GetUser " USER_ID ": a miss again, with the fresh value",
                         .expected = FROM_ORIGIN};
    struct step hit_again = {.what = "GetUser " USER_ID ": a hit with the fresh value",
                             .expected = FROM_CACHE};
    enum fr_code code = get_user(self, &miss, reterr);
    if (code == FR_OK) {
        code = get_user(self, &hit, reterr);
    }
    if (code == FR_OK) {
        code = update_preference(self, hit.preference, reterr);
    }
    if (code == FR_OK) {
        code = get_user(self, &fresh, reterr);
    }
    if (code == FR_OK) {
        code = get_user(self, &hit_again, reterr);
    }
    return code;
}

enum fr_code walkthrough_run(struct stack *stack, bool cold, bool json, struct fr_error *reterr)
{
    struct walk self = {.stack = stack, .json = json, .all_right = true};
    self.arena = fr_arena_new(ARENA_BYTES);
    enum fr_code code = self.arena == NULL
                            ? fr_error_no_memory(reterr)
                            : fr_channel_new(stack_address(stack, 0), NULL, &self.channel, reterr);
    if (code == FR_OK && !json) {
        puts("\nUnder each step stand the log lines of the services that took part in it.");
    }
    if (code == FR_OK) {
        code = walk(&self, cold, reterr);
    }
    if (code == FR_OK && json) {
        printf("{\"steps\":[%s],\"right\":%s}\n", fr_buffer_text(&self.steps),
               self.all_right ? "true" : "false");
        fflush(stdout);
    }
    if (code == FR_OK && !json && self.all_right) {
        printf("\nAll %u steps were right.\n", self.number);
        fflush(stdout);
    }
    if (code == FR_OK && !self.all_right) {
        code = fr_error_set(reterr, FR_FAILED_PRECONDITION, "not every step was right");
    }
    fr_channel_free(self.channel);
    fr_arena_free(self.arena);
    fr_buffer_fini(&self.steps);
    return code;
}
