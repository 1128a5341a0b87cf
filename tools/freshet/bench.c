/* SPDX-License-Identifier: MIT */
/*
 * bench.c - freshet bench: chooses the benchmark.
 */
#include <stdio.h>
#include <string.h>

#include "freshet/command.h"
#include "freshet/report.h"

static const struct command benchmarks[] = {
    {"rpc", "a server under load: latency, throughput, objectives", command_bench_rpc},
    {"payload", "JSON against protobuf: time and size of messages", command_bench_payload},
    {"variants", "JSON against protobuf: what it changes end to end", command_bench_variants},
};

#define BENCHMARK_COUNT (sizeof benchmarks / sizeof benchmarks[0])

int command_bench(int argc, char **argv)
{
    if (argc < 2) {
        return report_usage("bench", "an argument is missing: freshet bench BENCHMARK");
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        puts("usage: freshet bench BENCHMARK [OPTION]… [ARGUMENT]…\n");
        for (size_t i = 0; i < BENCHMARK_COUNT; i++) {
            printf("  %-10s %s\n", benchmarks[i].name, benchmarks[i].summary);
        }
        puts("\n'freshet bench BENCHMARK --help' tells more.");
        return 0;
    }
    for (size_t i = 0; i < BENCHMARK_COUNT; i++) {
        if (strcmp(benchmarks[i].name, argv[1]) == 0) {
            return benchmarks[i].run(argc - 1, argv + 1);
        }
    }
    return report_usage("bench", "unknown benchmark '%s'", argv[1]);
}
