/* SPDX-License-Identifier: MIT */
/*
 * main.c - protoc-gen-freshet: a plugin of protoc that generates Freshet stubs.
 *
 *   protoc --plugin=protoc-gen-freshet=PATH --freshet_out=lang=c:DIR users/v1/users.proto
 *
 * A CodeGeneratorRequest on standard input, a CodeGeneratorResponse on standard output. What is wrong with the .proto
 * files goes into the response, as the protocol of plugins wants; what is wrong with the request goes to standard
 * error, with exit status 1.
 *
 * protoc-gen-freshet --without-services: the FileDescriptorSet on standard input without its services, for
 * protoc-c --descriptor_set_in; strip.h tells why.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/standard_fds.h"
#include "protoc-gen-freshet/generate.h"
#include "protoc-gen-freshet/strip.h"

#define READ_BYTES 65536

static enum fr_code read_all(FILE *file, struct fr_buffer *out, struct fr_error *reterr)
{
    size_t size;
    do {
        uint8_t *to = fr_buffer_reserve(out, READ_BYTES);
        if (to == NULL) {
            return fr_error_no_memory(reterr);
        }
        size = fread(to, 1, READ_BYTES, file);
        out->size += size;
    } while (size > 0);
    return ferror(file) ? fr_error_set(reterr, FR_INTERNAL, "cannot read standard input: %s", strerror(errno)) : FR_OK;
}

static enum fr_code write_all(FILE *file, struct fr_bytes bytes, struct fr_error *reterr)
{
    if (fwrite(bytes.data, 1, bytes.size, file) != bytes.size || fflush(file) != 0) {
        return fr_error_set(reterr, FR_INTERNAL, "cannot write standard output: %s", strerror(errno));
    }
    return FR_OK;
}

static int usage(void)
{
    fputs("protoc-gen-freshet: protoc runs this program: protoc --freshet_out=lang=c:DIR FILE.proto\n", stderr);
    return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    bool strip = argc == 2 && strcmp(argv[1], "--without-services") == 0;
    fr_standard_fds_take();
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        printf("protoc-gen-freshet %s\n", FRESHET_VERSION);
        return EXIT_SUCCESS;
    }
    if (argc > 1 && !strip) {
        return usage();
    }
    struct fr_buffer input = {0};
    struct fr_buffer output = {0};
    struct fr_error error;
    enum fr_code code = read_all(stdin, &input, &error);
    if (code == FR_OK) {
        code = (strip ? strip_services : generate)(fr_buffer_bytes(&input), &output, &error);
    }
    code = code != FR_OK ? code : write_all(stdout, fr_buffer_bytes(&output), &error);
    if (code != FR_OK) {
        fprintf(stderr, "protoc-gen-freshet: %s\n", error.message);
    }
    fr_buffer_fini(&input);
    fr_buffer_fini(&output);
    return code == FR_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
