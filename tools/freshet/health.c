/* SPDX-License-Identifier: MIT */
/*
 * health.c - freshet health: ask services whether they are serving.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "freshet/address.h"
#include "freshet/check.h"
#include "freshet/command.h"
#include "freshet/near.h"
#include "freshet/report.h"
#include "freshet/usage.h"

static struct {
    const char *addr;
    uint64_t max_time_us;
    bool json;
} given;

static const struct fr_option options[] = {
    {.name = "addr",
     .letter = 'a',
     .environment = "FRESHET_ADDR",
     .argument = "HOST:PORT",
     .help = "ask this server only",
     .value = &given.addr},
    {.name = "max-time",
     .letter = 'm',
     .type = FR_OPTION_DURATION,
     .default_value = "2",
     .argument = "SECONDS",
     .min = 1,
     .help = "give up on a server after this long",
     .value = &given.max_time_us},
    {.name = "json",
     .type = FR_OPTION_FLAG,
     .help = "one JSON array on standard output",
     .value = &given.json},
};

static const struct usage usage = {
    .command = "health",
    .arguments = "[OPTION]… [SERVICE]",
    .text = "Asks grpc.health.v1.Health at --addr, or else at the default addresses of the three services.\n"
            "A SERVICE such as users.v1.Users is asked for at its own default address.\n"
            "Exit status 0 only if all are SERVING.\n",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .max = 1,
};

struct row {
    const char *name; /* "api", or "" for an address of the user's */
    const char *address;
    enum fr_code code;
    struct check check;
    struct fr_error error;
};

static void print_row(const struct row *row)
{
    struct fr_buffer time = {0};
    report_time(&time, row->check.time_us);
    if (row->name[0] != '\0') {
        printf("%-7s ", row->name);
    }
    printf("%-24s ", row->address);
    if (row->code == FR_OK) {
        printf("%-15s %s\n", row->check.status, fr_buffer_text(&time));
    } else {
        printf("%s: ", fr_code_name(row->code));
        report_plain(stdout, fr_bytes_of(row->error.message));
        puts(address_hint(given.addr, row->error.message));
    }
    fr_buffer_fini(&time);
}

static void append_row(struct fr_buffer *out, const struct row *row)
{
    fr_buffer_append_text(out, "{\"name\":");
    report_json_text(out, row->name);
    fr_buffer_append_text(out, ",\"address\":");
    report_json_text(out, row->address);
    if (row->code == FR_OK) {
        fr_buffer_append_format(out, ",\"status\":\"%s\",\"time_us\":%" PRIu64 "}", row->check.status,
                                row->check.time_us);
        return;
    }
    fr_buffer_append_format(out, ",\"code\":\"%s\",\"message\":", fr_code_name(row->code));
    report_json_text(out, row->error.message);
    fr_buffer_append_text(out, "}");
}

static bool is_serving(const struct row *row)
{
    return row->code == FR_OK && strcmp(row->check.status, "SERVING") == 0;
}

static int print_rows(const struct row *rows, size_t count)
{
    struct fr_buffer json = {0};
    bool all_serving = true;
    for (size_t i = 0; i < count; i++) {
        all_serving = all_serving && is_serving(&rows[i]);
        fr_buffer_append_text(&json, i == 0 ? "[" : ",");
        append_row(&json, &rows[i]);
        if (!given.json) {
            print_row(&rows[i]);
        }
    }
    if (given.json) {
        printf("%s]\n", fr_buffer_text(&json));
    }
    fr_buffer_fini(&json);
    if (count == 1 && rows[0].code != FR_OK) {
        return EXIT_RPC + (int)rows[0].code;
    }
    return all_serving ? 0 : EXIT_OTHER;
}

static void complain(const char *service)
{
    struct near near = {0};
    struct fr_buffer hint = {0};
    for (size_t i = 0; i < ADDRESS_ROLES; i++) {
        near_offer(&near, service, address_roles[i].service);
    }
    near_append_question(&near, &hint);
    report_usage("health", "unknown service '%s'%s", service,
                 hint.size > 0 ? fr_buffer_text(&hint) : "; ask for it at its server with --addr");
    fr_buffer_fini(&hint);
}

/* Which servers to ask; 0 after a complaint. */
static size_t choose_rows(const char *service, char *address, struct row *rows)
{
    struct fr_error error;
    const char *default_address = address_of_service(service);
    if (given.addr != NULL) {
        rows[0] = (struct row){.name = "", .address = address};
        if (address_parse(given.addr, address, &error) != FR_OK) {
            report_usage("health", "%s", error.message);
            return 0;
        }
        return 1;
    }
    if (service[0] != '\0' && default_address == NULL) {
        complain(service);
        return 0;
    }
    size_t count = 0;
    for (size_t i = 0; i < ADDRESS_ROLES; i++) {
        if (default_address == NULL || strcmp(default_address, address_roles[i].address) == 0) {
            rows[count++] = (struct row){.name = address_roles[i].name, .address = address_roles[i].address};
        }
    }
    return count;
}

int command_health(int argc, char **argv)
{
    struct row rows[ADDRESS_ROLES];
    char address[ADDRESS_BYTES];
    int count, exit_code;
    if (!usage_parse(&usage, argc, argv, &count, &exit_code)) {
        return exit_code;
    }
    const char *service = count > 0 ? argv[1] : "";
    size_t row_count = choose_rows(service, address, rows);
    if (row_count == 0) {
        return EXIT_USAGE;
    }
    for (size_t i = 0; i < row_count; i++) {
        rows[i].code =
            check_health(rows[i].address, service, given.max_time_us, &rows[i].check, &rows[i].error);
    }
    return print_rows(rows, row_count);
}
