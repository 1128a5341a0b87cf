/* SPDX-License-Identifier: MIT */
/*
 * c_source.c - X.freshet.c: the descriptors, the policies, the method table, and calls that add types.
 */
#include <inttypes.h>
#include <string.h>

#include "message/message.h"
#include "protoc-gen-freshet/c.h"

#define INDENT "    "

#define BYTES_PER_LINE 20

typedef Google__Protobuf__FileDescriptorProto file_proto;

/* ---- the FileDescriptorSet ---- */

/* Marks what file imports. Files stand after their imports, so one walk from the last to the first meets all. */
static void mark_imports(const struct model *model, const file_proto *file, bool *marked)
{
    for (size_t i = 0; i < file->n_dependency; i++) {
        for (size_t j = 0; j < model->file_count; j++) {
            marked[j] = marked[j] || strcmp(model->files[j].proto->name, file->dependency[i]) == 0;
        }
    }
}

/* The comments of protobuf's own files are left out: they are long, and everybody has them. */
static bool keeps_comments(const file_proto *file)
{
    return strncmp(file->name, "google/protobuf/", 16) != 0;
}

static enum fr_code pack_set(const struct c_unit *unit, struct fr_buffer *out, struct fr_error *reterr)
{
    const struct model *model = unit->model;
    bool *marked = model_alloc(model, model->file_count, sizeof marked[0]);
    file_proto *copies = model_alloc(model, model->file_count, sizeof copies[0]);
    file_proto **files = model_alloc(model, model->file_count, sizeof files[0]);
    if (marked == NULL || copies == NULL || files == NULL) {
        return fr_error_no_memory(reterr);
    }
    for (size_t i = model->file_count; i-- > 0;) {
        const file_proto *file = model->files[i].proto;
        marked[i] = marked[i] || file == unit->file->proto;
        if (marked[i]) {
            mark_imports(model, file, marked);
        }
    }
    Google__Protobuf__FileDescriptorSet set = GOOGLE__PROTOBUF__FILE_DESCRIPTOR_SET__INIT;
    set.file = files;
    for (size_t i = 0; i < model->file_count; i++) {
        if (marked[i]) {
            copies[i] = *model->files[i].proto;
            if (!keeps_comments(&copies[i])) {
                copies[i].source_code_info = NULL;
            }
            files[set.n_file++] = &copies[i];
        }
    }
    fr_message_pack(&set.base, out);
    return out->failed ? fr_error_no_memory(reterr) : FR_OK;
}

static enum fr_code define_descriptors(const struct c_unit *unit, struct fr_buffer *out, struct fr_error *reterr)
{
    struct fr_buffer set = {0};
    enum fr_code code = pack_set(unit, &set, reterr);
    if (code == FR_OK) {
        fr_buffer_append_text(out, "\nstatic const uint8_t descriptors[] = {");
        for (size_t i = 0; i < set.size; i++) {
            fr_buffer_append_format(out, "%s0x%02x,", i % BYTES_PER_LINE == 0 ? "\n" INDENT : " ", set.data[i]);
        }
        fr_buffer_append_format(out, "\n};\n\nconst struct fr_bytes %s_descriptors = {descriptors, sizeof descriptors};\n",
                                unit->symbol);
    }
    fr_buffer_fini(&set);
    return code;
}

/* ---- one method ---- */

static void define_policy(const struct c_method *self, struct fr_buffer *out)
{
    const struct model_policy *policy = self->method->cached;
    fr_buffer_append_format(out, "\nstatic const struct fr_key_field %s__by[] = {\n", self->base);
    for (size_t i = 0; i < policy->by_count; i++) {
        fr_buffer_append_format(out, INDENT "{\"%s\", %" PRId32 "},\n", policy->by[i]->name, policy->by[i]->number);
    }
    fr_buffer_append_format(out,
                            "};\n\n"
                            "static const struct fr_cache_policy %s__policy = {\n"
                            INDENT ".kind = \"%s\",\n"
                            INDENT ".ttl_us = UINT64_C(%" PRIu64 "),\n"
                            INDENT ".stale_us = UINT64_C(%" PRIu64 "),\n"
                            INDENT ".not_found_ttl_us = UINT64_C(%" PRIu64 "),\n"
                            INDENT ".by = %s__by,\n"
                            INDENT ".by_count = %zu,\n"
                            "};\n",
                            self->base, policy->kind, policy->ttl_us, policy->stale_us, policy->not_found_ttl_us,
                            self->base, policy->by_count);
}

