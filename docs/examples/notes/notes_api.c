/* SPDX-License-Identifier: MIT */
/*
 * notes_api.c - notes-api: answers from the caches, then from notes-data, and passes writes on to it.
 */
#include <freshet/cached/forward.h>
#include <freshet/service/service.h>

#include "notes/v1/notes.freshet.h"

static const char *data_address;
static struct fr_channel *data;
static struct fr_cache *cache;

static void save_note(struct fr_call *call, const Notes__V1__Note *request, void *context)
{
    (void)request, (void)context;
    fr_forward_handle(call, &(struct fr_forward){data, notes_v1_note_data_save_note_method.name, cache});
}

static enum fr_code start(struct fr_service *service, struct fr_error *reterr)
{
    static const struct notes_v1_notes_service handlers = {.save_note = save_note};
    enum fr_code code = fr_channel_new(data_address, NULL, &data, reterr);
    if (code != FR_OK) {
        return code;
    }
    cache = service->cache;
    const struct notes_v1_notes_sources sources = {.get_note = data};
    return notes_v1_notes_register_cached(service->server, &handlers, NULL, service->cached, &sources, reterr);
}

static void stop(void)
{
    fr_channel_free(data);
}

int main(int argc, char **argv)
{
    static const struct fr_option options[] = {
        {.name = "data", .argument = "ADDRESS", .default_value = "tcp://127.0.0.1:7102", .help = "Where notes-data serves",
         .value = &data_address},
    };
    static const struct fr_service_definition definition = {
        .program = "notes-api",
        .summary = "serves notes.v1.Notes",
        .listen_default = "tcp://127.0.0.1:7101",
        .variable_listen = "NOTES_API_LISTEN",
        .subscribes = true,
        .options = options,
        .option_count = sizeof options / sizeof options[0],
        .start = start,
        .stop = stop,
    };
    return fr_service_main(&definition, argc, argv);
}
