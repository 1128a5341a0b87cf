/* SPDX-License-Identifier: MIT */
/*
 * main.c - the program freshet: one table of commands, and the help about them.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/heap.h"
#include "base/standard_fds.h"
#include "freshet/command.h"
#include "freshet/near.h"
#include "freshet/report.h"

static int command_help(int argc, char **argv);

static const struct command commands[] = {
    {"up", "start Redis and the three services; stop them with Ctrl-C", command_up},
    {"demo", "up, then watch a miss, a hit, an update and the fresh value", command_demo},
    {"call", "call one method with JSON", command_call},
    {"list", "list services or the methods of one", command_list},
    {"describe", "show the definition of a service, method or message", command_describe},
    {"health", "ask services whether they are serving", command_health},
    {"stats", "show the statistics of a running program", command_stats},
    {"gen", "generate clients in C, C++, Python, JavaScript and Go", command_gen},
    {"bench", "measure calls per second and latency", command_bench},
    {"help", "show this, or the help of one command", command_help},
};

#define COMMAND_COUNT (sizeof commands / sizeof commands[0])

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(commands[i].name, name) == 0) {
            return &commands[i];
        }
    }
    return NULL;
}

static int unknown_command(const char *name)
{
    struct near near = {0};
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        near_offer(&near, name, commands[i].name);
    }
    struct fr_buffer hint = {0};
    near_append_question(&near, &hint);
    int exit_code =
        report_usage("help", "unknown command '%s'%s", name, hint.size > 0 ? fr_buffer_text(&hint) : "");
    fr_buffer_fini(&hint);
    return exit_code;
}

static void print_help(FILE *out)
{
    fputs("usage: freshet COMMAND [OPTION]… [ARGUMENT]…\n\n"
          "Runs Freshet's services, calls them and measures them.\n\n",
          out);
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].summary);
    }
    fputs("\n'freshet COMMAND --help' tells more. Exit status: 0 done; 64 + gRPC's status code when a call "
          "failed;\n"
          "2 wrong usage; 1 anything else.\n",
          out);
}

static int command_help(int argc, char **argv)
{
    char ask_for_help[] = "--help";
    if (argc < 2 || argv[1][0] == '-') {
        print_help(stdout);
        return 0;
    }
    const struct command *command = find_command(argv[1]);
    if (command == NULL) {
        return unknown_command(argv[1]);
    }
    if (command->run == command_help) {
        print_help(stdout);
        return 0;
    }
    char *arguments[] = {argv[1], ask_for_help, NULL};
    return command->run(2, arguments);
}

static int run(int argc, char **argv)
{
    if (argc < 2) {
        print_help(stderr);
        return EXIT_USAGE;
    }
    if (strcmp(argv[1], "--version") == 0) {
        puts("freshet " FRESHET_VERSION);
        return 0;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        print_help(stdout);
        return 0;
    }
    const struct command *command = find_command(argv[1]);
    return command == NULL ? unknown_command(argv[1]) : command->run(argc - 1, argv + 1);
}

int main(int argc, char **argv)
{
    fr_heap_keep();
    fr_standard_fds_take();
    int exit_code = run(argc, argv);
    errno = 0;
    if (fflush(stdout) != 0 || ferror(stdout)) {
        return report_failure("cannot write the output: %s",
                              errno == 0 ? "a part of it is lost" : strerror(errno));
    }
    return exit_code;
}
