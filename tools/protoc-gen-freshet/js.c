/* SPDX-License-Identifier: MIT */
/*
 * js.c - JavaScript and TypeScript: X_freshet.js and X_freshet.d.ts beside protoc-gen-es's X_pb.js, on freshet_rpc.js.
 *
 * A file without services gives nothing. Message types are reached through protoc-gen-es's descriptor of the service,
 * so their names and modules are its own affair.
 */
#include <ctype.h>
#include <string.h>

#include "protoc-gen-freshet/claim.h"
#include "protoc-gen-freshet/language.h"

/* protoc-gen-es puts a "$" behind these: safe-identifier.js of @bufbuild/protoplugin. */
static const char *const reserved_identifiers[] = {
    "break",      "case",      "catch",     "class",   "const",    "continue",  "debugger",   "default",
    "delete",     "do",        "else",      "export",  "extends",  "false",     "finally",    "for",
    "function",   "if",        "import",    "in",      "instanceof", "new",     "null",       "return",
    "super",      "switch",    "this",      "throw",   "true",     "try",       "typeof",     "var",
    "void",       "while",     "with",      "yield",   "enum",     "implements", "interface", "let",
    "package",    "private",   "protected", "public",  "static",   "Object",    "bigint",     "number",
    "boolean",    "string",    "object",    "globalThis", "Uint8Array", "Partial",
};
/* And behind these methods: reflect/names.js of @bufbuild/protobuf. */
static const char *const reserved_properties[] = {"constructor", "toString", "toJSON", "valueOf"};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *escape(const struct model *model, const char *name, const char *const *reserved, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(reserved[i], name) == 0) {
            return model_join(model, name, "$", "");
        }
    }
    return name;
}

/* "getUser" for GetUser. */
static const char *method_name(const struct model *model, const struct model_method *method)
{
    char *name = model_join(model, method->proto->name, "", "");
    if (name == NULL) {
        return NULL;
    }
    name[0] = (char)tolower((unsigned char)name[0]);
    return escape(model, name, reserved_properties, COUNT(reserved_properties));
}

/* The same as a method of the class, for "await" calls what is named "then", as when an async function returns a client. */
static const char *member_name(const struct model *model, const char *method_name)
{
    return method_name != NULL && strcmp(method_name, "then") == 0 ? model_join(model, method_name, "$", "") : method_name;
}

/* One line within a comment; what would end it is taken apart. */
static void comment_line(struct fr_buffer *out, const char *indent, const char *line, size_t size)
{
    while (size > 0 && isspace((unsigned char)line[size - 1])) {
        size--;
    }
    fr_buffer_append_format(out, "%s *%s", indent, size > 0 && line[0] != ' ' ? " " : "");
    for (size_t i = 0; i < size; i++) {
        bool ends = i > 0 && line[i] == '/' && line[i - 1] == '*';
        fr_buffer_append_text(out, ends ? " " : "");
        fr_buffer_append(out, (unsigned char)line[i] < ' ' && line[i] != '\t' ? " " : &line[i], 1);
    }
    fr_buffer_append_text(out, "\n");
}

static void comment(struct fr_buffer *out, const char *indent, const struct place *place, const char *instead,
                    bool deprecated)
{
    const char *text = place_comment(place);
    text = text == NULL ? instead : text;
    fr_buffer_append_format(out, "%s/**\n", indent);
    while (*text != '\0') {
        size_t size = strcspn(text, "\n");
        comment_line(out, indent, text, size);
        text += size + (text[size] == '\n');
    }
    if (deprecated) {
        fr_buffer_append_format(out, "%s *\n%s * @deprecated\n", indent, indent);
    }
    fr_buffer_append_format(out, "%s */\n", indent);
}

/* What differs between the code and its declarations. */
struct side {
    struct fr_buffer code, declarations;
};

/* What the two generators call a method and its service. */
struct names {
    const char *service, *method, *member;
};

static void write_method(const struct model_method *method, const struct names *names, struct side *out)
{
    comment(&out->code, "  ", &method->place, method->full_name, method->deprecated);
    fr_buffer_append_format(&out->code,
                            "  %s(request, options) {\n"
                            "    return this.#channel.call(pb.%s.method.%s, request, options);\n"
                            "  }\n",
                            names->member, names->service, names->method);
    comment(&out->declarations, "  ", &method->place, method->full_name, method->deprecated);
    fr_buffer_append_format(&out->declarations,
                            "  %s(\n"
                            "    request: MessageInitShape<typeof pb.%s.method.%s.input>,\n"
                            "    options?: CallOptions,\n"
                            "  ): Promise<MessageShape<typeof pb.%s.method.%s.output>>;\n",
                            names->member, names->service, names->method, names->service, names->method);
}

