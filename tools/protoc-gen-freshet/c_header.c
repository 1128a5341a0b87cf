/* SPDX-License-Identifier: MIT */
/*
 * c_header.c - X.freshet.h: typed calls, the server's interface, registration, replies.
 */
#include <ctype.h>
#include <string.h>

#include "protoc-gen-freshet/c.h"

#define INDENT "    "

/* ---- comments ---- */

static void comment_open(struct fr_buffer *out, const char *indent)
{
    fr_buffer_append_format(out, "%s/*\n", indent);
}

static void comment_close(struct fr_buffer *out, const char *indent)
{
    fr_buffer_append_format(out, "%s */\n", indent);
}

/* One line; what would end or nest the comment is taken apart. */
static void comment_line(struct fr_buffer *out, const char *indent, const char *line, size_t size)
{
    while (size > 0 && isspace((unsigned char)line[size - 1])) {
        size--;
    }
    fr_buffer_append_format(out, "%s *%s", indent, size > 0 && line[0] != ' ' ? " " : "");
    for (size_t i = 0; i < size; i++) {
        bool pair = i + 1 < size && ((line[i] == '*' && line[i + 1] == '/') || (line[i] == '/' && line[i + 1] == '*'));
        fr_buffer_append(out, &line[i], 1);
        fr_buffer_append_text(out, pair ? " " : "");
    }
    fr_buffer_append_text(out, "\n");
}

/* The comment of the .proto file, line by line. */
static void comment_of(struct fr_buffer *out, const char *indent, const struct place *place)
{
    const char *text = place_comment(place);
    while (text != NULL && *text != '\0') {
        size_t size = strcspn(text, "\n");
        comment_line(out, indent, text, size);
        text += size + (text[size] == '\n');
    }
}

/* ---- one method ---- */

static void describe_method(const struct c_method *self, struct fr_buffer *out)
{
    const struct model_method *method = self->method;
    fr_buffer_append_text(out, "\n");
    comment_open(out, "");
    fr_buffer_append_format(out, " * %s%s\n", method->full_name,
                            method->no_side_effects ? " (no side effects)"
                            : method->idempotent    ? " (idempotent)"
                                                    : "");
    comment_of(out, "", &method->place);
    if (method->cached != NULL) {
        fr_buffer_append_format(out, " * Cached as kind \"%s\".\n", method->cached->kind);
    }
    if (method->cached_from != NULL) {
        fr_buffer_append_format(out, " * Served from the caches, then from %s.\n", method->cached_from->full_name);
    }
    comment_close(out, "");
}

static void declare_method(const struct c_method *self, struct fr_buffer *out)
{
    struct fr_buffer deprecated = {0};
    if (self->method->deprecated || self->method->service->deprecated) {
        fr_buffer_append_format(&deprecated, "__attribute__((deprecated(\"%s is deprecated\")))\n",
                                self->method->deprecated ? self->method->full_name : self->method->service->name);
    }
    const char *mark = deprecated.size == 0 ? "" : fr_buffer_text(&deprecated);
    out->failed = out->failed || mark == NULL;
    describe_method(self, out);
    fr_buffer_append_format(out, "extern const struct fr_method %s_method;\n", self->base);
    fr_buffer_append_format(out,
                            "%sFR_MUST_CHECK enum fr_code %s(\n"
                            INDENT "struct fr_channel *channel, const %s *request, const struct fr_call_options *options,\n"
                            INDENT "%s **ret_response, struct fr_error *reterr);\n",
                            mark, self->base, self->request, self->response);
    fr_buffer_append_format(out,
                            "typedef void %s_done(\n"
                            INDENT "void *argument, const struct fr_result *result, const %s *response);\n",
                            self->base, self->response);
    fr_buffer_append_format(out,
                            "%svoid %s_async(\n"
                            INDENT "struct fr_channel *channel, const %s *request, const struct fr_call_options *options,\n"
                            INDENT "%s_done *done, void *argument, struct fr_pending **ret_pending);\n",
                            mark, self->base, self->request, self->base);
    fr_buffer_append_format(out, "void %s(struct fr_call *call, const %s *response);\n", self->reply, self->response);
    fr_buffer_fini(&deprecated);
}

/* ---- one service ---- */

static void declare_handlers(const struct c_service *self, struct fr_buffer *out)
{
    fr_buffer_append_format(out,
                            "\n/*\n"
                            " * The handlers of %s; see fr_handler in freshet/rpc/server.h. request lives until the "
                            "call is answered.\n"
                            " * A member that is NULL answers UNIMPLEMENTED%s.\n"
                            " */\n"
                            "struct %s_service {\n",
                            self->service->name,
                            self->source_count > 0 ? ", unless the method is served from the caches" : "",
                            self->prefix);
    for (size_t i = 0; i < self->method_count; i++) {
        const struct c_method *method = &self->methods[i];
        fr_buffer_append_format(out, INDENT "void (*%s)(struct fr_call *call, const %s *request, void *context);\n",
                                method->member, method->request);
    }
    fr_buffer_append_format(out, "%s};\n", self->method_count == 0 ? INDENT "char no_methods;\n" : "");
    fr_buffer_append_format(out,
                            "\n/*\n"
                            " * Registers %s; before fr_server_serve. service is copied; context, which every handler "
                            "gets, is borrowed\n"
                            " * until the server is freed.\n"
                            " *   FR_RESOURCE_EXHAUSTED  no memory\n"
                            " */\n"
                            "enum fr_code %s_register(\n"
                            INDENT "struct fr_server *server, const struct %s_service *service, void *context);\n",
                            self->service->name, self->prefix, self->prefix);
}

