/* SPDX-License-Identifier: MIT */
/*
 * json_peer.c - converts messages in a batch, for tests that compare with another implementation.
 *
 * Arguments: a protoset. On stdin, again and again, "MODE MESSAGE SIZE\n" and SIZE bytes; MODE is read (JSON to
 * binary), write, write-defaults or write-names (binary to JSON). On stdout "ok SIZE\n" or "error SIZE\n" and bytes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "message/json.h"

#define ARENA_CHUNK_BYTES 4096
#define MAX_INPUT_BYTES   (64 << 20)

static enum fr_code convert(const struct fr_message_type *type, const char *mode, struct fr_bytes input,
                            struct fr_arena *arena, struct fr_buffer *out, struct fr_error *error)
{
    struct ProtobufCMessage *message;
    if (strcmp(mode, "read") == 0) {
        enum fr_code code = fr_json_read(type, input, arena, &message, error);
        if (code == FR_OK) {
            fr_message_pack(message, out);
        }
        return code;
    }
    struct fr_json_options options = {.emit_defaults = strcmp(mode, "write-defaults") == 0,
                                      .indent = strcmp(mode, "write-names") == 0,
                                      .proto_names = strcmp(mode, "write-names") == 0};
    enum fr_code code = fr_message_unpack(fr_message_type_descriptor(type), input, arena, &message, error);
    return code == FR_OK ? fr_json_write(type, message, &options, out, error) : code;
}

static void answer(const char *kind, struct fr_bytes bytes)
{
    printf("%s %zu\n", kind, bytes.size);
    if (bytes.size > 0) {
        fwrite(bytes.data, 1, bytes.size, stdout);
    }
    fflush(stdout);
}

static int serve(const struct fr_schema *schema)
{
    char mode[32];
    char name[256];
    size_t size;
    while (scanf("%31s %255s %zu", mode, name, &size) == 3 && getchar() == '\n' && size <= MAX_INPUT_BYTES) {
        uint8_t *input = malloc(size + 1);
        struct fr_arena *arena = fr_arena_new(ARENA_CHUNK_BYTES);
        struct fr_buffer out = {0};
        struct fr_error error = {0};
        const struct fr_message_type *type = fr_schema_find_message(schema, name);
        if (input == NULL || arena == NULL || type == NULL || fread(input, 1, size, stdin) != size) {
            return 1;
        }
        enum fr_code code = convert(type, mode, (struct fr_bytes){input, size}, arena, &out, &error);
        if (code == FR_OK) {
            answer("ok", fr_buffer_bytes(&out));
        } else {
            answer("error", fr_bytes_of(error.message));
        }
        fr_buffer_fini(&out);
        fr_arena_free(arena);
        free(input);
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct fr_buffer set = {0};
    struct fr_schema *schema = NULL;
    struct fr_error error;
    FILE *file = argc == 2 ? fopen(argv[1], "rb") : NULL;
    if (file == NULL) {
        fprintf(stderr, "usage: json_peer PROTOSET\n");
        return 64;
    }
    char block[4096];
    size_t count;
    while ((count = fread(block, 1, sizeof block, file)) > 0) {
        fr_buffer_append(&set, block, count);
    }
    fclose(file);
    int status = 1;
    if (fr_schema_new(fr_buffer_bytes(&set), &schema, &error) != FR_OK) {
        fprintf(stderr, "json_peer: %s\n", error.message);
    } else {
        status = serve(schema);
    }
    fr_schema_free(schema);
    fr_buffer_fini(&set);
    return status;
}
