/* SPDX-License-Identifier: MIT */
/*
 * gen_go.c - the Go packages that freshet gen gives to .proto files.
 */
#include <ctype.h>
#include <string.h>

#include "freshet/gen.h"

#define GO_MODULE "example/stubs" /* in go.mod too; "example" is free for such use */

static void append_identifier(struct fr_buffer *out, const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        fr_buffer_append(out, isalnum((unsigned char)text[i]) ? &text[i] : "_", 1);
    }
}

/* Where the module's own packages stand. */
static bool is_go_folder(const char *name, size_t size)
{
    static const char *const folders[] = {"example", "freshet"};
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        if (strlen(folders[i]) == size && memcmp(folders[i], name, size) == 0) {
            return true;
        }
    }
    return false;
}

void gen_go_package(struct fr_buffer *out, const char *name)
{
    const char *slash = strrchr(name, '/');
    size_t folder = slash == NULL ? 0 : (size_t)(slash - name);
    fr_buffer_append_format(out, "M%s=" GO_MODULE "%s%.*s%s;", name, folder > 0 ? "/" : "", (int)folder, name,
                            is_go_folder(name, folder) ? "pb" : "");
    size_t start = folder, parts = 0;
    while (start > 0 && (name[start - 1] != '/' || ++parts < 2)) {
        start--;
    }
    size_t before = out->size;
    for (size_t i = start; i < folder; i++) {
        if (name[i] != '/') {
            append_identifier(out, &name[i], 1);
        }
    }
    bool bare = out->size > before && !out->failed && isalpha(out->data[before]);
    fr_buffer_append_text(out, bare ? "pb" : "stubspb");
    if (!bare && out->size > before && !out->failed && isdigit(out->data[before])) {
        out->data[before] = 'p';
    }
}
