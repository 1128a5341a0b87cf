/* SPDX-License-Identifier: MIT */
/*
 * go.c - Go: X.freshet.go in the package of protoc-gen-go's X.pb.go, on the run time freshet.go.
 *
 * A file without services gives nothing. Parameters, as protoc-gen-go has them: MFILE=PATH;NAME, paths=source_relative
 * and module=PREFIX; and runtime=PATH, from where to import the run time.
 */
#include <string.h>

#include "protoc-gen-freshet/comment.h"
#include "protoc-gen-freshet/go_names.h"

const char *const go_parameters[] = {"M", "paths=import", "paths=source_relative", "module=", "runtime=", NULL};

/* ---- one service ---- */

struct names {
    const char *client;     /* "UsersClient" */
    const char *unexported; /* "usersClient" */
};

/* "GetUser(ctx …, request *GetUserRequest, …) (*User, error)" */
static void append_signature(const struct go_unit *unit, const struct model_method *method, struct fr_buffer *out)
{
    const char *name = go_name(unit->output->model, method->proto->name);
    const char *request = go_type(unit, method->request), *response = go_type(unit, method->response);
    if (name == NULL || request == NULL || response == NULL) {
        out->failed = true;
        return;
    }
    fr_buffer_append_format(out, "%s(ctx context.Context, request *%s, options ...%s.CallOption) (*%s, error)", name,
                            request, unit->run_time, response);
}

static void declare_method(const struct go_unit *unit, const struct model_method *method, struct fr_buffer *out)
{
    const char *comment = place_comment(&method->place);
    comment_lines(out, "\t", "//", comment);
    if (method->deprecated) {
        fr_buffer_append_format(out, "%s\t// Deprecated: %s is deprecated.\n", comment == NULL ? "" : "\t//\n",
                                method->full_name);
    }
    fr_buffer_append_text(out, "\t");
    append_signature(unit, method, out);
    fr_buffer_append_text(out, "\n");
}

static void define_method(const struct go_unit *unit, const struct names *names, const struct model_method *method,
                          struct fr_buffer *out)
{
    const char *response = go_type(unit, method->response);
    fr_buffer_append_format(out, "\nfunc (c *%s) ", names->unexported);
    append_signature(unit, method, out);
    fr_buffer_append_format(out,
                            " {\n"
                            "\tresponse := new(%s)\n"
                            "\tif err := c.caller.Invoke(ctx, \"%s\", request, response, options...); err != nil {\n"
                            "\t\treturn nil, err\n"
                            "\t}\n"
                            "\treturn response, nil\n"
                            "}\n",
                            response == NULL ? "" : response, method->full_name);
}

static void define_service(const struct go_unit *unit, const struct model_service *service, struct fr_buffer *out)
{
    const struct model *model = unit->output->model;
    const char *name = go_name(model, service->proto->name);
    struct names names = {.client = name == NULL ? NULL : model_join(model, name, "Client", "")};
    names.unexported = names.client == NULL ? NULL : go_unexported(model, names.client);
    if (names.unexported == NULL) {
        out->failed = true;
        return;
    }
    fr_buffer_append_format(out, "\n// %s calls %s. Errors are of type *%s.Error.\n", names.client, service->name,
                            unit->run_time);
    const char *comment = place_comment(&service->place);
    fr_buffer_append_text(out, comment == NULL ? "" : "//\n");
    comment_lines(out, "", "//", comment);
    if (service->deprecated) {
        fr_buffer_append_format(out, "//\n// Deprecated: %s is deprecated.\n", service->name);
    }
    fr_buffer_append_format(out, "type %s interface {\n", names.client);
    for (size_t i = 0; i < service->method_count; i++) {
        declare_method(unit, &service->methods[i], out);
    }
    fr_buffer_append_format(out,
                            "}\n"
                            "\n"
                            "type %s struct{ caller %s.Caller }\n"
                            "\n"
                            "// New%s makes a client of %s; caller is a *%s.Channel.\n"
                            "func New%s(caller %s.Caller) %s { return &%s{caller} }\n",
                            names.unexported, unit->run_time, names.client, service->name, unit->run_time, names.client,
                            unit->run_time, names.client, names.unexported);
    for (size_t i = 0; i < service->method_count; i++) {
        define_method(unit, &names, &service->methods[i], out);
    }
}

/* ---- the file ---- */

static bool has_methods(const struct model_file *file)
{
    for (size_t i = 0; i < file->service_count; i++) {
        if (file->services[i].method_count > 0) {
            return true;
        }
    }
    return false;
}

static void append_file(const struct go_unit *unit, struct fr_buffer *out)
{
    fr_buffer_append_format(out,
                            "// Code generated by protoc-gen-freshet from %s. DO NOT EDIT.\n"
                            "\n"
                            "package %s\n"
                            "\n"
                            "import (\n",
                            unit->file->proto->name, unit->own.name);
    if (has_methods(unit->file)) {
        fr_buffer_append_text(out, "\t\"context\"\n\n");
    }
    for (size_t i = 0; i < unit->import_count; i++) {
        fr_buffer_append_format(out, "\t%s \"%s\"\n", unit->imports[i].alias, unit->imports[i].package.path);
    }
    fr_buffer_append_text(out, ")\n");
    for (size_t i = 0; i < unit->file->service_count; i++) {
        define_service(unit, &unit->file->services[i], out);
    }
}

