/* SPDX-License-Identifier: MIT */
/*
 * cpp.c - C++: X.freshet.hpp beside protoc's X.pb.h, on the run time freshet.hpp.
 *
 * For users.v1.Users the class UsersClient in the namespace of the messages. Every type is named from the global
 * namespace, so no method can hide it. A file without services gives a header all the same, so that a build knows its
 * outputs beforehand.
 */
#include <ctype.h>
#include <string.h>

#include "protoc-gen-freshet/claim.h"
#include "protoc-gen-freshet/comment.h"
#include "protoc-gen-freshet/language.h"

#define INDENT "    "

/* protoc puts a "_" behind these as names of messages, and so do we as names of methods. */
static const char *const keywords[] = {
    "NULL",      "alignas",  "alignof",   "and",       "and_eq",    "asm",          "auto",       "bitand",
    "bitor",     "bool",     "break",     "case",      "catch",     "char",         "char16_t",   "char32_t",
    "char8_t",   "class",    "co_await",  "co_return", "co_yield",  "compl",        "concept",    "const",
    "const_cast", "consteval", "constexpr", "constinit", "continue", "decltype",    "default",    "delete",
    "do",        "double",   "dynamic_cast", "else",   "enum",      "explicit",     "export",     "extern",
    "false",     "float",    "for",       "friend",    "goto",      "if",           "inline",     "int",
    "long",      "mutable",  "namespace", "new",       "noexcept",  "not",          "not_eq",     "nullptr",
    "operator",  "or",       "or_eq",     "private",   "protected", "public",       "register",   "reinterpret_cast",
    "requires",  "return",   "short",     "signed",    "sizeof",    "static",       "static_assert", "static_cast",
    "struct",    "switch",   "template",  "this",      "thread_local", "throw",     "true",       "try",
    "typedef",   "typeid",   "typename",  "union",     "unsigned",  "using",        "virtual",    "void",
    "volatile",  "wchar_t",  "while",     "xor",       "xor_eq",
};

