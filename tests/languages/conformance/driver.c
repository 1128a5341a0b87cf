/* SPDX-License-Identifier: MIT */
/*
 * driver.c - carries out vectors.json with the generated C client; scenario.proto says what a step is.
 *
 * usage: conformance-c VECTORS SERVER=ADDRESS...
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "conformance/scenario.freshet.h"
#include "message/json.h"
#include "probe/probe.freshet.h"
#include "support/wait.h"

#define MAX_TARGETS 32
#define MAX_ENTRIES 128

typedef Probe__V1__Values values;
typedef void method_done(void *argument, const struct fr_result *result, const values *response);
typedef void method_start(struct fr_channel *channel, const values *request, const struct fr_call_options *options,
                          method_done *done, void *argument, struct fr_pending **ret_pending);

static const struct {
    const char *name;
    method_start *start;
} methods[] = {
    {"Conformance/Echo", probe_v1_conformance_echo_async},
    {"Conformance/Fail", probe_v1_conformance_fail_async},
    {"Conformance/Sleep", probe_v1_conformance_sleep_async},
    {"Conformance/Large", probe_v1_conformance_large_async},
    {"Conformance/Shuffle", probe_v1_conformance_shuffle_async},
    {"Conformance/Arrived", probe_v1_conformance_arrived_async},
    {"Conformance/Over", probe_v1_conformance_over_async},
    {"Probe/Echo", probe_v1_probe_echo_async},
    {"Probe/Forget", probe_v1_probe_forget_async},
    {"Probe/Late", probe_v1_probe_late_async},
    {"Probe/Overtaken", probe_v1_probe_overtaken_async},
    {"Probe/Ignore", probe_v1_probe_ignore_async},
    {"Probe/Strangers", probe_v1_probe_strangers_async},
    {"Probe/WrongMessage", probe_v1_probe_wrong_message_async},
    {"Probe/Garbage", probe_v1_probe_garbage_async},
    {"Probe/Truncated", probe_v1_probe_truncated_async},
    {"Probe/TooLarge", probe_v1_probe_too_large_async},
    {"Probe/GarbagePayload", probe_v1_probe_garbage_payload_async},
    {"Probe/GarbageMetadata", probe_v1_probe_garbage_metadata_async},
    {"Probe/Refuse", probe_v1_probe_refuse_async},
    {"Probe/TooLong", probe_v1_probe_too_long_async},
    {"Probe/TooShort", probe_v1_probe_too_short_async},
    {"Probe/Break", probe_v1_probe_break_async},
    {"Probe/Silence", probe_v1_probe_silence_async},
    {"Probe/Drain", probe_v1_probe_drain_async},
    {"Probe/DrainForEver", probe_v1_probe_drain_for_ever_async},
};

static const struct fr_message_type *scenario_type, *outcome_type;
static const Conformance__V1__Scenario *scenario;
static struct fr_channel *channels[MAX_TARGETS];
static char *const *servers;

_Noreturn static void give_up(const char *what, const char *name)
{
    fprintf(stderr, "conformance-c: %s '%s'\n", what, name);
    exit(1);
}

/* ---- the outcome of a step ---- */

/* What the calls of a step came to. */
struct tally {
    struct fr_wait wait;
    const Conformance__V1__Step *step;
    uint64_t ended; /* guarded by wait, as all below */
    enum fr_code code;
    unsigned right;
    struct fr_buffer line; /* of a step with one call */
    uint64_t began_us;
};

struct one_call {
    struct tally *tally;
    const char *text;
    int64_t number;
};

static ProtobufCBinaryData binary(struct fr_bytes bytes)
{
    return (ProtobufCBinaryData){bytes.size, (uint8_t *)bytes.data};
}

static void set_metadata(Conformance__V1__Outcome *outcome, struct fr_metadata metadata, struct fr_arena *arena)
{
    outcome->metadata = fr_arena_alloc(arena, (metadata.count + 1) * sizeof outcome->metadata[0]);
    for (; outcome->n_metadata < metadata.count; outcome->n_metadata++) {
        struct fr_bytes key = metadata.entries[outcome->n_metadata].key;
        struct fr_bytes value = metadata.entries[outcome->n_metadata].value;
        Conformance__V1__Entry *entry = fr_arena_alloc(arena, sizeof *entry);
        conformance__v1__entry__init(entry);
        entry->key = fr_arena_copy_text(arena, (const char *)key.data, key.size);
        if (key.size > 4 && memcmp(key.data + key.size - 4, "-bin", 4) == 0) {
            entry->data = binary(value);
        } else {
            entry->text = fr_arena_copy_text(arena, (const char *)value.data, value.size);
        }
        outcome->metadata[outcome->n_metadata] = entry;
    }
}

static void set_details(Conformance__V1__Outcome *outcome, struct fr_details details, struct fr_arena *arena)
{
    outcome->details = fr_arena_alloc(arena, (details.count + 1) * sizeof outcome->details[0]);
    for (; outcome->n_details < details.count; outcome->n_details++) {
        const struct fr_detail *from = &details.entries[outcome->n_details];
        Probe__V1__Detail *detail = fr_arena_alloc(arena, sizeof *detail);
        probe__v1__detail__init(detail);
        detail->type_url = fr_arena_copy_text(arena, (const char *)from->type_url.data, from->type_url.size);
        detail->value = binary(from->value);
        outcome->details[outcome->n_details] = detail;
    }
}

