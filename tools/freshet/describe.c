/* SPDX-License-Identifier: MIT */
/*
 * describe.c - freshet describe: the definition of a service, method, message or enum.
 */
#include <stdio.h>

#include "freshet/address.h"
#include "freshet/command.h"
#include "freshet/descriptors.h"
#include "freshet/near.h"
#include "freshet/report.h"
#include "freshet/usage.h"
#include "message/json.h"

static struct {
    const char *addr;
    bool json, template;
    struct descriptors_given descriptors;
} given;

static const struct fr_option options[] = {
    {.name = "addr",
     .letter = 'a',
     .environment = "FRESHET_ADDR",
     .argument = "HOST:PORT",
     .help = "ask this server",
     .value = &given.addr},
    {.name = "json",
     .type = FR_OPTION_FLAG,
     .help = "one JSON object on standard output",
     .value = &given.json},
    {.name = "template",
     .letter = 't',
     .type = FR_OPTION_FLAG,
     .help = "a JSON message to fill in: of a message, or of the request of a method",
     .value = &given.template},
    DESCRIPTORS_OPTIONS(given.descriptors),
};

static const struct usage usage = {
    .command = "describe",
    .arguments = "[OPTION]… SYMBOL",
    .text = "Shows the definition of a service, method, message or enum as it stands in its .proto file,\n"
            "such as users.v1.Users, users.v1.Users/GetUser or users.v1.User.\n",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .min = 1,
    .max = 1,
};

static int unknown_symbol(const struct fr_schema *schema, const char *symbol, const struct fr_error *error)
{
    struct near near = {0};
    struct fr_buffer hint = {0};
    for (size_t i = 0; i < fr_schema_service_count(schema); i++) {
        const struct fr_schema_service *service = fr_schema_service_at(schema, i);
        near_offer(&near, symbol, service->name);
        for (size_t j = 0; j < service->method_count; j++) {
            near_offer(&near, symbol, service->methods[j].full_name);
            near_offer(&near, symbol, fr_message_type_name(service->methods[j].request));
            near_offer(&near, symbol, fr_message_type_name(service->methods[j].response));
        }
    }
    near_append_question(&near, &hint);
    int exit_code =
        report_usage("describe", "%s%s", error->message, hint.size > 0 ? fr_buffer_text(&hint) : "");
    fr_buffer_fini(&hint);
    return exit_code;
}

static void print_definition(const char *symbol, struct fr_buffer *definition)
{
    const char *text = fr_buffer_text(definition);
    if (text == NULL) {
        return;
    }
    if (!given.json) {
        printf("%s%s", text,
               definition->size > 0 && definition->data[definition->size - 1] == '\n' ? "" : "\n");
        return;
    }
    struct fr_buffer out = {0};
    fr_buffer_append_text(&out, "{\"symbol\":");
    report_json_text(&out, symbol);
    fr_buffer_append_text(&out, ",\"definition\":");
    report_json_text(&out, text);
    fr_buffer_append_text(&out, "}\n");
    fwrite(out.data, 1, out.size, stdout);
    fr_buffer_fini(&out);
}

static int show_template(const struct fr_schema *schema, const char *symbol)
{
    const struct fr_schema_method *method = fr_schema_find_method(schema, symbol);
    const struct fr_message_type *type = method == NULL ? fr_schema_find_message(schema, symbol) : method->request;
    struct fr_buffer text = {0};
    if (type == NULL) {
        return report_usage("describe", "'%s' is neither a method nor a message, so it has no template", symbol);
    }
    fr_json_template(type, &text);
    fwrite(text.data, 1, text.size, stdout);
    fr_buffer_fini(&text);
    return 0;
}

static int show_definition(const struct fr_schema *schema, const char *symbol)
{
    struct fr_buffer definition = {0};
    struct fr_error error;
    int exit_code = 0;
    if (fr_schema_describe(schema, symbol, &definition, &error) == FR_OK) {
        print_definition(symbol, &definition);
    } else {
        exit_code = unknown_symbol(schema, symbol, &error);
    }
    fr_buffer_fini(&definition);
    return exit_code;
}

int command_describe(int argc, char **argv)
{
    struct descriptors descriptors = {0};
    char address[ADDRESS_BYTES];
    struct fr_error error;
    int count, exit_code;
    if (!usage_parse(&usage, argc, argv, &count, &exit_code)) {
        return exit_code;
    }
    if (given.addr != NULL && address_parse(given.addr, address, &error) != FR_OK) {
        return report_usage("describe", "%s", error.message);
    }
    exit_code = descriptors_init(&descriptors, "describe", &given.descriptors, given.addr == NULL ? NULL : address);
    if (exit_code == 0) {
        exit_code = (given.template ? show_template : show_definition)(descriptors.schema, argv[1]);
    }
    descriptors_fini(&descriptors);
    return exit_code;
}