/* Beside protoc-gen-go's output of the same parameters. NULL: no memory. */
static const char *place_of_output(const struct go_unit *unit, struct fr_error *reterr)
{
    const struct model *model = unit->output->model;
    const char *stem = output_stem(model, unit->file->proto);
    const char *paths = output_parameter(unit->output, "paths="), *prefix = output_parameter(unit->output, "module=");
    const char *folder = unit->own.path;
    if (stem != NULL && (paths == NULL || strcmp(paths, "source_relative") != 0)) {
        size_t size = prefix == NULL ? 0 : strlen(prefix);
        if (size > 0 && strncmp(folder, prefix, size) == 0 && (folder[size] == '/' || folder[size] == '\0')) {
            folder += size + (folder[size] == '/');
        }
        const char *base = strrchr(stem, '/') == NULL ? stem : strrchr(stem, '/') + 1;
        stem = model_join(model, folder, folder[0] == '\0' ? "" : "/", base);
    }
    if (stem == NULL) {
        fr_error_no_memory(reterr);
    }
    return stem;
}

enum fr_code go_emit(struct output *output, const struct model_file *file, struct fr_error *reterr)
{
    struct go_unit unit;
    struct fr_buffer content = {0};
    enum fr_code code = go_check_package(output, file, reterr);
    if (code != FR_OK || file->service_count == 0) {
        return code;
    }
    code = go_unit_init(&unit, output, file, reterr);
    if (code != FR_OK) {
        return code;
    }
    const char *stem = place_of_output(&unit, reterr);
    if (stem == NULL) {
        return FR_RESOURCE_EXHAUSTED;
    }
    append_file(&unit, &content);
    code = output_add(output, stem, ".freshet.go", &content, reterr);
    fr_buffer_fini(&content);
    return code;
}

/* Sorted by path, as gofmt wants it: the run time, the stubs as pb, and where the request is, if it is elsewhere. */
static void append_example_imports(const struct go_unit *unit, const char *request, struct fr_buffer *out)
{
    const char *dot = strchr(request, '.');
    bool own = false;
    for (size_t i = 0; i <= unit->import_count; i++) {
        const struct go_import *import = i < unit->import_count ? &unit->imports[i] : NULL;
        if (!own && (import == NULL || strcmp(unit->own.path, import->package.path) < 0)) {
            fr_buffer_append_format(out, "\tpb \"%s\"\n", unit->own.path);
            own = true;
        }
        if (import != NULL && import->alias == unit->run_time) {
            fr_buffer_append_format(out, "\t\"%s\"\n", import->package.path);
        } else if (import != NULL && dot != NULL && strlen(import->alias) == (size_t)(dot - request) &&
                   strncmp(request, import->alias, strlen(import->alias)) == 0) {
            fr_buffer_append_format(out, "\trequestpb \"%s\"\n", import->package.path);
        }
    }
}

enum fr_code go_example(struct output *output, const struct model_method *method, struct fr_error *reterr)
{
    const struct model *model = output->model;
    struct go_unit unit;
    struct fr_buffer content = {0};
    enum fr_code code = go_unit_init(&unit, output, method->service->file, reterr);
    if (code != FR_OK) {
        return code;
    }
    const char *service = go_name(model, method->service->proto->name), *name = go_name(model, method->proto->name);
    const char *request = go_type(&unit, method->request);
    if (service == NULL || name == NULL || request == NULL) {
        return fr_error_no_memory(reterr);
    }
    const char *dot = strchr(request, '.');
    fr_buffer_append_text(&content, "package main\n"
                                    "\n"
                                    "import (\n"
                                    "\t\"context\"\n"
                                    "\t\"fmt\"\n"
                                    "\t\"os\"\n"
                                    "\t\"time\"\n"
                                    "\n");
    append_example_imports(&unit, request, &content);
    fr_buffer_append_format(&content,
                            ")\n"
                            "\n"
                            "func main() {\n"
                            "\tchannel, err := freshet.NewChannel(append(os.Args, \"tcp://127.0.0.1:7001\")[1], nil)\n"
                            "\tif err != nil {\n"
                            "\t\tpanic(err)\n"
                            "\t}\n"
                            "\tdefer channel.Close()\n"
                            "\tctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)\n"
                            "\tdefer cancel()\n");
    output_warn(&content, "\t", "//", method);
    fr_buffer_append_format(&content,
                            "\tanswer, err := pb.New%sClient(channel).%s(ctx, &%s%s{})\n"
                            "\tfmt.Println(answer, err)\n"
                            "}\n",
                            service, name, dot == NULL ? "pb." : "requestpb", dot == NULL ? request : dot);
    code = output_add(output, "example/main", ".go", &content, reterr);
    fr_buffer_fini(&content);
    return code;
}