/* Macros of the headers that generated code includes, and words and macros of g++ without -std. protoc minds none. */
static const char *const macros[] = {
    "EOF", "assert", "errno", "i386", "linux", "offsetof", "stderr", "stdin", "stdout", "typeof", "unix",
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

static const char *unreserved(const struct model *model, const char *name)
{
    bool taken = name != NULL && is_among(name, keywords, sizeof keywords / sizeof keywords[0]);
    return taken ? model_join(model, name, "_", "") : name;
}

static const char *member_name(const struct model *model, const struct model_method *method)
{
    const char *name = method->proto->name;
    bool macro = is_among(name, macros, sizeof macros / sizeof macros[0]);
    return macro ? model_join(model, name, "_", "") : unreserved(model, name);
}

/* Each "." of text as between. */
static const char *with_separator(const struct model *model, const char *text, const char *between)
{
    const char *joined = "";
    while (joined != NULL && *text != '\0') {
        size_t size = strcspn(text, ".");
        char *part = model_join(model, text, "", "");
        if (part != NULL) {
            part[size] = '\0';
        }
        joined = part == NULL ? NULL : model_join(model, joined, joined[0] == '\0' ? "" : between, part);
        text += size + (text[size] == '.');
    }
    return joined;
}

static const char *package_of(const Google__Protobuf__FileDescriptorProto *file)
{
    return file->package == NULL ? "" : file->package;
}

/* "Outer_Inner" for users.v1.Outer.Inner, as protoc calls it; NULL without memory. */
static const char *class_name(const struct model *model, const struct model_type *type)
{
    const char *package = package_of(type->file);
    return unreserved(model, with_separator(model, type->name + (package[0] == '\0' ? 0 : strlen(package) + 1), "_"));
}

/* "::users::v1::User"; NULL without memory. */
static const char *type_name(const struct model *model, const struct model_type *type)
{
    const char *package = with_separator(model, package_of(type->file), "::"), *name = class_name(model, type);
    if (package == NULL || name == NULL) {
        return NULL;
    }
    name = model_join(model, package[0] == '\0' ? "" : "::", name, "");
    return name == NULL ? NULL : model_join(model, "::", package, name);
}

/* ---- one service ---- */

struct names {
    const char *method, *request, *response;
};

static enum fr_code name_method(const struct model *model, const struct model_method *method, struct names *ret_names,
                                struct fr_error *reterr)
{
    *ret_names = (struct names){
        .method = member_name(model, method),
        .request = type_name(model, method->request),
        .response = type_name(model, method->response),
    };
    bool complete = ret_names->method != NULL && ret_names->request != NULL && ret_names->response != NULL;
    return complete ? FR_OK : fr_error_no_memory(reterr);
}

static void declare_method(const struct model_method *method, const struct names *names, struct fr_buffer *out)
{
    struct fr_buffer mark = {0};
    const char *idempotent = method->no_side_effects || method->idempotent ? "true" : "false";
    if (method->deprecated) {
        fr_buffer_append_format(&mark, INDENT "[[deprecated(\"%s is deprecated\")]]\n", method->full_name);
    }
    const char *deprecated = mark.size == 0 ? "" : fr_buffer_text(&mark);
    out->failed = out->failed || deprecated == NULL;
    fr_buffer_append_text(out, "\n");
    comment_lines(out, INDENT, "//", place_comment(&method->place));
    fr_buffer_append_format(out,
                            "%s" INDENT "%s %s(const %s &request, const ::freshet::CallOptions &options = {}) const\n"
                            INDENT "{\n"
                            INDENT INDENT "return channel_->call<%s>(\"%s\", request, options, %s);\n"
                            INDENT "}\n",
                            deprecated, names->response, names->method, names->request, names->response,
                            method->full_name, idempotent);
    fr_buffer_append_format(out,
                            "%s" INDENT "::std::future<%s> %sFuture(\n"
                            INDENT INDENT "const %s &request, const ::freshet::CallOptions &options = {}) const\n"
                            INDENT "{\n"
                            INDENT INDENT "return channel_->future<%s>(\"%s\", request, options, %s);\n"
                            INDENT "}\n",
                            deprecated, names->response, method->proto->name, names->request, names->response,
                            method->full_name, idempotent);
    fr_buffer_append_format(out,
                            "%s" INDENT "::freshet::Pending %sAsync(\n"
                            INDENT INDENT "const %s &request, const ::freshet::CallOptions &options,\n"
                            INDENT INDENT "::freshet::Done<%s> done) const\n"
                            INDENT "{\n"
                            INDENT INDENT "return channel_->start<%s>(\"%s\", request, options, %s, "
                            "::std::move(done));\n"
                            INDENT "}\n",
                            deprecated, method->proto->name, names->request, names->response, names->response,
                            method->full_name, idempotent);
    fr_buffer_fini(&mark);
}

/* The methods' names, and what the class has besides. */
static enum fr_code check_members(struct model *model, const struct model_service *service, struct fr_error *reterr)
{
    static const char *const suffixes[] = {"", "Future", "Async"};
    const size_t count = 3 * service->method_count;
    struct claim *claims = model_alloc(model, count + 2, sizeof claims[0]);
    if (claims == NULL) {
        return fr_error_no_memory(reterr);
    }
    for (size_t i = 0; i < count; i++) {
        const struct model_method *method = &service->methods[i / 3];
        const char *name = model_join(model, method->proto->name, suffixes[i % 3], "");
        claims[i] = (struct claim){i % 3 == 0 ? member_name(model, method) : name, method->full_name, &method->place};
    }
    claims[count] = (struct claim){model_join(model, service->proto->name, "Client", ""), service->name, &service->place};
    claims[count + 1] = (struct claim){"channel_", service->name, &service->place};
    return claims_check(model, claims, count + 2, "C++", reterr);
}

static enum fr_code define_service(struct model *model, const struct model_service *service, struct fr_buffer *out,
                                   struct fr_error *reterr)
{
    const char *name = service->proto->name;
    enum fr_code code = check_members(model, service, reterr);
    fr_buffer_append_format(out, "\n// Calls %s. For each method M: M waits for the answer or throws\n"
                                 "// freshet::Error, MFuture gives a future, MAsync runs a callback.\n", service->name);
    const char *comment = place_comment(&service->place);
    fr_buffer_append_text(out, comment == NULL ? "" : "//\n");
    comment_lines(out, "", "//", comment);
    fr_buffer_append_format(out, "class ");
    if (service->deprecated) {
        fr_buffer_append_format(out, "[[deprecated(\"%s is deprecated\")]] ", service->name);
    }
    fr_buffer_append_format(out,
                            "%sClient {\n"
                            "public:\n"
                            INDENT "// channel is borrowed as long as this is used.\n"
                            INDENT "explicit %sClient(const ::freshet::Channel &channel) : channel_(&channel) {}\n"
                            INDENT "explicit %sClient(const ::freshet::Channel &&) = delete;\n",
                            name, name, name);
    for (size_t i = 0; i < service->method_count && code == FR_OK; i++) {
        struct names names;
        code = name_method(model, &service->methods[i], &names, reterr);
        if (code == FR_OK) {
            declare_method(&service->methods[i], &names, out);
        }
    }
    fr_buffer_append_format(out, "\nprivate:\n" INDENT "%sconst ::freshet::Channel *channel_;\n};\n",
                            service->method_count == 0 ? "[[maybe_unused]] " : "");
    return code;
}

/* The classes of the file's messages and of its services. */
static enum fr_code check_classes(struct model *model, const struct model_file *file, struct fr_error *reterr)
{
    struct claim *claims = model_alloc(model, model->type_count + file->service_count, sizeof claims[0]);
    size_t count = 0;
    if (claims == NULL) {
        return fr_error_no_memory(reterr);
    }
    for (size_t i = 0; i < model->type_count; i++) {
        const struct model_type *type = model->types[i];
        if (type->file == file->proto && !(type->proto->options != NULL && type->proto->options->map_entry)) {
            claims[count++] = (struct claim){class_name(model, type), type->name, &type->place};
        }
    }
    for (size_t i = 0; i < file->service_count; i++) {
        const struct model_service *service = &file->services[i];
        claims[count++] =
            (struct claim){model_join(model, service->proto->name, "Client", ""), service->name, &service->place};
    }
    return claims_check(model, claims, count, "C++", reterr);
}

/* ---- the file ---- */

/* protoc makes namespaces of the parts of a package, keywords or not. */
static void refuse_package(struct model *model, const Google__Protobuf__FileDescriptorProto *file)
{
    const struct place place = place_of_field((struct place){.file = file}, PLACE_FILE_PACKAGE);
    for (const char *part = package_of(file); *part != '\0';) {
        size_t size = strcspn(part, ".");
        char name[64] = "";
        strncat(name, part, size < sizeof name ? size : 0);
        if (is_among(name, keywords, sizeof keywords / sizeof keywords[0])) {
            problems_add(&model->problems, &place,
                         "the package %.200s has a part '%s', which is a keyword of C++, so protoc's C++ code does not "
                         "compile; name the package otherwise",
                         file->package, name);
        }
        part += size + (part[size] == '.');
    }
}

/* Of imports too, for their messages are generated as well. */
static void refuse_packages(struct model *model, const struct model_file *file)
{
    for (size_t i = 0; i < model->file_count; i++) {
        if (model_speaks_for(model, file, &model->files[i])) {
            refuse_package(model, model->files[i].proto);
        }
    }
}

static void append_guard(struct fr_buffer *out, const char *stem)
{
    fr_buffer_append_text(out, "FRESHET_STUBS_");
    for (; *stem != '\0'; stem++) {
        char c = (char)toupper((unsigned char)*stem);
        fr_buffer_append(out, isalnum((unsigned char)c) ? &c : "_", 1);
    }
    fr_buffer_append_text(out, "_HPP");
}

static enum fr_code write_file(struct model *model, const struct model_file *file, const char *stem,
                               struct fr_buffer *out, struct fr_error *reterr)
{
    const char *package = with_separator(model, package_of(file->proto), "::");
    refuse_packages(model, file);
    enum fr_code code = package == NULL ? fr_error_no_memory(reterr) : check_classes(model, file, reterr);
    if (code != FR_OK) {
        return code;
    }
    fr_buffer_append_format(out, "// Generated by protoc-gen-freshet from %s; do not edit.\n#ifndef ", file->proto->name);
    append_guard(out, stem);
    fr_buffer_append_text(out, "\n#define ");
    append_guard(out, stem);
    fr_buffer_append_format(out, "\n\n#include \"freshet.hpp\"\n#include \"%s.pb.h\"\n", stem);
    if (package[0] != '\0') {
        fr_buffer_append_format(out, "\nnamespace %s {\n", package);
    }
    for (size_t i = 0; i < file->service_count && code == FR_OK; i++) {
        code = define_service(model, &file->services[i], out, reterr);
    }
    if (package[0] != '\0') {
        fr_buffer_append_format(out, "\n} // namespace %s\n", package);
    }
    fr_buffer_append_text(out, "\n#endif\n");
    return code;
}

enum fr_code cpp_emit(struct output *output, const struct model_file *file, struct fr_error *reterr)
{
    const char *stem = output_stem(output->model, file->proto);
    struct fr_buffer content = {0};
    enum fr_code code =
        stem == NULL ? fr_error_no_memory(reterr) : write_file(output->model, file, stem, &content, reterr);
    code = code != FR_OK ? code : output_add(output, stem, ".freshet.hpp", &content, reterr);
    fr_buffer_fini(&content);
    return code;
}

enum fr_code cpp_example(struct output *output, const struct model_method *method, struct fr_error *reterr)
{
    const struct model *model = output->model;
    const char *stem = output_stem(model, method->service->file->proto);
    const char *package = with_separator(model, package_of(method->service->file->proto), "::");
    struct fr_buffer content = {0};
    struct names names;
    enum fr_code code = name_method(model, method, &names, reterr);
    if (code != FR_OK || stem == NULL || package == NULL) {
        return fr_error_no_memory(reterr);
    }
    fr_buffer_append_format(&content,
                            "#include <iostream>\n"
                            "\n"
                            "#include \"%s.freshet.hpp\"\n"
                            "\n"
                            "int main(int argc, char **argv)\n"
                            "{\n"
                            INDENT "using namespace std::chrono_literals;\n"
                            INDENT "freshet::Channel channel(argc > 1 ? argv[1] : \"tcp://127.0.0.1:7001\");\n"
                            INDENT "try {\n",
                            stem);
    output_warn(&content, INDENT INDENT, "//", method);
    fr_buffer_append_format(&content,
                            INDENT INDENT "std::cout << %s::%sClient(channel).%s({}, {2s}).DebugString();\n"
                            INDENT "} catch (const freshet::Error &error) {\n"
                            INDENT INDENT "std::cout << error.what() << '\\n';\n"
                            INDENT "}\n"
                            "}\n",
                            package, method->service->proto->name, names.method);
    code = output_add(output, "example", ".cc", &content, reterr);
    fr_buffer_fini(&content);
    return code;
}