static void write_line(const Conformance__V1__Outcome *outcome, struct fr_buffer *line)
{
    struct fr_error error;
    if (fr_json_write(outcome_type, &outcome->base, NULL, line, &error) != FR_OK) {
        give_up(error.message, outcome->name);
    }
}

static void print_line(struct fr_buffer *line)
{
    puts(fr_buffer_text(line));
    fflush(stdout);
    fr_buffer_fini(line);
}

static Conformance__V1__Outcome outcome_of(const struct tally *tally)
{
    Conformance__V1__Outcome outcome = CONFORMANCE__V1__OUTCOME__INIT;
    outcome.name = tally->step->name;
    outcome.took_ms = (uint32_t)((fr_clock_now_us() - tally->began_us) / 1000);
    return outcome;
}

static void describe(struct tally *tally, const struct fr_result *result, const values *response)
{
    struct fr_arena *arena = fr_arena_new(4096);
    struct fr_buffer packed = {0};
    Conformance__V1__Outcome outcome = outcome_of(tally);
    outcome.code = (Conformance__V1__Code)result->code;
    outcome.message = (char *)result->message;
    outcome.retry_after_us = result->retry_after_us;
    if (response != NULL) {
        fr_message_pack(&response->base, &packed);
        outcome.answer = binary(fr_buffer_bytes(&packed));
    }
    set_metadata(&outcome, result->metadata, arena);
    set_details(&outcome, result->details, arena);
    fr_buffer_clear(&tally->line);
    write_line(&outcome, &tally->line);
    fr_buffer_fini(&packed);
    fr_arena_free(arena);
}

static void on_done(void *argument, const struct fr_result *result, const values *response)
{
    struct one_call *call = argument;
    struct tally *tally = call->tally;
    fr_wait_lock(&tally->wait);
    if (result->code != FR_OK) {
        tally->code = result->code;
    } else if (response->number == call->number && strcmp(response->text, call->text) == 0) {
        tally->right++;
    }
    if (tally->step->times == 0) {
        describe(tally, result, response);
    }
    tally->ended++;
    fr_wait_unlock_changed(&tally->wait);
}

/* ---- steps ---- */

static struct fr_channel *channel_of(const char *name)
{
    for (size_t i = 0; i < scenario->n_targets; i++) {
        const Conformance__V1__Target *target = scenario->targets[i];
        if (strcmp(target->name, name) != 0) {
            continue;
        }
        size_t size = strlen(target->server);
        for (char *const *server = servers; *server != NULL && channels[i] == NULL; server++) {
            struct fr_channel_options options = {.connect_timeout_us = 1000 * (uint64_t)target->connect_timeout_ms,
                                                 .keepalive_us = 1000 * (uint64_t)target->keepalive_ms};
            if (strncmp(*server, target->server, size) == 0 && (*server)[size] == '=' &&
                fr_channel_new(*server + size + 1, &options, &channels[i], NULL) != FR_OK) {
                give_up("bad address", *server);
            }
        }
        return channels[i];
    }
    give_up("no target", name);
}

static method_start *method_of(const char *name)
{
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        if (strcmp(methods[i].name, name) == 0) {
            return methods[i].start;
        }
    }
    give_up("no method", name);
}

static void ask(const char *what)
{
    char line[16];
    struct fr_buffer text = {0};
    Conformance__V1__Outcome outcome = CONFORMANCE__V1__OUTCOME__INIT;
    outcome.ask = (char *)what;
    write_line(&outcome, &text);
    print_line(&text);
    if (fgets(line, sizeof line, stdin) == NULL || strcmp(line, "done\n") != 0) {
        give_up("nobody did", what);
    }
}

static void ignore(void *argument, const struct fr_result *result, const values *response)
{
    struct tally *tally = argument;
    (void)response;
    fr_wait_lock(&tally->wait);
    tally->code = result->code;
    tally->ended++;
    fr_wait_unlock_changed(&tally->wait);
}

static void interrupt(const Conformance__V1__Step *step, struct fr_channel *channel, const values *request,
                      struct fr_pending *pending)
{
    struct tally tally = {.step = step};
    fr_wait_init(&tally.wait);
    probe_v1_conformance_arrived_async(channel, request, NULL, ignore, &tally, NULL);
    fr_wait_for(&tally.wait, &tally.ended, 1, FR_TEST_PATIENCE_US);
    fr_wait_fini(&tally.wait);
    if (strcmp(step->meanwhile, "cancel") == 0) {
        fr_pending_cancel(pending);
    } else {
        ask(step->meanwhile);
    }
}

