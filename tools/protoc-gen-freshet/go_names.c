/* SPDX-License-Identifier: MIT */
/*
 * go_names.c - the names of generated Go code.
 */
#include "protoc-gen-freshet/go_names.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "protoc-gen-freshet/claim.h"

#define RUN_TIME "freshet" /* where the run time is unless "runtime=" says */

typedef Google__Protobuf__FileDescriptorProto file_proto;

/* ---- words ---- */

static const char *const keywords[] = {
    "break", "case",   "chan", "const",  "continue",  "default", "defer",  "else",   "fallthrough", "for",  "func", "go",
    "goto",  "if",     "import", "interface", "map",  "package", "range",  "return", "select", "struct", "switch", "type",
    "var",
};

/* What the functions and the file of generated code call things; no import may hide them. */
static const char *const taken_aliases[] = {
    "context", "ctx", "request", "response", "options", "c", "caller", "err", "new", "nil", "string", "error",
};

static bool is_among(const char *name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(name, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

/* As GoCamelCase of protoc-gen-go: "_" before a lower case letter goes and raises it; "." becomes "_" or goes likewise. */
const char *go_name(const struct model *model, const char *name)
{
    char *copy = model_join(model, name, "", "");
    char *to = copy;
    for (size_t i = 0; copy != NULL && name[i] != '\0'; i++) {
        bool first = i == 0 || name[i - 1] == '.';
        if ((name[i] == '.' || (name[i] == '_' && !first)) && is_lower(name[i + 1])) {
            continue;
        }
        bool word = i == 0 || !(is_lower(name[i - 1]) || (name[i - 1] >= 'A' && name[i - 1] <= 'Z'));
        char c = name[i];
        *to++ = c == '.' ? '_' : c == '_' && first ? 'X' : is_lower(c) && word ? (char)(c - 'a' + 'A') : c;
    }
    if (copy != NULL) {
        *to = '\0';
    }
    return copy;
}

const char *go_unexported(const struct model *model, const char *name)
{
    char *copy = model_join(model, name, "", "");
    for (char *at = copy; at != NULL && *at >= 'A' && *at <= 'Z' && (at == copy || !is_lower(at[1])); at++) {
        *at = (char)(*at - 'A' + 'a');
    }
    return copy;
}

/* ---- packages ---- */

/* The last element of path as a package name, as protoc-gen-go makes it. */
static const char *name_of_path(const struct model *model, const char *path)
{
    const char *last = strrchr(path, '/') == NULL ? path : strrchr(path, '/') + 1;
    char *name = model_join(model, last, "", "");
    for (char *at = name; at != NULL && *at != '\0'; at++) {
        *at = (char)(isalnum((unsigned char)*at) ? *at : '_');
    }
    bool bare = name != NULL && isalpha((unsigned char)name[0]) &&
                !is_among(name, keywords, sizeof keywords / sizeof keywords[0]);
    return name == NULL || bare ? name : model_join(model, "_", name, "");
}

static bool is_path(const char *path)
{
    for (const char *at = path; *at != '\0'; at++) {
        if ((unsigned char)*at <= ' ' || strchr("\"'`\\*?<>|:;,\x7f", *at) != NULL) {
            return false;
        }
    }
    return *path != '\0';
}

static bool is_name(const char *name)
{
    for (const char *at = name; *at != '\0'; at++) {
        if (!isalnum((unsigned char)*at) && *at != '_') {
            return false;
        }
    }
    return *name != '\0' && !isdigit((unsigned char)*name) &&
           !is_among(name, keywords, sizeof keywords / sizeof keywords[0]);
}

/* "PATH" or "PATH;NAME". */
static enum fr_code read_package(const struct output *output, const file_proto *file, const char *value,
                                 struct go_package *ret_package, struct fr_error *reterr)
{
    struct model *model = output->model;
    char *path = model_join(model, value, "", "");
    if (path == NULL) {
        return fr_error_no_memory(reterr);
    }
    char *semicolon = strchr(path, ';');
    if (semicolon != NULL) {
        *semicolon = '\0';
    }
    *ret_package = (struct go_package){path, semicolon == NULL ? name_of_path(model, path) : semicolon + 1};
    if (ret_package->name == NULL) {
        return fr_error_no_memory(reterr);
    }
    if (!is_path(path) || !is_name(ret_package->name)) {
        const struct place place = {.file = file};
        problems_add(&model->problems, &place, "'%s' is no Go package; write \"example.org/path\" or \"path;name\"", value);
        *ret_package = (struct go_package){"unknown", "unknown"};
    }
    return FR_OK;
}

/* An "M" parameter, or the file's own option; "" when it has neither. NULL without memory. */
static const char *given_package(const struct output *output, const file_proto *file)
{
    const char *start = model_join(output->model, "M", file->name, "=");
    const char *value = start == NULL ? NULL : output_parameter(output, start);
    if (start == NULL || value != NULL) {
        return value;
    }
    return file->options == NULL || file->options->go_package == NULL ? "" : file->options->go_package;
}

/* Where protoc-gen-go puts the messages of file. */
static enum fr_code find_package(const struct output *output, const file_proto *file, struct go_package *ret_package,
                                 struct fr_error *reterr)
{
    struct model *model = output->model;
    const char *value = given_package(output, file);
    if (value == NULL) {
        return fr_error_no_memory(reterr);
    }
    if (value[0] == '\0') {
        const struct place place = {.file = file};
        problems_add(&model->problems, &place,
                     "%s has no Go package; write option go_package = \"example.org/path\", or give the parameter "
                     "M%s=example.org/path to protoc-gen-go and this plugin",
                     file->name, file->name);
        value = "unknown";
    }
    return read_package(output, file, value, ret_package, reterr);
}

/* ---- imports ---- */

static struct go_import *find_import(struct go_unit *self, const char *path)
{
    for (size_t i = 0; i < self->import_count; i++) {
        if (strcmp(self->imports[i].package.path, path) == 0) {
            return &self->imports[i];
        }
    }
    return NULL;
}

static void add_import(struct go_unit *self, struct go_package package)
{
    if (strcmp(package.path, self->own.path) != 0 && find_import(self, package.path) == NULL) {
        self->imports[self->import_count++] = (struct go_import){package, NULL};
    }
}

static bool alias_is_free(const struct go_unit *self, const char *alias)
{
    for (size_t i = 0; i < self->import_count; i++) {
        if (self->imports[i].alias != NULL && strcmp(self->imports[i].alias, alias) == 0) {
            return false;
        }
    }
    return !is_among(alias, taken_aliases, sizeof taken_aliases / sizeof taken_aliases[0]);
}

/* The package's name, with a "_" behind it for each that has the name already. */
static enum fr_code name_import(struct go_unit *self, struct go_import *import, struct fr_error *reterr)
{
    const char *alias = import->package.name;
    while (alias != NULL && !alias_is_free(self, alias)) {
        alias = model_join(self->output->model, alias, "_", "");
    }
    import->alias = alias;
    return alias == NULL ? fr_error_no_memory(reterr) : FR_OK;
}

static int by_path(const void *left, const void *right)
{
    const struct go_import *a = left, *b = right;
    return strcmp(a->package.path, b->package.path);
}

static enum fr_code import_type(struct go_unit *self, const struct model_type *type, struct fr_error *reterr)
{
    struct go_package package = self->own;
    enum fr_code code = type->file == self->file->proto ? FR_OK : find_package(self->output, type->file, &package, reterr);
    if (code == FR_OK) {
        add_import(self, package);
    }
    return code;
}

static enum fr_code collect_imports(struct go_unit *self, struct fr_error *reterr)
{
    const struct model_file *file = self->file;
    struct model *model = self->output->model;
    const char *run_time = output_parameter(self->output, "runtime=");
    size_t count = 1;
    for (size_t i = 0; i < file->service_count; i++) {
        count += 2 * file->services[i].method_count;
    }
    self->imports = model_alloc(model, count, sizeof self->imports[0]);
    if (self->imports == NULL) {
        return fr_error_no_memory(reterr);
    }
    struct go_package package;
    enum fr_code code =
        read_package(self->output, file->proto, run_time == NULL ? RUN_TIME : run_time, &package, reterr);
    if (code != FR_OK) {
        return code;
    }
    self->imports[self->import_count++] = (struct go_import){package, NULL};
    for (size_t i = 0; i < file->service_count; i++) {
        for (size_t j = 0; j < file->services[i].method_count && code == FR_OK; j++) {
            code = import_type(self, file->services[i].methods[j].request, reterr);
            code = code != FR_OK ? code : import_type(self, file->services[i].methods[j].response, reterr);
        }
    }
    for (size_t i = 0; i < self->import_count && code == FR_OK; i++) {
        code = name_import(self, &self->imports[i], reterr);
    }
    if (code == FR_OK) {
        self->run_time = self->imports[0].alias;
        qsort(self->imports, self->import_count, sizeof self->imports[0], by_path);
    }
    return code;
}

/* Within its package: "Outer_Inner"; NULL without memory. */
static const char *message_name(const struct model *model, const struct model_type *type)
{
    const char *package = type->file->package;
    size_t skip = package == NULL || package[0] == '\0' ? 0 : strlen(package) + 1;
    return go_name(model, type->name + skip);
}

const char *go_type(const struct go_unit *self, const struct model_type *type)
{
    const struct model *model = self->output->model;
    const char *name = message_name(model, type);
    struct go_package home;
    if (name == NULL || type->file == self->file->proto) {
        return name;
    }
    if (find_package(self->output, type->file, &home, NULL) != FR_OK) {
        return NULL;
    }
    for (size_t i = 0; i < self->import_count; i++) {
        if (strcmp(self->imports[i].package.path, home.path) == 0) {
            return model_join(model, self->imports[i].alias, ".", name);
        }
    }
    return name;
}

/* ---- names that two things would share ---- */

/* The methods of one service. */
static enum fr_code check_methods(struct model *model, const struct model_service *service, struct fr_error *reterr)
{
    struct claim *claims = model_alloc(model, service->method_count, sizeof claims[0]);
    if (claims == NULL) {
        return fr_error_no_memory(reterr);
    }
    for (size_t i = 0; i < service->method_count; i++) {
        const struct model_method *method = &service->methods[i];
        claims[i] = (struct claim){go_name(model, method->proto->name), method->full_name, &method->place};
    }
    return claims_check(model, claims, service->method_count, "Go", reterr);
}

/* Appends what file puts in its package, its messages, its enums, and two names for each service; returns the end. */
static struct claim *claim_file(const struct model *model, const struct model_file *file, struct claim *next)
{
    for (size_t i = 0; i < model->type_count; i++) {
        const struct model_type *type = model->types[i];
        if (type->file == file->proto && !(type->proto->options != NULL && type->proto->options->map_entry)) {
            *next++ = (struct claim){message_name(model, type), type->name, &type->place};
        }
    }
    for (size_t i = 0; i < file->proto->n_enum_type; i++) {
        const char *name = file->proto->enum_type[i]->name;
        struct place *place = model_alloc(model, 1, sizeof *place);
        if (place != NULL) {
            *place = place_of((struct place){.file = file->proto}, PLACE_FILE_ENUMS, (int32_t)i);
        }
        const char *claimed = place == NULL ? NULL : go_name(model, name == NULL ? "" : name);
        *next++ = (struct claim){claimed, name == NULL ? "" : name, place};
    }
    for (size_t i = 0; i < file->service_count; i++) {
        const struct model_service *service = &file->services[i];
        const char *name = go_name(model, service->proto->name);
        const char *client = name == NULL ? NULL : model_join(model, name, "Client", "");
        *next++ = (struct claim){client, service->name, &service->place};
        *next++ = (struct claim){client == NULL ? NULL : model_join(model, "New", client, ""), service->name, &service->place};
    }
    return next;
}

/* Whether both have one, and the same. */
static bool share_package(const char *a, const char *b)
{
    size_t size = strcspn(a, ";");
    return size > 0 && size == strcspn(b, ";") && strncmp(a, b, size) == 0;
}

enum fr_code go_check_package(struct output *output, const struct model_file *file, struct fr_error *reterr)
{
    struct model *model = output->model;
    const char *own = given_package(output, file->proto);
    size_t count = model->type_count;
    for (size_t i = 0; i < model->file_count; i++) {
        count += model->files[i].proto->n_enum_type + 2 * model->files[i].service_count;
    }
    struct claim *claims = model_alloc(model, count, sizeof claims[0]), *next = claims;
    if (claims == NULL || own == NULL) {
        return fr_error_no_memory(reterr);
    }
    for (size_t i = 0; i < model->file_count; i++) {
        const struct model_file *other = &model->files[i];
        const char *package = given_package(output, other->proto);
        if (package == NULL) {
            return fr_error_no_memory(reterr);
        }
        if (other != file && !share_package(own, package)) {
            continue;
        }
        if (other->wanted && other < file) {
            return FR_OK; /* it has told */
        }
        next = claim_file(model, other, next);
    }
    return claims_check(model, claims, (size_t)(next - claims), "Go", reterr);
}

enum fr_code go_unit_init(struct go_unit *self, struct output *output, const struct model_file *file,
                          struct fr_error *reterr)
{
    *self = (struct go_unit){.output = output, .file = file};
    enum fr_code code = find_package(output, file->proto, &self->own, reterr);
    code = code != FR_OK ? code : collect_imports(self, reterr);
    for (size_t i = 0; i < file->service_count && code == FR_OK; i++) {
        code = check_methods(output->model, &file->services[i], reterr);
    }
    return code;
}
