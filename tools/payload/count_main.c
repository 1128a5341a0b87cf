/* SPDX-License-Identifier: MIT */
/*
 * count_main.c - the program freshet-bench-allocations: how often each codec calls malloc for one message. See counts.h.
 */
#include <stdio.h>

#include "base/standard_fds.h"
#include "freshet/report.h"
#include "freshet/usage.h"
#include "payload/allocations.h"
#include "payload/prepare.h"

#define WARM_TIMES    2 /* messages until kept memory is there */
#define COUNTED_TIMES 4

static struct prepare_options given;
static struct fr_option_list import_paths;

static const struct fr_option options[] = {
    {.name = "shape", .argument = "NAMES", .help = "as in freshet bench payload", .value = &given.shapes},
    {.name = "codec", .argument = "NAMES", .help = "the same", .value = &given.codecs},
    {.name = "proto", .argument = "FILE", .help = "the same", .value = &given.user.proto},
    {.name = "message", .argument = "NAME", .help = "the same", .value = &given.user.message},
    {.name = "data", .argument = "FILE", .help = "the same", .value = &given.user.data},
    {.name = "import-path",
     .type = FR_OPTION_LIST,
     .argument = "FOLDER",
     .help = "the same",
     .value = &import_paths},
};

static const struct usage usage = {
    .command = "bench payload",
    .arguments = "[OPTION]…",
    .text = "Prints SHAPE CODEC ENCODE DECODE: calls of malloc for one message.\n",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
};

static void encode(const struct codec *codec, void *state)
{
    struct payload_bytes bytes;
    codec->encode(state, &bytes);
    if (codec->drop != NULL) {
        codec->drop(state);
    }
}

static void decode(const struct codec *codec, void *state)
{
    struct sink sink = {0};
    codec->decode(state, &sink);
}

static double count(const struct codec *codec, void *state, void (*once)(const struct codec *, void *))
{
    for (int i = 0; i < WARM_TIMES; i++) {
        once(codec, state);
    }
    uint64_t before = allocations_so_far();
    for (int i = 0; i < COUNTED_TIMES; i++) {
        once(codec, state);
    }
    return (double)(allocations_so_far() - before) / COUNTED_TIMES;
}

static enum fr_code print(const struct codec *codec, const struct subject *subject, struct fr_error *reterr)
{
    if (codec->missing != NULL) {
        return FR_OK;
    }
    void *state = codec->open(&subject->input);
    if (state == NULL) {
        return fr_error_no_memory(reterr);
    }
    double encodes = codec->encode == NULL ? 0 : count(codec, state, encode);
    double decodes = codec->decode == NULL ? 0 : count(codec, state, decode);
    printf("%s %s %.2f %.2f\n", subject->name, codec->name, encodes, decodes);
    codec->close(state);
    return FR_OK;
}

int main(int argc, char **argv)
{
    static struct prepared prepared;
    struct fr_error error;
    int words, exit_code;
    given.user.import_paths = &import_paths;
    fr_standard_fds_take();
    if (!usage_parse(&usage, argc, argv, &words, &exit_code)) {
        return exit_code;
    }
    enum fr_code code = prepare(&prepared, &given, &error);
    for (size_t i = 0; i < prepared.subject_count && code == FR_OK; i++) {
        for (size_t j = 0; j < prepared.codec_count && code == FR_OK; j++) {
            code = print(prepared.codecs[j], &prepared.subjects[i], &error);
        }
    }
    prepared_fini(&prepared);
    return code == FR_OK ? 0 : report_failure("%s", error.message);
}
