/* SPDX-License-Identifier: MIT */
/*
 * command.h - what a command of the program freshet is, and the exit codes that all of them keep.
 */
#ifndef FRESHET_COMMAND_H
#define FRESHET_COMMAND_H

/* 0: done. An RPC that failed exits with EXIT_RPC + its status code. */
#define EXIT_OTHER 1
#define EXIT_USAGE 2
#define EXIT_RPC   64

struct command {
    const char *name;
    const char *summary; /* one line of `freshet help` */
    /* argv[0] is the command's name. Returns the exit code. */
    int (*run)(int argc, char **argv);
};

int command_call(int argc, char **argv);
int command_list(int argc, char **argv);
int command_describe(int argc, char **argv);
int command_gen(int argc, char **argv);
int command_health(int argc, char **argv);
int command_stats(int argc, char **argv);
int command_up(int argc, char **argv);
int command_demo(int argc, char **argv);
int command_bench(int argc, char **argv);
int command_bench_rpc(int argc, char **argv);
int command_bench_payload(int argc, char **argv);
int command_bench_variants(int argc, char **argv);

#endif