static void define_method(const struct c_unit *unit, const struct c_method *self, struct fr_buffer *out)
{
    const struct model_method *method = self->method;
    if (method->cached != NULL) {
        define_policy(self, out);
    }
    fr_buffer_append_format(out,
                            "\nconst struct fr_method %s_method = {\n"
                            INDENT ".name = \"%s\",\n"
                            INDENT ".request = &%s,\n"
                            INDENT ".response = &%s,\n"
                            INDENT ".idempotency = %s,\n",
                            self->base, method->full_name, self->request_descriptor, self->response_descriptor,
                            method->no_side_effects ? "FR_NO_SIDE_EFFECTS"
                            : method->idempotent    ? "FR_IDEMPOTENT"
                                                    : "FR_IDEMPOTENCY_UNKNOWN");
    if (method->cached != NULL) {
        fr_buffer_append_format(out, INDENT ".cached = &%s__policy,\n", self->base);
    }
    if (method->cached_from != NULL) {
        const char *origin = c_method_base(unit->model, method->cached_from);
        out->failed = out->failed || origin == NULL;
        fr_buffer_append_format(out, INDENT ".cached_from = &%s_method,\n", origin == NULL ? "" : origin);
    }
    fr_buffer_append_format(out, INDENT ".descriptors = &%s_descriptors,\n};\n", unit->symbol);
}

static void define_calls(const struct c_method *self, struct fr_buffer *out)
{
    fr_buffer_append_format(out,
                            "\nenum fr_code %s(\n"
                            INDENT "struct fr_channel *channel, const %s *request, const struct fr_call_options *options,\n"
                            INDENT "%s **ret_response, struct fr_error *reterr)\n"
                            "{\n"
                            INDENT "struct ProtobufCMessage *response;\n"
                            INDENT "enum fr_code code = fr_channel_call_message(\n"
                            INDENT INDENT "channel, &%s_method, (const struct ProtobufCMessage *)request, options, "
                            "&response, reterr);\n"
                            INDENT "if (code == FR_OK) {\n"
                            INDENT INDENT "*ret_response = (%s *)response;\n"
                            INDENT "}\n"
                            INDENT "return code;\n"
                            "}\n",
                            self->base, self->request, self->response, self->base, self->response);
    fr_buffer_append_format(out,
                            "\nstatic void %s__deliver(\n"
                            INDENT "fr_any_function *done, void *argument, const struct fr_result *result,\n"
                            INDENT "const struct ProtobufCMessage *response)\n"
                            "{\n"
                            INDENT "((%s_done *)done)(argument, result, (const %s *)response);\n"
                            "}\n",
                            self->base, self->base, self->response);
    fr_buffer_append_format(out,
                            "\nvoid %s_async(\n"
                            INDENT "struct fr_channel *channel, const %s *request, const struct fr_call_options *options,\n"
                            INDENT "%s_done *done, void *argument, struct fr_pending **ret_pending)\n"
                            "{\n"
                            INDENT "fr_stub_start(channel, &%s_method, (const struct ProtobufCMessage *)request, "
                            "options,\n"
                            INDENT INDENT "%s__deliver, (fr_any_function *)done, argument, ret_pending);\n"
                            "}\n",
                            self->base, self->request, self->base, self->base, self->base);
}

static void define_load(const struct c_method *self, struct fr_buffer *out)
{
    fr_buffer_append_format(out,
                            "\nstatic enum fr_code %s__load(\n"
                            INDENT "fr_any_function *load, struct fr_store_connection *connection,\n"
                            INDENT "const struct ProtobufCMessage *request, struct fr_arena *arena,\n"
                            INDENT "struct ProtobufCMessage **ret_response, uint64_t *ret_version, struct fr_error "
                            "*reterr)\n"
                            "{\n"
                            INDENT "%s *response;\n"
                            INDENT "enum fr_code code =\n"
                            INDENT INDENT "((enum fr_code (*)(struct fr_store_connection *, const %s *, struct "
                            "fr_arena *,\n"
                            INDENT INDENT INDENT "%s **, uint64_t *, struct fr_error *))load)(\n"
                            INDENT INDENT INDENT "connection, (const %s *)request, arena, &response, ret_version, "
                            "reterr);\n"
                            INDENT "if (code == FR_OK) {\n"
                            INDENT INDENT "*ret_response = (struct ProtobufCMessage *)response;\n"
                            INDENT "}\n"
                            INDENT "return code;\n"
                            "}\n",
                            self->base, self->response, self->request, self->response, self->request);
}

