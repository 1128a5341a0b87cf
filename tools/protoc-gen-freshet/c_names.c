/* SPDX-License-Identifier: MIT */
/*
 * c_names.c - the names of generated C code.
 */
#include "protoc-gen-freshet/c_names.h"

#include <ctype.h>
#include <string.h>

#include "protoc-gen-freshet/claim.h"

static const char *const keywords[] = {
    "auto",   "break",    "case",     "char",     "const", "continue", "default", "do",     "double",
    "else",   "enum",     "extern",   "float",    "for",   "goto",     "if",      "inline", "int",
    "long",   "register", "restrict", "return",   "short", "signed",   "sizeof",  "static", "struct",
    "switch", "typedef",  "union",    "unsigned", "void",  "volatile", "while",
    /* Macros of the headers that generated code includes, and words and macros of gcc without -std. */
    "asm",    "assert",   "bool",     "errno",    "false", "i386",     "linux",   "offsetof", "static_assert",
    "stderr", "stdin",    "stdout",   "true",     "typeof", "unix",
};

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

static char lower(char c)
{
    return is_upper(c) ? (char)(c - 'A' + 'a') : c;
}

static char upper(char c)
{
    return is_lower(c) ? (char)(c - 'a' + 'A') : c;
}

static const char *finish(const struct model *model, struct fr_buffer *name)
{
    const char *text = fr_buffer_text(name);
    const char *copy = text == NULL ? NULL : model_join(model, text, "", "");
    fr_buffer_fini(name);
    return copy;
}

static void put(struct fr_buffer *name, char c)
{
    fr_buffer_append(name, &c, 1);
}

/* ---- protoc-c's ---- */

/* "users.v1.User" to "Users__V1__User": each part starts in upper case, each "_" goes and raises what follows. */
static const char *type_name(const struct model *model, const char *full_name)
{
    struct fr_buffer name = {0};
    bool raise = true;
    for (const char *at = full_name; *at != '\0'; at++) {
        if (*at == '.') {
            fr_buffer_append_text(&name, "__");
            raise = true;
        } else if (*at == '_') {
            raise = true;
        } else {
            put(&name, raise ? upper(*at) : *at);
            raise = false;
        }
    }
    return finish(model, &name);
}

/* "users.v1.User" to "users__v1__user": within a part, a "_" before the first of a run of capitals. */
const char *c_type_prefix(const struct model *model, const char *full_name)
{
    struct fr_buffer name = {0};
    bool was_upper = true;
    for (const char *at = full_name; *at != '\0'; at++) {
        if (*at == '.') {
            fr_buffer_append_text(&name, "__");
            was_upper = true;
            continue;
        }
        if (is_upper(*at) && !was_upper) {
            put(&name, '_');
        }
        was_upper = is_upper(*at);
        put(&name, lower(*at));
    }
    return finish(model, &name);
}

static const char *descriptor_name(const struct model *model, const char *full_name)
{
    const char *prefix = c_type_prefix(model, full_name);
    return prefix == NULL ? NULL : model_join(model, prefix, "__descriptor", "");
}

/* ---- ours ---- */

/* "users.v1.UserData" to "users_v1_user_data", "GetHTTPStatus" to "get_http_status". */
static void append_snake(struct fr_buffer *name, const char *text)
{
    for (size_t i = 0; text[i] != '\0'; i++) {
        char c = text[i];
        bool separator = c == '.' || c == '_';
        bool after_word = i > 0 && (is_lower(text[i - 1]) || isdigit((unsigned char)text[i - 1]));
        bool last_capital = i > 0 && is_upper(text[i - 1]) && is_lower(text[i + 1]);
        bool starts_word = is_upper(c) && (after_word || last_capital);
        bool ends_in_separator = name->size > 0 && name->data[name->size - 1] == '_';
        if ((separator || starts_word) && !ends_in_separator) {
            put(name, '_');
        }
        if (!separator) {
            put(name, lower(c));
        }
    }
}

const char *c_snake(const struct model *model, const char *text)
{
    struct fr_buffer name = {0};
    append_snake(&name, text);
    return finish(model, &name);
}

