/* SPDX-License-Identifier: MIT */
/*
 * list.c - freshet list: the services that there are, or the methods of one.
 */
#include <stdio.h>

#include "freshet/address.h"
#include "freshet/command.h"
#include "freshet/descriptors.h"
#include "freshet/near.h"
#include "freshet/report.h"
#include "freshet/usage.h"

static struct {
    const char *addr;
    bool json;
    struct descriptors_given descriptors;
} given;

static const struct fr_option options[] = {
    {.name = "addr",
     .letter = 'a',
     .environment = "FRESHET_ADDR",
     .argument = "HOST:PORT",
     .help = "ask this server for its services",
     .value = &given.addr},
    {.name = "json",
     .type = FR_OPTION_FLAG,
     .help = "one JSON array on standard output",
     .value = &given.json},
    DESCRIPTORS_OPTIONS(given.descriptors),
};

static const struct usage usage = {
    .command = "list",
    .arguments = "[OPTION]… [SERVICE]",
    .text = "Lists the services of the server at --addr, of .proto files, or else those that this program knows;\n"
            "or the methods of one of them.\n",
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

/* service may be NULL: a server has it, but did not describe it. */
static void list_service(const char *name, const struct fr_schema_service *service, bool first, struct fr_buffer *out)
{
    if (!given.json) {
        fr_buffer_append_format(out, "%s\n", name);
        return;
    }
    fr_buffer_append_format(out, "%s{\"name\":", first ? "" : ",");
    report_json_text(out, name);
    fr_buffer_append_text(out, ",\"methods\":[");
    if (service != NULL) {
        append_methods(out, service);
    }
    fr_buffer_append_text(out, "]}");
}

static void list_services(const struct descriptors *descriptors, struct fr_buffer *out)
{
    fr_buffer_append_text(out, given.json ? "[" : "");
    if (descriptors->services != NULL) {
        for (size_t i = 0; i < descriptors->service_count; i++) {
            const char *name = descriptors->services[i];
            list_service(name, fr_schema_find_service(descriptors->schema, name), i == 0, out);
        }
    } else {
        for (size_t i = 0; i < fr_schema_service_count(descriptors->schema); i++) {
            const struct fr_schema_service *service = fr_schema_service_at(descriptors->schema, i);
            list_service(service->name, service, i == 0, out);
        }
    }
    fr_buffer_append_text(out, given.json ? "]\n" : "");
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
    struct descriptors descriptors = {0};
    char address[ADDRESS_BYTES];
    struct fr_error error;
    if (given.addr != NULL && address_parse(given.addr, address, &error) != FR_OK) {
        return report_usage("list", "%s", error.message);
    }
    exit_code = descriptors_init(&descriptors, "list", &given.descriptors, given.addr == NULL ? NULL : address);
    const struct fr_schema_service *service =
        exit_code == 0 && count > 0 ? fr_schema_find_service(descriptors.schema, argv[1]) : NULL;
    if (exit_code == 0 && count > 0 && service == NULL) {
        exit_code = unknown_service(descriptors.schema, argv[1]);
    } else if (service != NULL) {
        list_methods(service, &out);
    } else if (exit_code == 0) {
        list_services(&descriptors, &out);
    }
    if (out.size > 0) {
        fwrite(out.data, 1, out.size, stdout);
    }
    fr_buffer_fini(&out);
    descriptors_fini(&descriptors);
    return exit_code;
}