/* The pointers are copied one by one: an array of one type of pointer is none of another. */
static void define_load_many(const struct c_method *self, struct fr_buffer *out)
{
    fr_buffer_append_format(out,
                            "\nstatic enum fr_code %s__load_many(\n"
                            INDENT "fr_any_function *load, struct fr_store_connection *connection,\n"
                            INDENT "const struct ProtobufCMessage *const *requests, size_t count, struct fr_arena "
                            "*arena,\n"
                            INDENT "struct ProtobufCMessage **responses, uint64_t *versions, struct fr_error *reterr)\n"
                            "{\n"
                            INDENT "const %s **asked = fr_arena_alloc(arena, count * sizeof asked[0]);\n"
                            INDENT "%s **found = fr_arena_alloc(arena, count * sizeof found[0]);\n"
                            INDENT "if (asked == NULL || found == NULL) {\n"
                            INDENT INDENT "return fr_error_no_memory(reterr);\n"
                            INDENT "}\n"
                            INDENT "for (size_t i = 0; i < count; i++) {\n"
                            INDENT INDENT "asked[i] = (const %s *)requests[i];\n"
                            INDENT INDENT "found[i] = NULL;\n"
                            INDENT "}\n",
                            self->base, self->request, self->response, self->request);
    fr_buffer_append_format(out,
                            INDENT "enum fr_code code =\n"
                            INDENT INDENT "((enum fr_code (*)(struct fr_store_connection *, const %s *const *, size_t,\n"
                            INDENT INDENT INDENT "struct fr_arena *, %s **, uint64_t *, struct fr_error *))load)(\n"
                            INDENT INDENT INDENT "connection, asked, count, arena, found, versions, reterr);\n"
                            INDENT "for (size_t i = 0; i < count; i++) {\n"
                            INDENT INDENT "responses[i] = (struct ProtobufCMessage *)found[i];\n"
                            INDENT "}\n"
                            INDENT "return code;\n"
                            "}\n",
                            self->request, self->response);
}

static void define_server_side(const struct c_method *self, struct fr_buffer *out)
{
    fr_buffer_append_format(out,
                            "\nvoid %s(struct fr_call *call, const %s *response)\n"
                            "{\n"
                            INDENT "fr_call_reply_message(call, (const struct ProtobufCMessage *)response);\n"
                            "}\n",
                            self->reply, self->response);
    fr_buffer_append_format(out,
                            "\nstatic void %s__handle(struct fr_call *call, void *context)\n"
                            "{\n"
                            INDENT "const struct ProtobufCMessage *request = fr_stub_request(call);\n"
                            INDENT "if (request != NULL) {\n"
                            INDENT INDENT "((void (*)(struct fr_call *, const %s *, void *))fr_stub_typed(call))(\n"
                            INDENT INDENT INDENT "call, (const %s *)request, context);\n"
                            INDENT "}\n"
                            "}\n",
                            self->base, self->request, self->request);
    if (self->method->cached != NULL) {
        define_load(self, out);
        define_load_many(self, out);
    }
}

/* ---- one service ---- */

static void define_bind(const struct c_service *self, struct fr_buffer *out)
{
    const char *storage = self->source_count > 0 ? "" : "static ";
    fr_buffer_append_format(out,
                            "\n%svoid %s__bind(const struct %s_service *service, void *context, struct "
                            "fr_server_method *methods)\n"
                            "{\n"
                            INDENT "static const struct %s_service none;\n"
                            INDENT "service = service == NULL ? &none : service;\n",
                            storage, self->prefix, self->prefix, self->prefix);
    for (size_t i = 0; i < self->method_count; i++) {
        const struct c_method *method = &self->methods[i];
        fr_buffer_append_format(out,
                                INDENT "methods[%zu] = (struct fr_server_method){\n"
                                INDENT INDENT ".method = &%s_method,\n"
                                INDENT INDENT ".handler = service->%s == NULL ? NULL : %s__handle,\n"
                                INDENT INDENT ".context = context,\n"
                                INDENT INDENT ".typed = (fr_any_function *)service->%s,\n"
                                INDENT "};\n",
                                i, method->base, method->member, method->base, method->member);
    }
    fr_buffer_append_text(out, "}\n");
}

