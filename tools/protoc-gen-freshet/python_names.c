/* SPDX-License-Identifier: MIT */
/*
 * python_names.c - the names of generated Python code.
 */
#include "protoc-gen-freshet/python_names.h"

#include <ctype.h>
#include <string.h>

static const char *const keywords[] = {
    "False",  "None",   "True",    "and",      "as",       "assert", "async",  "await",    "break", "class", "continue",
    "def",    "del",    "elif",    "else",     "except",   "finally", "for",   "from",     "global", "if",   "import",
    "in",     "is",     "lambda",  "nonlocal", "not",      "or",     "pass",   "raise",    "return", "try",  "while",
    "with",   "yield",  "freshet_rpc",
};

bool python_is_keyword(const char *name, size_t size)
{
    for (size_t i = 0; i < sizeof keywords / sizeof keywords[0]; i++) {
        if (strlen(keywords[i]) == size && strncmp(keywords[i], name, size) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_identifier(const char *name, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (!isalnum((unsigned char)name[i]) && name[i] != '_') {
            return false;
        }
    }
    return size > 0 && !isdigit((unsigned char)name[0]);
}

/* Whether it can stand in an import or behind a dot. */
static bool is_plain(const char *name, size_t size)
{
    return is_identifier(name, size) && !python_is_keyword(name, size);
}

static const char *keep(const struct model *model, struct fr_buffer *text)
{
    const char *whole = fr_buffer_text(text);
    const char *copy = whole == NULL ? NULL : model_join(model, whole, "", "");
    fr_buffer_fini(text);
    return copy;
}

const char *python_replaced(const struct model *model, const char *text, const char *from, const char *const *to)
{
    struct fr_buffer out = {0};
    for (; *text != '\0'; text++) {
        const char *found = strchr(from, *text);
        if (found != NULL) {
            fr_buffer_append_text(&out, to[found - from]);
        } else {
            fr_buffer_append(&out, text, 1);
        }
    }
    return keep(model, &out);
}

static bool has_parts(const char *name, bool (*is)(const char *part, size_t size))
{
    for (;;) {
        size_t size = strcspn(name, ".");
        if (!is(name, size)) {
            return false;
        }
        if (name[size] == '\0') {
            return true;
        }
        name += size + 1;
    }
}

bool python_is_module(const char *name)
{
    return has_parts(name, is_identifier);
}

bool python_is_plain(const char *name)
{
    return has_parts(name, is_plain);
}

/* A variable's name: what is no letter becomes "_", and no digit comes first. */
static const char *as_identifier(const struct model *model, const char *text)
{
    char *name = text == NULL ? NULL : model_join(model, isdigit((unsigned char)text[0]) ? "_" : "", text, "");
    for (char *at = name; at != NULL && *at != '\0'; at++) {
        *at = (char)(isalnum((unsigned char)*at) ? *at : '_');
    }
    return name;
}

enum fr_code python_name_module(const struct model *model, const Google__Protobuf__FileDescriptorProto *file,
                                struct python_module *ret_module, struct fr_error *reterr)
{
    static const char *const dotted[] = {"_", "."};
    static const char *const aliased[] = {"__", "_dot_"};
    const char *stem = output_stem(model, file);
    const char *name = stem == NULL ? NULL : python_replaced(model, stem, "-/", dotted);
    name = name == NULL ? NULL : model_join(model, name, "_pb2", "");
    const char *alias = name == NULL ? NULL : as_identifier(model, python_replaced(model, name, "_.", aliased));
    char *parent = name == NULL ? NULL : model_join(model, name, "", "");
    if (alias == NULL || parent == NULL) {
        return fr_error_no_memory(reterr);
    }
    char *dot = strrchr(parent, '.');
    parent[dot == NULL ? 0 : dot - parent] = '\0';
    *ret_module = (struct python_module){name, parent, alias, python_is_plain(name)};
    return FR_OK;
}

enum fr_code python_name_type(const struct model *model, const struct model_type *type, struct python_type *ret_name,
                              struct fr_error *reterr)
{
    struct python_module module;
    enum fr_code code = python_name_module(model, type->file, &module, reterr);
    if (code != FR_OK) {
        return code;
    }
    const char *package = type->file->package == NULL ? "" : type->file->package;
    const char *rest = type->name + (package[0] == '\0' ? 0 : strlen(package) + 1);
    const char *value = module.alias;
    bool plain = module.plain;
    while (value != NULL && *rest != '\0') {
        size_t size = strcspn(rest, ".");
        bool dotted = is_plain(rest, size);
        struct fr_buffer next = {0};
        fr_buffer_append_format(&next, dotted ? "%s." : "getattr(%s, \"", value);
        fr_buffer_append(&next, rest, size);
        fr_buffer_append_text(&next, dotted ? "" : "\")");
        value = keep(model, &next);
        plain = plain && dotted;
        rest += size + (rest[size] == '.');
    }
    *ret_name = (struct python_type){value, plain ? value : "Any"};
    return value == NULL ? fr_error_no_memory(reterr) : FR_OK;
}
