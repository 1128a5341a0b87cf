/* SPDX-License-Identifier: MIT */
/*
 * list.c - freshet list: the services of the embedded descriptors, or the methods of one.
 */
#include <stdio.h>

#include "freshet/command.h"
#include "freshet/near.h"
#include "freshet/report.h"
#include "freshet/target.h"
#include "freshet/usage.h"

static struct {
    bool json;
} given;

static const struct fr_option options[] = {
    {.name = "json",
     .type = FR_OPTION_FLAG,
     .help = "one JSON array on standard output",
     .value = &given.json},
};

static const struct usage usage = {
    .command = "list",
    .arguments = "[--json] [SERVICE]",
    .text = "Lists the services that this program knows, or the methods of one of them.\n",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .max = 1,
};

static void append_methods(struct fr_buffer *out, const struct fr_schema_service *service)
{
    for (size_t i = 0; i < service->method_count; i++) {
        const struct fr_schema_method *method = &service->methods[i];
        fr_buffer_append_format(out, "%s{\"name\":\"%s\",\"request\":\"%s\",\"response\":\"%s\"}",
                                i == 0 ? "" : ",", method->full_name, fr_message_type_name(method->request),
                                fr_message_type_name(method->response));
    }
}

static void list_services(const struct fr_schema *schema, struct fr_buffer *out)
{
    size_t count = fr_schema_service_count(schema);
    for (size_t i = 0; i < count; i++) {
        const struct fr_schema_service *service = fr_schema_service_at(schema, i);
        if (!given.json) {
            fr_buffer_append_format(out, "%s\n", service->name);
            continue;
        }
        fr_buffer_append_format(out, "%s{\"name\":\"%s\",\"methods\":[", i == 0 ? "[" : ",", service->name);
        append_methods(out, service);
        fr_buffer_append_text(out, "]}");
    }
    fr_buffer_append_text(out, !given.json ? "" : count == 0 ? "[]\n" : "]\n");
}

static void list_methods(const struct fr_schema_service *service, struct fr_buffer *out)
{
    if (given.json) {
        fr_buffer_append_text(out, "[");
        append_methods(out, service);
        fr_buffer_append_text(out, "]\n");
        return;
    }
    for (size_t i = 0; i < service->method_count; i++) {
        fr_buffer_append_format(out, "%s\n", service->methods[i].full_name);
    }
}

static int unknown_service(const struct fr_schema *schema, const char *name)
{
    struct near near = {0};
    struct fr_buffer hint = {0};
    for (size_t i = 0; i < fr_schema_service_count(schema); i++) {
        near_offer(&near, name, fr_schema_service_at(schema, i)->name);
    }
    near_append_question(&near, &hint);
    int exit_code =
        report_usage("list", "unknown service '%s'%s", name, hint.size > 0 ? fr_buffer_text(&hint) : "");
    fr_buffer_fini(&hint);
    return exit_code;
}

int command_list(int argc, char **argv)
{
    struct fr_buffer out = {0};
    int count, exit_code;
    if (!usage_parse(&usage, argc, argv, &count, &exit_code)) {
        return exit_code;
    }
    struct fr_schema *schema = target_schema();
    if (schema == NULL) {
        return EXIT_OTHER;
    }
    const struct fr_schema_service *service = count > 0 ? fr_schema_find_service(schema, argv[1]) : NULL;
    if (count > 0 && service == NULL) {
        exit_code = unknown_service(schema, argv[1]);
    } else if (service != NULL) {
        list_methods(service, &out);
    } else {
        list_services(schema, &out);
    }
    fwrite(out.data, 1, out.size, stdout);
    fr_buffer_fini(&out);
    fr_schema_free(schema);
    return exit_code;
}