static void define_bind_sources(const struct c_service *self, struct fr_buffer *out)
{
    fr_buffer_append_format(out,
                            "\nvoid %s__bind_sources(const struct %s_sources *sources, struct fr_cached_source "
                            "*found)\n"
                            "{\n",
                            self->prefix, self->prefix);
    for (size_t i = 0; i < self->method_count; i++) {
        const struct c_method *method = &self->methods[i];
        fr_buffer_append_format(out, INDENT "found[%zu] = (struct fr_cached_source){", i);
        if (method->method->cached_from != NULL) {
            fr_buffer_append_format(out, ".origin = sources->%s", method->member);
        } else if (method->method->cached != NULL) {
            fr_buffer_append_format(out,
                                    "\n"
                                    INDENT INDENT ".load = (fr_any_function *)sources->%s,\n"
                                    INDENT INDENT ".adapt = %s__load,\n"
                                    INDENT INDENT ".load_many = (fr_any_function *)sources->%s_many,\n"
                                    INDENT INDENT ".adapt_many = %s__load_many,\n" INDENT,
                                    method->member, method->base, method->member, method->base);
        } else {
            fr_buffer_append_text(out, "0");
        }
        fr_buffer_append_text(out, "};\n");
    }
    fr_buffer_append_text(out, "}\n");
}

static void define_service(const struct c_unit *unit, const struct c_service *self, struct fr_buffer *out)
{
    fr_buffer_append_format(out, "\n/* ---- %s ---- */\n", self->service->name);
    for (size_t i = 0; i < self->method_count; i++) {
        define_method(unit, &self->methods[i], out);
        define_calls(&self->methods[i], out);
        define_server_side(&self->methods[i], out);
    }
    if (self->method_count == 0) {
        fr_buffer_append_format(out,
                                "\nenum fr_code %s_register(\n"
                                INDENT "struct fr_server *server, const struct %s_service *service, void *context)\n"
                                "{\n"
                                INDENT "(void)service;\n"
                                INDENT "(void)context;\n"
                                INDENT "return fr_server_register(server, \"%s\", NULL, 0, NULL);\n"
                                "}\n",
                                self->prefix, self->prefix, self->service->name);
        return;
    }
    define_bind(self, out);
    fr_buffer_append_format(out,
                            "\nenum fr_code %s_register(\n"
                            INDENT "struct fr_server *server, const struct %s_service *service, void *context)\n"
                            "{\n"
                            INDENT "struct fr_server_method methods[%zu];\n"
                            INDENT "%s__bind(service, context, methods);\n"
                            INDENT "return fr_server_register(server, \"%s\", methods, %zu, NULL);\n"
                            "}\n",
                            self->prefix, self->prefix, self->method_count, self->prefix, self->service->name,
                            self->method_count);
    if (self->source_count > 0) {
        define_bind_sources(self, out);
    }
}

/* ---- the file ---- */

/* The headers of origins that stand in other files, each once. */
static enum fr_code include_origins(const struct c_unit *unit, struct fr_buffer *out, struct fr_error *reterr)
{
    const struct model *model = unit->model;
    bool *included = model_alloc(model, model->file_count, sizeof included[0]);
    if (included == NULL) {
        return fr_error_no_memory(reterr);
    }
    for (size_t i = 0; i < unit->service_count; i++) {
        for (size_t j = 0; j < unit->services[i].method_count; j++) {
            const struct model_method *origin = unit->services[i].methods[j].method->cached_from;
            if (origin != NULL && origin->service->file != unit->file) {
                included[origin->service->file - model->files] = true;
            }
        }
    }
    for (size_t i = 0; i < model->file_count; i++) {
        if (included[i]) {
            const char *stem = output_stem(model, model->files[i].proto);
            if (stem == NULL) {
                return fr_error_no_memory(reterr);
            }
            fr_buffer_append_format(out, "#include \"%s.freshet.h\"\n", stem);
        }
    }
    return FR_OK;
}

enum fr_code c_source(const struct c_unit *unit, struct fr_buffer *out, struct fr_error *reterr)
{
    fr_buffer_append_format(out,
                            "/* Generated by protoc-gen-freshet from %s; do not edit. */\n"
                            "#include \"%s.freshet.h\"\n\n",
                            unit->file->proto->name, unit->stem);
    if (unit->source_count > 0) {
        fr_buffer_append_text(out, "#include \"freshet/cached/policy.h\"\n");
    }
    if (unit->service_count > 0) {
        fr_buffer_append_text(out, "#include \"freshet/rpc/stub.h\"\n");
    }
    enum fr_code code = include_origins(unit, out, reterr);
    code = code != FR_OK ? code : define_descriptors(unit, out, reterr);
    for (size_t i = 0; i < unit->service_count && code == FR_OK; i++) {
        define_service(unit, &unit->services[i], out);
    }
    return code == FR_OK && out->failed ? fr_error_no_memory(reterr) : code;
}
