/* SPDX-License-Identifier: MIT */
/*
 * target.c - which method to call and where, from what a person typed.
 */
#include "freshet/target.h"

#include <string.h>

#include "freshet/command.h"
#include "freshet/near.h"
#include "freshet/report.h"
#include "message/json.h"

/* The service part of "service/method" or "service.method". */
static const struct fr_schema_service *typed_service(const struct fr_schema *schema, const char *typed)
{
    const char *end = strrchr(typed, '/');
    end = end == NULL ? strrchr(typed, '.') : end;
    char name[256];
    if (end == NULL || (size_t)(end - typed) >= sizeof name) {
        return NULL;
    }
    memcpy(name, typed, (size_t)(end - typed));
    name[end - typed] = '\0';
    return fr_schema_find_service(schema, name);
}

static int complain(const struct fr_schema *schema, const char *command, const char *typed, bool has_address)
{
    struct near near = {0};
    struct fr_buffer text = {0};
    for (size_t i = 0; i < fr_schema_service_count(schema); i++) {
        const struct fr_schema_service *service = fr_schema_service_at(schema, i);
        for (size_t j = 0; j < service->method_count; j++) {
            near_offer(&near, typed, service->methods[j].full_name);
        }
    }
    near_append_question(&near, &text);
    if (near.count == 0) {
        fr_buffer_append_text(&text, "; 'freshet list' shows the services");
    }
    int exit_code;
    const char *hint = fr_buffer_text(&text);
    if (!has_address && typed_service(schema, typed) == NULL) {
        exit_code =
            report_usage(command, "no service is known that has '%s'%s", typed, hint == NULL ? "" : hint);
    } else {
        exit_code = report_status(FR_UNIMPLEMENTED, "unknown method '%s'%s", typed, hint == NULL ? "" : hint);
    }
    fr_buffer_fini(&text);
    return exit_code;
}

/* The server may know the method when this program does not. Returns 0, or the exit code after a complaint. */
static int ask_server(struct target *self, const char *method)
{
    struct descriptors asked;
    struct fr_error error;
    enum fr_code code = descriptors_ask(&asked, self->address, &error);
    if (code == FR_UNIMPLEMENTED) {
        return 0;
    }
    if (code != FR_OK) {
        return report_status(code, "%s", error.message);
    }
    descriptors_fini(&self->descriptors);
    self->descriptors = asked;
    self->method = fr_schema_find_method(asked.schema, method);
    return 0;
}

int target_init(struct target *self, const char *command, const char *method, const char *address,
                const struct descriptors_given *given)
{
    static const struct descriptors_given nothing;
    struct fr_error error;
    *self = (struct target){0};
    given = given == NULL ? &nothing : given;
    int exit_code = descriptors_init(&self->descriptors, command, given, NULL);
    if (exit_code != 0) {
        return exit_code;
    }
    if (address != NULL && address_parse(address, self->address, &error) != FR_OK) {
        return report_usage(command, "%s", error.message);
    }
    self->method = fr_schema_find_method(self->descriptors.schema, method);
    if (self->method == NULL && address != NULL && given->protos.count == 0 && given->protoset == NULL) {
        exit_code = ask_server(self, method);
    }
    if (exit_code != 0) {
        return exit_code;
    }
    if (self->method == NULL) {
        return complain(self->descriptors.schema, command, method, address != NULL);
    }
    if (address != NULL) {
        return 0;
    }
    const struct fr_schema_service *service = typed_service(self->descriptors.schema, self->method->full_name);
    address = service == NULL ? NULL : address_of_service(service->name);
    if (address == NULL) {
        return report_usage(command, "'%s' has no default address; give one with --addr", method);
    }
    return address_parse(address, self->address, &error) == FR_OK ? 0 : report_usage(command, "%s", error.message);
}

void target_fini(struct target *self)
{
    descriptors_fini(&self->descriptors);
}

/* fr_json_read names a line for bad syntax, a field for anything else. */
static bool is_syntax_error(const char *message)
{
    return strncmp(message, "line ", 5) == 0;
}

enum fr_code target_encode(const struct target *self, struct fr_bytes json, struct fr_arena *arena,
                           struct fr_buffer *out, struct fr_error *reterr)
{
    struct ProtobufCMessage *request;
    struct fr_error error;
    enum fr_code code = fr_json_read(self->method->request, json, arena, &request, &error);
    if (code == FR_INVALID_ARGUMENT && is_syntax_error(error.message)) {
        return fr_error_set(reterr, code, "%s; the request is JSON, such as '{\"id\":\"user-123\"}'",
                            error.message);
    }
    if (code != FR_OK) {
        return fr_error_set(reterr, code, "%s", error.message);
    }
    fr_message_pack(request, out);
    return out->failed ? fr_error_no_memory(reterr) : FR_OK;
}
