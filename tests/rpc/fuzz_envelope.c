/* SPDX-License-Identifier: MIT */
/*
 * fuzz_envelope.c - libFuzzer: what reads the envelope against protobuf-c, on any bytes.
 *
 * Needs the packages clang-14, libfuzzer-14-dev and libclang-rt-14-dev. From the root of the project:
 *
 *   cmake -S . -B build/fuzz -G Ninja -DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_COMPILER=clang-14 -DFRESHET_FUZZ=ON
 *   cmake --build build/fuzz --target fuzz_envelope
 *   build/fuzz/bin/fuzz_envelope -max_total_time=60 -max_len=4096
 *
 * The first byte of an input chooses between a request and a response batch. test_envelope.c makes the same
 * comparison on random batches in every build, without clang.
 */
#include <stdio.h>
#include <stdlib.h>

#include "rpc/envelope_model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    struct fr_bytes bytes = {data + 1, size - 1};
    const char *difference = (data[0] & 1) != 0 ? envelope_model_request(bytes, ENVELOPE_LENIENT)
                                                : envelope_model_response(bytes, ENVELOPE_LENIENT);
    if (difference != NULL) {
        fprintf(stderr, "fuzz_envelope: %s differs\n", difference);
        abort();
    }
    return 0;
}