static bool is_among(const char *name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(name, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* The method's name, with a "_" behind it if it is one of taken. */
static const char *method_name(const struct model *model, const struct model_method *method, const char *const *taken,
                               size_t count)
{
    const char *name = c_snake(model, method->proto->name);
    return name != NULL && is_among(name, taken, count) ? model_join(model, name, "_", "") : name;
}

/* As a member of a struct. */
static const char *member_name(const struct model *model, const struct model_method *method)
{
    return method_name(model, method, keywords, sizeof keywords / sizeof keywords[0]);
}

/* As the end of a function's name; the functions of the service itself come first. */
static const char *function_name(const struct model *model, const struct model_method *method)
{
    static const char *const taken[] = {"register", "register_cached"};
    return method_name(model, method, taken, sizeof taken / sizeof taken[0]);
}

static const char *joined(const struct model *model, const char *prefix, const char *between, const char *member)
{
    return prefix == NULL || member == NULL ? NULL : model_join(model, prefix, between, member);
}

const char *c_method_base(const struct model *model, const struct model_method *method)
{
    return joined(model, c_snake(model, method->service->name), "_", function_name(model, method));
}

/* "users/v1/users.proto" to "users_v1_users_proto". */
static const char *file_symbol(const struct model *model, const char *file)
{
    struct fr_buffer name = {0};
    if (isdigit((unsigned char)file[0])) {
        put(&name, '_');
    }
    for (; *file != '\0'; file++) {
        put(&name, isalnum((unsigned char)*file) ? *file : '_');
    }
    return finish(model, &name);
}

static const char *in_capitals(const struct model *model, const char *text)
{
    char *copy = text == NULL ? NULL : model_join(model, text, "", "");
    for (char *at = copy; at != NULL && *at != '\0'; at++) {
        *at = upper(*at);
    }
    return copy;
}

/* ---- one file ---- */

static enum fr_code name_method(const struct c_unit *unit, const struct c_service *service, struct c_method *self,
                                struct fr_error *reterr)
{
    const struct model *model = unit->model;
    const char *function = function_name(model, self->method);
    self->member = member_name(model, self->method);
    self->base = joined(model, service->prefix, "_", function);
    self->reply = joined(model, service->prefix, "_reply_", function);
    self->request = type_name(model, self->method->request->name);
    self->response = type_name(model, self->method->response->name);
    self->request_descriptor = descriptor_name(model, self->method->request->name);
    self->response_descriptor = descriptor_name(model, self->method->response->name);
    bool complete = self->member != NULL && self->base != NULL && self->reply != NULL && self->request != NULL &&
                    self->response != NULL && self->request_descriptor != NULL && self->response_descriptor != NULL;
    return complete ? FR_OK : fr_error_no_memory(reterr);
}

static enum fr_code name_service(struct c_unit *unit, struct c_service *self, struct fr_error *reterr)
{
    self->prefix = c_snake(unit->model, self->service->name);
    self->method_count = self->service->method_count;
    self->methods = model_alloc(unit->model, self->method_count, sizeof self->methods[0]);
    if (self->prefix == NULL || self->methods == NULL) {
        return fr_error_no_memory(reterr);
    }
    for (size_t i = 0; i < self->method_count; i++) {
        self->methods[i].method = &self->service->methods[i];
        enum fr_code code = name_method(unit, self, &self->methods[i], reterr);
        if (code != FR_OK) {
            return code;
        }
        self->source_count += self->service->methods[i].cached != NULL || self->service->methods[i].cached_from != NULL;
    }
    unit->source_count += self->source_count;
    return FR_OK;
}

/* ---- names that two things would share ---- */

static enum fr_code check_names(const struct c_unit *unit, struct fr_error *reterr)
{
    static const char *const of_service[] = {"_register", "_register_cached"};
    static const char *const of_method[] = {"", "_async", "_done", "_method"};
    struct model *model = unit->model;
    size_t count = 0;
    for (size_t i = 0; i < unit->service_count; i++) {
        count += 2 + 6 * unit->services[i].method_count;
    }
    struct claim *claims = model_alloc(model, count, sizeof claims[0]);
    if (claims == NULL) {
        return fr_error_no_memory(reterr);
    }
    struct claim *next = claims;
    for (size_t i = 0; i < unit->service_count; i++) {
        const struct c_service *service = &unit->services[i];
        for (size_t k = 0; k < sizeof of_service / sizeof of_service[0]; k++) {
            *next++ = (struct claim){model_join(model, service->prefix, of_service[k], ""), service->service->name,
                                     &service->service->place};
        }
        for (size_t j = 0; j < service->method_count; j++) {
            const struct c_method *method = &service->methods[j];
            for (size_t k = 0; k < sizeof of_method / sizeof of_method[0]; k++) {
                *next++ = (struct claim){model_join(model, method->base, of_method[k], ""), method->method->full_name,
                                         &method->method->place};
            }
            *next++ = (struct claim){method->reply, method->method->full_name, &method->method->place};
            if (method->method->cached != NULL) {
                *next++ = (struct claim){model_join(model, method->base, "_many", ""), method->method->full_name,
                                         &method->method->place};
            }
        }
    }
    return claims_check(model, claims, (size_t)(next - claims), "C", reterr);
}

enum fr_code c_unit_init(struct c_unit *self, struct model *model, const struct model_file *file,
                         struct fr_error *reterr)
{
    *self = (struct c_unit){
        .model = model,
        .file = file,
        .stem = output_stem(model, file->proto),
        .symbol = file_symbol(model, file->proto->name),
        .services = model_alloc(model, file->service_count, sizeof self->services[0]),
        .service_count = file->service_count,
    };
    self->guard = in_capitals(model, self->symbol);
    if (self->stem == NULL || self->guard == NULL || self->services == NULL) {
        return fr_error_no_memory(reterr);
    }
    for (size_t i = 0; i < self->service_count; i++) {
        self->services[i].service = &file->services[i];
        enum fr_code code = name_service(self, &self->services[i], reterr);
        if (code != FR_OK) {
            return code;
        }
    }
    return check_names(self, reterr);
}