static void declare_source(const struct c_method *self, struct fr_buffer *out)
{
    if (self->method->cached_from != NULL) {
        fr_buffer_append_format(out, INDENT "struct fr_channel *%s; /* to a server of %s */\n", self->member,
                                self->method->cached_from->service->name);
    } else if (self->method->cached != NULL) {
        fr_buffer_append_format(out,
                                INDENT "enum fr_code (*%s)(\n"
                                INDENT INDENT "struct fr_store_connection *connection, const %s *request,\n"
                                INDENT INDENT "struct fr_arena *arena, %s **ret_response, uint64_t *ret_version,\n"
                                INDENT INDENT "struct fr_error *reterr);\n",
                                self->member, self->request, self->response);
        fr_buffer_append_format(out,
                                INDENT "enum fr_code (*%s_many)( /* the same for many in one query; may be NULL */\n"
                                INDENT INDENT "struct fr_store_connection *connection, const %s *const *requests, size_t "
                                "count,\n"
                                INDENT INDENT "struct fr_arena *arena, %s **responses, uint64_t *versions, struct "
                                "fr_error *reterr);\n",
                                self->member, self->request, self->response);
    }
}

static void declare_sources(const struct c_service *self, struct fr_buffer *out)
{
    fr_buffer_append_format(out,
                            "\n/*\n"
                            " * Where the cached methods of %s get what the caches miss: the server of the origin, or "
                            "a function that\n"
                            " * reads the database as fr_cached_load and fr_cached_load_many in freshet/cached/serve.h say. NULL: "
                            "not cached here.\n"
                            " */\n"
                            "struct %s_sources {\n",
                            self->service->name, self->prefix);
    for (size_t i = 0; i < self->method_count; i++) {
        declare_source(&self->methods[i], out);
    }
    fr_buffer_append_text(out, "};\n");
}

/* Inline, so that a program which only calls the service links no cache. */
static void define_register_cached(const struct c_service *self, struct fr_buffer *out)
{
    fr_buffer_append_format(out,
                            "\n"
                            "void %s__bind(const struct %s_service *service, void *context, struct fr_server_method "
                            "*methods);\n"
                            "void %s__bind_sources(const struct %s_sources *sources, struct fr_cached_source "
                            "*found);\n",
                            self->prefix, self->prefix, self->prefix, self->prefix);
    fr_buffer_append_format(out,
                            "\n/* As %s_register, with the caches before sources; service may be NULL. Errors as "
                            "fr_cached_register. */\n"
                            "FR_MUST_CHECK static inline enum fr_code %s_register_cached(\n"
                            INDENT "struct fr_server *server, const struct %s_service *service, void *context,\n"
                            INDENT "struct fr_cached *cached, const struct %s_sources *sources, struct fr_error "
                            "*reterr)\n"
                            "{\n"
                            INDENT "struct fr_server_method methods[%zu];\n"
                            INDENT "struct fr_cached_source found[%zu];\n"
                            INDENT "%s__bind(service, context, methods);\n"
                            INDENT "%s__bind_sources(sources, found);\n"
                            INDENT "return fr_cached_register(cached, server, \"%s\", methods, found, %zu, reterr);\n"
                            "}\n",
                            self->prefix, self->prefix, self->prefix, self->prefix, self->method_count,
                            self->method_count, self->prefix, self->prefix, self->service->name, self->method_count);
}

static void declare_service(const struct c_service *self, struct fr_buffer *out)
{
    fr_buffer_append_format(out, "\n/* ---- %s ---- */\n", self->service->name);
    if (place_comment(&self->service->place) != NULL) {
        fr_buffer_append_text(out, "\n");
        comment_open(out, "");
        comment_of(out, "", &self->service->place);
        comment_close(out, "");
    }
    for (size_t i = 0; i < self->method_count; i++) {
        declare_method(&self->methods[i], out);
    }
    declare_handlers(self, out);
    if (self->source_count > 0) {
        declare_sources(self, out);
        define_register_cached(self, out);
    }
}

void c_header(const struct c_unit *unit, struct fr_buffer *out)
{
    fr_buffer_append_format(out,
                            "/* Generated by protoc-gen-freshet from %s; do not edit. */\n"
                            "/*\n"
                            " * For each method M of a service S: S_M, a blocking call; S_M_async; S_reply_M for its "
                            "handler; S_M_method, what\n"
                            " * both sides know of it. Ownership and errors are those of fr_channel_call_message and "
                            "fr_channel_start in\n"
                            " * freshet/rpc/channel.h, and of fr_call_reply_message in freshet/rpc/server.h. In a done, "
                            "response is NULL unless\n"
                            " * result->code is FR_OK, and borrowed until it returns.\n"
                            " */\n"
                            "#ifndef %s_FRESHET_H\n"
                            "#define %s_FRESHET_H\n"
                            "\n"
                            "%s"
                            "#include \"freshet/rpc/channel.h\"\n"
                            "#include \"freshet/rpc/server.h\"\n"
                            "#include \"%s.pb-c.h\"\n"
                            "\n"
                            "/* %s and all that it imports: a serialized FileDescriptorSet. */\n"
                            "extern const struct fr_bytes %s_descriptors;\n",
                            unit->file->proto->name, unit->guard, unit->guard,
                            unit->source_count > 0 ? "#include \"freshet/cached/serve.h\"\n" : "", unit->stem,
                            unit->file->proto->name, unit->symbol);
    for (size_t i = 0; i < unit->service_count; i++) {
        declare_service(&unit->services[i], out);
    }
    fr_buffer_append_text(out, "\n#endif\n");
}
