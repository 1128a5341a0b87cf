/* SPDX-License-Identifier: MIT */
/*
 * gen_languages.c - the languages of freshet gen.
 */
#include "freshet/gen.h"

#define GOOGLE "google/protobuf/"

static const char *const googles[] = {GOOGLE, NULL};

/* What Freshet's own library has, see proto/CMakeLists.txt. Users may have files beside these. */
static const char *const of_c_library[] = {
    "freshet/cache/v1/cache.proto",
    "freshet/cache/v1/options.proto",
    "freshet/reflection/v1/reflection.proto",
    "freshet/rpc/v1/rpc.proto",
    "freshet/stats/v1/stats.proto",
    "grpc/health/v1/health.proto",
    GOOGLE "any.proto",
    GOOGLE "descriptor.proto",
    GOOGLE "duration.proto",
    GOOGLE "empty.proto",
    GOOGLE "field_mask.proto",
    GOOGLE "struct.proto",
    GOOGLE "timestamp.proto",
    GOOGLE "wrappers.proto",
    NULL,
};

const struct gen_language gen_languages[] = {
    {
        .name = "c",
        .tools = {{"protoc-c", "apt-get install protobuf-c-compiler"}},
        .compiled = of_c_library,
        .example = "example.c",
        .needs = "Freshet installed with its pkg-config file, cmake, make, gcc",
    },
    {
        .name = "cpp",
        .message_flags = {"--cpp_out=@"},
        .compiled = googles,
        .run_time = "freshet.hpp",
        .example = "example.cc",
        .needs = "Freshet installed with its pkg-config file, cmake, make, g++, libprotobuf-dev",
    },
    {
        .name = "python",
        .message_flags = {"--python_out=@", "--pyi_out=@"},
        .compiled = googles,
        .run_time = "freshet_rpc.py",
        .example = "example.py",
        .needs = "python3-protobuf",
    },
    {
        .name = "js",
        .tools = {{"protoc-gen-es", "npm install @bufbuild/protoc-gen-es"}},
        .message_flags = {"--es_out=@", "--es_opt=target=js+dts", "--es_opt=import_extension=js"},
        .compiled = googles,
        .run_time = "freshet_rpc.",
        .example = "example.js",
        .needs = "Node.js and npm",
    },
    {
        .name = "go",
        .tools = {{"protoc-gen-go", "apt-get install protoc-gen-go"}},
        .message_flags = {"--go_out=@", "--go_opt=module=example/stubs"},
        .stub_flags = {"--freshet_opt=module=example/stubs", "--freshet_opt=runtime=example/stubs/freshet"},
        .go_packages = true,
        .compiled = googles,
        .run_time = "freshet/freshet.go",
        .example = "example/main.go",
        .needs = "golang-go, golang-google-protobuf-dev",
    },
};

const size_t gen_language_count = sizeof gen_languages / sizeof gen_languages[0];
