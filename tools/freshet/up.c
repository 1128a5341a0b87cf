/* SPDX-License-Identifier: MIT */
/*
 * up.c - freshet up and freshet demo: everything started with one command.
 */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/random.h"
#include "freshet/command.h"
#include "freshet/report.h"
#include "freshet/stack.h"
#include "freshet/usage.h"
#include "freshet/walkthrough.h"

static struct {
    struct stack_options stack;
    bool json;
    bool stay;
} given;

#define DEFAULT_PORT_BASE 7000
#define NOT_GIVEN         UINT64_MAX

/* up has all rows but the last, demo all but the first. */
static struct fr_option options[] = {
    {.name = "log-requests",
     .type = FR_OPTION_FLAG,
     .help = "a log line for each request; SIGUSR1 to a service toggles its lines",
     .value = &given.stack.log_requests},
    {.name = "port-base",
     .type = FR_OPTION_NUMBER,
     .default_value = "7000",
     .argument = "N",
     .max = 65532,
     .help = "listen on N+1 (api), N+2 (data) and N+3 (update); 0: on free ports",
     .value = &given.stack.port_base},
    {.name = "db",
     .argument = "URL",
     .help = "sqlite:PATH instead of the default database",
     .value = &given.stack.db},
    {.name = "redis",
     .environment = "FRESHET_REDIS",
     .argument = "URL",
     .help = "use this Redis instead of a private one",
     .value = &given.stack.redis},
    {.name = "seed-users",
     .type = FR_OPTION_NUMBER,
     .argument = "N",
     .max = 10000000, /* as freshet-data allows */
     .help = "make sure that user-1000 and the N - 1 after it exist",
     .value = &given.stack.seed_users},
    {.name = "json",
     .type = FR_OPTION_FLAG,
     .help = "one JSON object on standard output",
     .value = &given.json},
    {.name = "stay",
     .type = FR_OPTION_FLAG,
     .help = "keep everything running after the walk-through, until Ctrl-C",
     .value = &given.stay},
};

#define UP_OPTIONS   (&options[0])
#define DEMO_OPTIONS (&options[1])
#define PORT_BASE    (options[1])
#define SHARED_COUNT (sizeof options / sizeof options[0] - 1)

static const struct usage up_usage = {
    .command = "up",
    .arguments = "[OPTION]…",
    .text = "Starts a private redis-server without persistence and the three services, waits until all are "
            "healthy\n"
            "and says where they are. Ctrl-C stops them all. The default database is freshet/freshet.db in\n"
            "$XDG_STATE_HOME, or else in ~/.local/state.\n",
    .options = UP_OPTIONS,
    .option_count = SHARED_COUNT,
};

static const struct usage demo_usage = {
    .command = "demo",
    .arguments = "[OPTION]…",
    .text = "Does what 'up' does, then shows a miss, a hit, an update and the fresh value, each with its "
            "time and\n"
            "source. The default database is a temporary one. Exit status 0 only if every step was right.\n",
    .options = DEMO_OPTIONS,
    .option_count = SHARED_COUNT,
};

/* How another shell finds this program: by its name if this one was found in PATH, else by its place. */
static const char *program_to_type(char room[PATH_MAX])
{
    bool in_path = strchr(program_invocation_name, '/') == NULL;
    return in_path || realpath("/proc/self/exe", room) == NULL ? "freshet" : room;
}

static void print_commands(const struct stack *stack)
{
    char addr[ADDRESS_BYTES + 8] = "";
    const char *api = stack_address(stack, 0);
    if (strcmp(api, address_roles[0].address) != 0) {
        snprintf(addr, sizeof addr, "--addr %s ", api + strlen("tcp://"));
    }
    char self[PATH_MAX];
    const char *freshet = program_to_type(self);
    printf("\nTry in another terminal:\n"
           "  %s call -v %susers.v1.Users/GetUser '{\"id\":\"user-123\"}'\n"
           "  %s call %susers.v1.Users/UpdatePreference '{\"id\":\"user-123\",\"preference\":\"blue\"}'\n"
           "  %s bench rpc --concurrency 64 %susers.v1.Users/GetUser '{\"id\":\"user-123\"}'\n",
           freshet, addr, freshet, addr, freshet, addr);
}

