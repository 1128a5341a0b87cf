/* SPDX-License-Identifier: MIT */
/*
 * python.c - Python: X_freshet.py beside protoc's X_pb2.py, on the run time freshet_rpc.py.
 *
 * A file without services gives nothing. Modules of messages are imported under the names that protoc gives them
 * (users_dot_v1_dot_users__pb2): they have "__" inside, so no method in snake case can hide them.
 */
#include <ctype.h>
#include <string.h>

#include "protoc-gen-freshet/c_names.h"
#include "protoc-gen-freshet/claim.h"
#include "protoc-gen-freshet/python_names.h"

#define INDENT "    "

/* ---- imports ---- */

/*
 * protoc writes an import statement for what each file imports: it knows keywords, but not what is no identifier. And it
 * writes the file's own name between apostrophes.
 */
static enum fr_code refuse_names_of(struct model *model, const Google__Protobuf__FileDescriptorProto *file,
                                    struct fr_error *reterr)
{
    if (strchr(file->name, '\'') != NULL) {
        problems_add(&model->problems, &(struct place){.file = file},
                     "protoc's Python code takes no apostrophe in the name of a file; rename it");
    }
    for (size_t i = 0; i < file->n_dependency; i++) {
        static const char *const dotted[] = {"_", "."};
        const Google__Protobuf__FileDescriptorProto import = {.name = file->dependency[i]};
        const char *stem = output_stem(model, &import);
        const char *name = stem == NULL ? NULL : python_replaced(model, stem, "-/", dotted);
        const struct place place = place_of((struct place){.file = file}, PLACE_FILE_IMPORTS, (int32_t)i);
        if (name == NULL) {
            return fr_error_no_memory(reterr);
        }
        if (!python_is_module(name)) {
            problems_add(&model->problems, &place,
                         "protoc's Python code cannot import '%s'; rename it, so that folders and file have letters, digits "
                         "and '_', and no digit first",
                         import.name);
        }
    }
    return FR_OK;
}

static enum fr_code refuse_names(struct model *model, const struct model_file *file, struct fr_error *reterr)
{
    enum fr_code code = FR_OK;
    for (size_t i = 0; i < model->file_count && code == FR_OK; i++) {
        if (model_speaks_for(model, file, &model->files[i])) {
            code = refuse_names_of(model, model->files[i].proto, reterr);
        }
    }
    return code;
}

static bool uses(const struct model_file *file, const Google__Protobuf__FileDescriptorProto *other)
{
    for (size_t i = 0; i < file->service_count; i++) {
        for (size_t j = 0; j < file->services[i].method_count; j++) {
            const struct model_method *method = &file->services[i].methods[j];
            if (method->request->file == other || method->response->file == other) {
                return true;
            }
        }
    }
    return false;
}

static bool has_deprecated(const struct model_file *file)
{
    for (size_t i = 0; i < file->service_count; i++) {
        for (size_t j = 0; j < file->services[i].method_count; j++) {
            if (file->services[i].methods[j].deprecated) {
                return true;
            }
        }
    }
    return false;
}

/* Those that the import statement takes go to plain, the others to odd. */
static enum fr_code import_modules(const struct model *model, const struct model_file *file, struct fr_buffer *plain,
                                   struct fr_buffer *odd, struct fr_error *reterr)
{
    for (size_t i = 0; i < model->file_count; i++) {
        struct python_module module;
        if (!uses(file, model->files[i].proto)) {
            continue;
        }
        enum fr_code code = python_name_module(model, model->files[i].proto, &module, reterr);
        if (code != FR_OK) {
            return code;
        }
        if (!module.plain) {
            fr_buffer_append_format(odd, "%s: Any = importlib.import_module(\"%s\")\n", module.alias, module.name);
        } else if (module.parent[0] == '\0') {
            fr_buffer_append_format(plain, "import %s as %s\n", module.name, module.alias);
        } else {
            fr_buffer_append_format(plain, "from %s import %s as %s\n", module.parent,
                                    module.name + strlen(module.parent) + 1, module.alias);
        }
    }
    return FR_OK;
}

