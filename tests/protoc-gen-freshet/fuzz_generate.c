/* SPDX-License-Identifier: MIT */
/*
 * fuzz_generate.c - libFuzzer target: whatever stands on standard input, the generator ends well.
 *
 *   cmake -S . -B build/fuzz -G Ninja -DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_COMPILER=clang-14 -DFRESHET_FUZZ=ON
 *   cmake --build build/fuzz --target fuzz_generate
 *   build/fuzz/bin/fuzz_generate -max_total_time=60 -max_len=4096
 *
 * Each input is also laid over the middle of a sound request, which gets further than random bytes do, and that request
 * is cut off behind it.
 */
#include <string.h>

#include "protoc-gen-freshet/generate.h"
#include "protoc-gen-freshet/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try(const uint8_t *data, size_t size)
{
    struct fr_buffer response = {0};
    struct fr_error error;
    enum fr_code code = generate((struct fr_bytes){data, size}, &response, &error);
    FR_ASSERT(code == FR_OK || code == FR_INVALID_ARGUMENT || code == FR_RESOURCE_EXHAUSTED);
    fr_buffer_fini(&response);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct fr_buffer sounds[REQUEST_LANGUAGES], spoiled;
    size_t language = size == 0 ? 0 : data[0] % REQUEST_LANGUAGES;
    if (sounds[language].size == 0) {
        request_make(request_languages[language], &sounds[language]);
    }
    struct fr_buffer sound = sounds[language];
    try(data, size);
    if (size > 2 && size - 2 <= sound.size) {
        size_t at = (data[0] | (size_t)data[1] << 8) % (sound.size - (size - 2) + 1);
        fr_buffer_clear(&spoiled);
        fr_buffer_append(&spoiled, sound.data, sound.size);
        memcpy(spoiled.data + at, data + 2, size - 2);
        try(spoiled.data, spoiled.size);
        try(spoiled.data, at + size - 2);
    }
    return 0;
}