static void call_once(struct tally *tally, struct fr_channel *channel, values *request,
                      const struct fr_call_options *options)
{
    const Conformance__V1__Step *step = tally->step;
    method_start *start = method_of(step->method);
    unsigned count = step->times > 0 ? step->times : 1;
    struct one_call *calls = calloc(count, sizeof *calls);
    struct fr_pending *pending = NULL;
    tally->ended = tally->code = tally->right = 0;
    for (unsigned i = 0; i < count; i++) {
        request->number = step->times > 0 ? (int64_t)i : request->number;
        calls[i] = (struct one_call){tally, request->text, request->number};
        start(channel, request, options, on_done, &calls[i], *step->meanwhile != '\0' ? &pending : NULL);
    }
    if (pending != NULL) {
        interrupt(step, channel, request, pending);
        fr_pending_unref(pending);
    }
    if (!fr_wait_for(&tally->wait, &tally->ended, count, 3 * FR_TEST_PATIENCE_US)) {
        give_up("no end of", step->name);
    }
    free(calls);
}

static void fill(values *request, const Conformance__V1__Fill *with)
{
    size_t size = with->pattern.len;
    request->text = calloc(1, size * with->times + 1);
    for (unsigned i = 0; i < with->times; i++) {
        memcpy(request->text + i * size, with->pattern.data, size);
    }
}

/* How many they are. */
static size_t metadata_of(const Conformance__V1__Step *step, struct fr_metadata_entry entries[MAX_ENTRIES])
{
    size_t count = 0;
    for (size_t i = 0; i < step->n_metadata; i++) {
        const Conformance__V1__Entry *entry = step->metadata[i];
        struct fr_bytes text = fr_bytes_of(entry->text), data = {entry->data.data, entry->data.len};
        size_t end = count + (entry->times > 0 ? entry->times : 1);
        while (count < end && count < MAX_ENTRIES) {
            entries[count++] = (struct fr_metadata_entry){fr_bytes_of(entry->key), text.size > 0 ? text : data};
        }
    }
    return count;
}

static void run(const Conformance__V1__Step *step)
{
    struct tally tally = {.step = step, .began_us = fr_clock_now_us()};
    struct fr_metadata_entry entries[MAX_ENTRIES];
    struct fr_call_options options = {.timeout_us = 1000 * (uint64_t)step->timeout_ms,
                                      .metadata = {entries, metadata_of(step, entries)}};
    values request = PROBE__V1__VALUES__INIT;
    if (step->request != NULL) {
        request = *step->request;
    }
    if (step->fill != NULL) {
        fill(&request, step->fill);
    }
    fr_wait_init(&tally.wait);
    do {
        call_once(&tally, channel_of(step->target), &request, &options);
    } while (tally.code != FR_OK && fr_clock_now_us() - tally.began_us < 1000 * (uint64_t)step->again_for_ms);
    if (step->times > 0) {
        Conformance__V1__Outcome outcome = outcome_of(&tally);
        outcome.code = (Conformance__V1__Code)tally.code;
        outcome.right = tally.right;
        write_line(&outcome, &tally.line);
    }
    fr_wait_fini(&tally.wait);
    print_line(&tally.line);
    if (step->fill != NULL) {
        free(request.text);
    }
}

static struct fr_bytes read_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    struct fr_buffer buffer = {0};
    char part[4096];
    if (file == NULL) {
        give_up("cannot open", path);
    }
    for (size_t size; (size = fread(part, 1, sizeof part, file)) > 0;) {
        fr_buffer_append(&buffer, part, size);
    }
    fclose(file);
    return fr_buffer_bytes(&buffer);
}

int main(int argc, char **argv)
{
    struct fr_schema *schema;
    struct fr_error error;
    struct ProtobufCMessage *message;
    struct fr_arena *arena = fr_arena_new(1 << 16);
    if (argc < 2 || fr_schema_new(conformance_scenario_proto_descriptors, &schema, &error) != FR_OK) {
        give_up("wrong use", "");
    }
    servers = argv + 2;
    scenario_type = fr_schema_find_message(schema, "conformance.v1.Scenario");
    outcome_type = fr_schema_find_message(schema, "conformance.v1.Outcome");
    struct fr_bytes text = read_file(argv[1]), packed;
    struct fr_buffer wire = {0};
    if (fr_json_read(scenario_type, text, arena, &message, &error) != FR_OK) {
        give_up(error.message, argv[1]);
    }
    /* The schema's messages are not the generated ones. */
    fr_message_pack(message, &wire);
    packed = fr_buffer_bytes(&wire);
    scenario = conformance__v1__scenario__unpack(NULL, packed.size, packed.data);
    if (scenario == NULL || scenario->n_targets > MAX_TARGETS) {
        give_up("cannot read", argv[1]);
    }
    for (size_t i = 0; i < scenario->n_steps; i++) {
        if (*scenario->steps[i]->ask != '\0') {
            ask(scenario->steps[i]->ask);
        } else {
            run(scenario->steps[i]);
        }
    }
    for (size_t i = 0; i < scenario->n_targets; i++) {
        fr_channel_free(channels[i]);
    }
    conformance__v1__scenario__free_unpacked((Conformance__V1__Scenario *)scenario, NULL);
    free((void *)text.data);
    fr_buffer_fini(&wire);
    fr_schema_free(schema);
    fr_arena_free(arena);
    return 0;
}