/* ---- texts ---- */

/* Within a docstring: no escape, no end of it. */
static void doc_line(struct fr_buffer *out, const char *line, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        char c = line[i];
        if (c == '\\' || (c == '"' && (i + 1 == size || line[i + 1] == '"'))) {
            fr_buffer_append_text(out, "\\");
        }
        fr_buffer_append(out, (unsigned char)c < ' ' && c != '\t' ? " " : &c, 1);
    }
}

/* The comment of the .proto file, or instead; then, in a paragraph of its own, note ("": none). */
static void docstring(struct fr_buffer *out, const char *indent, const struct place *place, const char *instead,
                      const char *note)
{
    const char *comment = place_comment(place);
    const char *text = comment == NULL ? instead : comment;
    bool first = true;
    size_t blank = 0;
    fr_buffer_append_format(out, "%s\"\"\"", indent);
    for (; *text != '\0'; text += strcspn(text, "\n"), text += *text == '\n') {
        size_t size = strcspn(text, "\n");
        const char *line = text + (text[0] == ' ');
        size -= text[0] == ' ';
        while (size > 0 && isspace((unsigned char)line[size - 1])) {
            size--;
        }
        if (size == 0) {
            blank++;
            continue;
        }
        for (blank += first ? 0 : 1; !first && blank > 0; blank--) {
            fr_buffer_append_text(out, "\n");
        }
        fr_buffer_append_text(out, first ? "" : indent);
        doc_line(out, line, size);
        first = false;
        blank = 0;
    }
    bool long_text = comment != NULL && strchr(comment, '\n') != NULL &&
                     strchr(comment, '\n') != comment + strlen(comment) - 1;
    if (note[0] != '\0') {
        fr_buffer_append_format(out, "%s%s%s", first ? "" : "\n\n", first ? "" : indent, note);
    }
    fr_buffer_append_format(out, "%s%s\"\"\"\n", long_text || note[0] != '\0' ? "\n" : "",
                            long_text || note[0] != '\0' ? indent : "");
}

/* ---- one service ---- */

struct method_name {
    const char *name; /* "get_user" */
    struct python_type request, response;
};

static enum fr_code name_method(const struct model *model, const struct model_method *method,
                                struct method_name *ret_name, struct fr_error *reterr)
{
    const char *name = c_snake(model, method->proto->name);
    if (name != NULL && python_is_keyword(name, strlen(name))) {
        name = model_join(model, name, "_", "");
    }
    if (name == NULL) {
        return fr_error_no_memory(reterr);
    }
    ret_name->name = name;
    enum fr_code code = python_name_type(model, method->request, &ret_name->request, reterr);
    return code != FR_OK ? code : python_name_type(model, method->response, &ret_name->response, reterr);
}

static void define_method(const struct model_method *method, const struct method_name *name, bool async,
                          struct fr_buffer *out)
{
    const char *service = method->service->proto->name;
    fr_buffer_append_format(out,
                            "\n"
                            INDENT "%sdef %s(\n"
                            INDENT INDENT "self,\n"
                            INDENT INDENT "request: %s,\n"
                            INDENT INDENT "*,\n"
                            INDENT INDENT "timeout: freshet_rpc.Timeout = None,\n"
                            INDENT INDENT "metadata: freshet_rpc.MetadataLike = (),\n"
                            INDENT INDENT "on_metadata: freshet_rpc.OnMetadata = None,\n"
                            INDENT ") -> %s:\n",
                            async ? "async " : "", name->name, name->request.hint, name->response.hint);
    docstring(out, INDENT INDENT, &method->place, method->full_name, method->deprecated ? "Deprecated." : "");
    if (method->deprecated) {
        fr_buffer_append_format(out,
                                INDENT INDENT "warnings.warn(\"%s is deprecated\", DeprecationWarning, stacklevel=2)\n",
                                method->full_name);
    }
    fr_buffer_append_format(out,
                            INDENT INDENT "return %sself.__channel.call(\n"
                            INDENT INDENT INDENT "%sMethods.%s, request, timeout=timeout, metadata=metadata, "
                            "on_metadata=on_metadata\n"
                            INDENT INDENT ")\n",
                            async ? "await " : "", service, name->name);
}