static enum fr_code write_service(struct model *model, const struct model_service *service, struct side *out,
                                  struct fr_error *reterr)
{
    const char *name = escape(model, service->proto->name, reserved_identifiers, COUNT(reserved_identifiers));
    struct claim *claims = model_alloc(model, service->method_count, sizeof claims[0]);
    if (name == NULL || claims == NULL) {
        return fr_error_no_memory(reterr);
    }
    for (int declared = 0; declared < 2; declared++) {
        struct fr_buffer *to = declared ? &out->declarations : &out->code;
        fr_buffer_append_text(to, "\n");
        comment(to, "", &service->place, service->name, service->deprecated);
        fr_buffer_append_format(to, "export %sclass %sClient {\n%s", declared ? "declare " : "", service->proto->name,
                                declared ? "  constructor(channel: Channel);\n"
                                         : "  #channel;\n"
                                           "\n"
                                           "  constructor(channel) {\n"
                                           "    this.#channel = channel;\n"
                                           "  }\n");
    }
    for (size_t i = 0; i < service->method_count; i++) {
        const struct model_method *method = &service->methods[i];
        struct names names = {.service = name, .method = method_name(model, method)};
        names.member = member_name(model, names.method);
        if (names.member == NULL) {
            return fr_error_no_memory(reterr);
        }
        claims[i] = (struct claim){names.member, method->full_name, &method->place};
        fr_buffer_append_text(&out->code, "\n");
        fr_buffer_append_text(&out->declarations, "\n");
        write_method(method, &names, out);
    }
    fr_buffer_append_text(&out->code, "}\n");
    fr_buffer_append_text(&out->declarations, "}\n");
    return claims_check(model, claims, service->method_count, "JavaScript", reterr);
}

/* From the folder of the file up to that of the run time: "../../" or "./". */
static void append_way_up(struct fr_buffer *out, const char *stem)
{
    if (strchr(stem, '/') == NULL) {
        fr_buffer_append_text(out, "./");
    }
    for (; *stem != '\0'; stem++) {
        fr_buffer_append_text(out, *stem == '/' ? "../" : "");
    }
}

static void write_heads(const char *file, const char *stem, struct side *out)
{
    const char *slash = strrchr(stem, '/');
    const char *base = slash == NULL ? stem : slash + 1;
    fr_buffer_append_format(&out->code,
                            "// Generated by protoc-gen-freshet from %s; do not edit.\n"
                            "import * as pb from \"./%s_pb.js\";\n",
                            file, base);
    fr_buffer_append_format(&out->declarations,
                            "// Generated by protoc-gen-freshet from %s; do not edit.\n"
                            "import type { MessageInitShape, MessageShape } from \"@bufbuild/protobuf\";\n"
                            "import type { CallOptions, Channel } from \"",
                            file);
    append_way_up(&out->declarations, stem);
    fr_buffer_append_format(&out->declarations, "freshet_rpc.js\";\nimport type * as pb from \"./%s_pb.js\";\n", base);
}

enum fr_code js_emit(struct output *output, const struct model_file *file, struct fr_error *reterr)
{
    struct side out = {0};
    const char *stem = output_stem(output->model, file->proto);
    enum fr_code code = FR_OK;
    if (stem == NULL) {
        return fr_error_no_memory(reterr);
    }
    if (file->service_count == 0) {
        return FR_OK;
    }
    write_heads(file->proto->name, stem, &out);
    for (size_t i = 0; i < file->service_count && code == FR_OK; i++) {
        code = write_service(output->model, &file->services[i], &out, reterr);
    }
    code = code != FR_OK ? code : output_add(output, stem, "_freshet.js", &out.code, reterr);
    code = code != FR_OK ? code : output_add(output, stem, "_freshet.d.ts", &out.declarations, reterr);
    fr_buffer_fini(&out.code);
    fr_buffer_fini(&out.declarations);
    return code;
}

enum fr_code js_example(struct output *output, const struct model_method *method, struct fr_error *reterr)
{
    const char *stem = output_stem(output->model, method->service->file->proto);
    const char *name = member_name(output->model, method_name(output->model, method));
    const char *service = method->service->proto->name;
    struct fr_buffer content = {0};
    if (stem == NULL || name == NULL) {
        return fr_error_no_memory(reterr);
    }
    fr_buffer_append_format(&content,
                            "import { Channel } from \"./freshet_rpc.js\";\n"
                            "import { %sClient } from \"./%s_freshet.js\";\n"
                            "\n"
                            "const channel = new Channel(process.argv[2] ?? \"tcp://127.0.0.1:7001\");\n"
                            "try {\n",
                            service, stem);
    output_warn(&content, "  ", "//", method);
    fr_buffer_append_format(&content,
                            "  console.log(await new %sClient(channel).%s({}, { timeoutMs: 2000 }));\n"
                            "} catch (error) {\n"
                            "  console.log(error.codeName, error.message);\n"
                            "} finally {\n"
                            "  channel.close();\n"
                            "}\n",
                            service, name);
    enum fr_code code = output_add(output, "example", ".js", &content, reterr);
    fr_buffer_fini(&content);
    return code;
}