static void print_places(const struct stack *stack)
{
    puts("Freshet is up; Ctrl-C stops it.\n");
    for (unsigned i = 0; i < ADDRESS_ROLES; i++) {
        printf("  %-7s %-26s %s\n", address_roles[i].name, stack_address(stack, i), address_roles[i].service);
    }
    printf("  %-7s %s%s\n", "redis", stack_redis(stack),
           stack_redis_is_private(stack) ? "  private, not kept" : "");
    printf("  %-7s %s\n", "db", stack_db(stack));
    print_commands(stack);
}

static void print_places_json(const struct stack *stack)
{
    struct fr_buffer out = {0};
    for (unsigned i = 0; i < ADDRESS_ROLES; i++) {
        fr_buffer_append_format(&out, "%s\"%s\":\"%s\"", i == 0 ? "{" : ",", address_roles[i].name,
                                stack_address(stack, i));
    }
    fr_buffer_append_text(&out, ",\"redis\":");
    report_json_text(&out, stack_redis(stack));
    fr_buffer_append_text(&out, ",\"db\":");
    report_json_text(&out, stack_db(stack));
    fr_buffer_append_format(&out, ",\"pid\":%ld}\n", (long)getpid());
    fwrite(out.data, 1, out.size, stdout);
    fr_buffer_fini(&out);
}

/* Says where everything is and waits until told to stop. */
static int stay(struct stack *stack)
{
    struct fr_error error;
    (given.json ? print_places_json : print_places)(stack);
    fflush(stdout);
    if (stack_wait(stack, -1, &error) == STACK_BROKEN) {
        return report_failure("%s", error.message);
    }
    return 0;
}

/* false: *ret_exit says how it failed. */
static bool start(const char *command, struct stack **ret_stack, int *ret_exit)
{
    struct fr_error error;
    enum fr_code code = stack_start(&given.stack, ret_stack, &error);
    if (code != FR_OK) {
        *ret_exit = code == FR_INVALID_ARGUMENT ? report_usage(command, "%s", error.message)
                                                : report_failure("%s", error.message);
    }
    return code == FR_OK;
}

int command_up(int argc, char **argv)
{
    struct stack *stack;
    int count, exit_code;
    if (!usage_parse(&up_usage, argc, argv, &count, &exit_code)) {
        return exit_code;
    }
    if (!start("up", &stack, &exit_code)) {
        return exit_code;
    }
    exit_code = stay(stack);
    stack_free(stack);
    return exit_code;
}

int command_demo(int argc, char **argv)
{
    struct fr_error error;
    struct stack *stack;
    char namespace[32];
    int count, exit_code;
    PORT_BASE.default_value = NULL;
    PORT_BASE.help = "as of up; without it 7000 with --stay, otherwise free ports";
    given.stack.port_base = NOT_GIVEN;
    if (!usage_parse(&demo_usage, argc, argv, &count, &exit_code)) {
        return exit_code;
    }
    if (given.stack.port_base == NOT_GIVEN) {
        given.stack.port_base = given.stay ? DEFAULT_PORT_BASE : 0;
    }
    bool temporary = given.stack.db == NULL;
    given.stack.temporary_db = temporary;
    given.stack.log_requests = true;
    if (temporary && given.stack.redis != NULL) {
        /* Keys of a database that will be gone must not meet those of another one. */
        snprintf(namespace, sizeof namespace, "demo-%016" PRIx64, fr_random_u64());
        given.stack.namespace = namespace;
    }
    if (!start("demo", &stack, &exit_code)) {
        return exit_code;
    }
    bool cold = temporary || stack_redis_is_private(stack);
    if (walkthrough_run(stack, cold, given.json, &error) != FR_OK) {
        exit_code = report_failure("%s", error.message);
    } else if (given.stay) {
        stack_toggle_request_lines(stack);
        if (!given.json) {
            putchar('\n');
        }
        exit_code = stay(stack);
    }
    stack_free(stack);
    return exit_code;
}