static void define_client(const struct model_service *service, const struct method_name *names, bool async,
                          struct fr_buffer *out)
{
    fr_buffer_append_format(out, "\n\nclass %s%sClient:\n", service->proto->name, async ? "Async" : "");
    docstring(out, INDENT, &service->place, service->name, service->deprecated ? "Deprecated." : "");
    fr_buffer_append_format(out,
                            "\n"
                            INDENT "def __init__(self, channel: freshet_rpc.%sChannel) -> None:\n"
                            INDENT INDENT "self.__channel = channel\n",
                            async ? "Async" : "");
    for (size_t i = 0; i < service->method_count; i++) {
        define_method(&service->methods[i], &names[i], async, out);
    }
}

static enum fr_code define_service(struct model *model, const struct model_service *service, struct fr_buffer *out,
                                   struct fr_error *reterr)
{
    struct method_name *names = model_alloc(model, service->method_count, sizeof names[0]);
    struct claim *claims = model_alloc(model, service->method_count, sizeof claims[0]);
    if (names == NULL || claims == NULL) {
        return fr_error_no_memory(reterr);
    }
    fr_buffer_append_format(out,
                            "\n\nclass %sMethods:\n"
                            INDENT "\"\"\"What %s has, for call and future of a channel.\"\"\"\n",
                            service->proto->name, service->name);
    for (size_t i = 0; i < service->method_count; i++) {
        const struct model_method *method = &service->methods[i];
        enum fr_code code = name_method(model, method, &names[i], reterr);
        if (code != FR_OK) {
            return code;
        }
        claims[i] = (struct claim){names[i].name, method->full_name, &method->place};
        fr_buffer_append_format(out,
                                "%s" INDENT "%s = freshet_rpc.Method(\n"
                                INDENT INDENT "\"%s\",\n"
                                INDENT INDENT "%s,\n"
                                INDENT INDENT "%s,\n"
                                INDENT ")\n",
                                i == 0 ? "\n" : "", names[i].name, method->full_name, names[i].request.value,
                                names[i].response.value);
    }
    define_client(service, names, false, out);
    define_client(service, names, true, out);
    return claims_check(model, claims, service->method_count, "Python", reterr);
}

/* UsersClient and UsersAsyncClient: a service called UsersAsync has the latter as well. */
static enum fr_code check_classes(struct model *model, const struct model_file *file, struct fr_error *reterr)
{
    static const char *const suffixes[] = {"Client", "AsyncClient", "Methods"};
    struct claim *claims = model_alloc(model, 3 * file->service_count, sizeof claims[0]);
    if (claims == NULL) {
        return fr_error_no_memory(reterr);
    }
    for (size_t i = 0; i < 3 * file->service_count; i++) {
        const struct model_service *service = &file->services[i / 3];
        claims[i] = (struct claim){model_join(model, service->proto->name, suffixes[i % 3], ""), service->name,
                                   &service->place};
    }
    return claims_check(model, claims, 3 * file->service_count, "Python", reterr);
}

static void append_all(struct fr_buffer *out, const struct fr_buffer *part)
{
    fr_buffer_append(out, part->data, part->size);
    out->failed = out->failed || part->failed;
}

static enum fr_code write_file(struct model *model, const struct model_file *file, struct fr_buffer *out,
                               struct fr_error *reterr)
{
    struct fr_buffer plain = {0}, odd = {0};
    enum fr_code code = check_classes(model, file, reterr);
    code = code != FR_OK ? code : import_modules(model, file, &plain, &odd, reterr);
    fr_buffer_append_format(out,
                            "# Generated by protoc-gen-freshet from %s; do not edit.\n"
                            "\"\"\"Clients of the services of %s: for threads, and for asyncio.\"\"\"\n"
                            "from __future__ import annotations\n"
                            "\n"
                            "%s%s%s%s"
                            "import freshet_rpc\n"
                            "%s",
                            file->proto->name, file->proto->name, odd.size > 0 ? "import importlib\n" : "",
                            has_deprecated(file) ? "import warnings\n" : "",
                            odd.size > 0 ? "from typing import Any\n" : "",
                            odd.size > 0 || has_deprecated(file) ? "\n" : "", plain.size > 0 ? "\n" : "");
    append_all(out, &plain);
    fr_buffer_append_text(out, odd.size > 0 ? "\n" : "");
    append_all(out, &odd);
    for (size_t i = 0; i < file->service_count && code == FR_OK; i++) {
        code = define_service(model, &file->services[i], out, reterr);
    }
    fr_buffer_fini(&plain);
    fr_buffer_fini(&odd);
    return code;
}

enum fr_code python_emit(struct output *output, const struct model_file *file, struct fr_error *reterr)
{
    static const char *const to[] = {"_", "/"};
    const char *stem = output_stem(output->model, file->proto);
    const char *module = stem == NULL ? NULL : python_replaced(output->model, stem, "-.", to);
    struct fr_buffer content = {0};
    if (module == NULL) {
        return fr_error_no_memory(reterr);
    }
    enum fr_code code = refuse_names(output->model, file, reterr);
    if (code != FR_OK || file->service_count == 0) {
        return code;
    }
    code = write_file(output->model, file, &content, reterr);
    code = code != FR_OK ? code : output_add(output, module, "_freshet.py", &content, reterr);
    fr_buffer_fini(&content);
    return code;
}

/* By statements where these take the names. Returns the type of the request, an expression. */
static const char *append_imports(const struct model *model, const struct method_name *names,
                                  const struct python_module *module, const char *stubs, const char *service,
                                  struct fr_buffer *out)
{
    if (python_is_plain(stubs) && strcmp(names->request.hint, "Any") != 0) {
        fr_buffer_append_format(out,
                                "import sys\n"
                                "\n"
                                "import %s as messages\n"
                                "from freshet_rpc import Channel, RpcError\n"
                                "from %s import %sClient\n",
                                module->name, stubs, service);
        return model_join(model, "messages", names->request.value + strlen(module->alias), "");
    }
    fr_buffer_append_format(out,
                            "import importlib\n"
                            "import sys\n"
                            "\n"
                            "from freshet_rpc import Channel, RpcError\n"
                            "\n"
                            "%s = importlib.import_module(\"%s\")\n"
                            "%sClient = importlib.import_module(\"%s\").%sClient\n",
                            module->alias, module->name, service, stubs, service);
    return names->request.value;
}

enum fr_code python_example(struct output *output, const struct model_method *method, struct fr_error *reterr)
{
    static const char *const to[] = {"_", "."};
    const struct model *model = output->model;
    const char *service = method->service->proto->name;
    const char *stem = output_stem(model, method->service->file->proto);
    const char *stubs = stem == NULL ? NULL : python_replaced(model, stem, "-/", to);
    struct method_name names;
    struct python_module module;
    struct fr_buffer content = {0};
    stubs = stubs == NULL ? NULL : model_join(model, stubs, "_freshet", "");
    enum fr_code code = stubs == NULL ? fr_error_no_memory(reterr) : name_method(model, method, &names, reterr);
    code = code != FR_OK ? code : python_name_module(model, method->request->file, &module, reterr);
    if (code != FR_OK) {
        return code;
    }
    const char *request = append_imports(model, &names, &module, stubs, service, &content);
    content.failed = content.failed || request == NULL;
    fr_buffer_append_text(&content, "\nwith Channel((sys.argv + [\"tcp://127.0.0.1:7001\"])[1]) as channel:\n    try:\n");
    output_warn(&content, INDENT INDENT, "#", method);
    fr_buffer_append_format(&content,
                            "        print(%sClient(channel).%s(%s(), timeout=2))\n"
                            "    except RpcError as error:\n"
                            "        print(error)\n",
                            service, names.name, request == NULL ? "" : request);
    code = output_add(output, "example", ".py", &content, reterr);
    fr_buffer_fini(&content);
    return code;
}
