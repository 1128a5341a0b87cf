/* SPDX-License-Identifier: MIT */
/*
 * policy.c - reads the options "cached" and "cached_from" of every method and checks what they declare.
 *
 * protoc knows the two as extensions, protobuf-c does not: they stand among the unknown fields of MethodOptions.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/options.h"
#include "message/message.h"
#include "message/wire.h"
#include "protoc-gen-freshet/model.h"

#define CACHED      50701
#define CACHED_FROM 50702

#define DEFAULT_NOT_FOUND_TTL_US (5 * FR_SECOND_US)
#define MAX_KEY_FIELDS           16 /* FR_KEY_MAX_FIELDS of cached/policy.h */

typedef Google__Protobuf__FieldDescriptorProto field_proto;

/*
 * The value of option number, an option of wire type "bytes": all its occurrences behind each other, which for a
 * message means merged. last: the last one alone, as a string wants. false when it is not given.
 */
static bool find_option(const struct model_method *method, uint32_t number, bool last, struct fr_buffer *out)
{
    const Google__Protobuf__MethodOptions *options = method->proto->options;
    bool found = false;
    for (size_t i = 0; options != NULL && i < options->base.n_unknown_fields; i++) {
        const ProtobufCMessageUnknownField *field = &options->base.unknown_fields[i];
        if (field->tag != number || field->wire_type != PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED) {
            continue;
        }
        struct fr_bytes data = {field->data, field->len}; /* the length is part of it */
        size_t skip = fr_wire_varint_size(data);
        if (last) {
            fr_buffer_clear(out);
        }
        fr_buffer_append(out, data.data + skip, data.size - skip);
        found = true;
    }
    return found;
}

static struct place option_place(const struct model_method *method, int32_t number)
{
    return place_of_field(place_of_field(method->place, PLACE_METHOD_OPTIONS), number);
}

/* ---- cached ---- */

static bool is_kind(const char *kind)
{
    for (size_t i = 0; kind[i] != '\0'; i++) {
        if (!isalpha((unsigned char)kind[i]) && kind[i] != '_' && !(isdigit((unsigned char)kind[i]) && i > 0)) {
            return false;
        }
    }
    return kind[0] != '\0';
}

/* A number with a unit: without one, nobody who reads the file knows what it means. */
static bool parse_duration(const char *text, uint64_t *ret_us)
{
    size_t size = strlen(text);
    return size > 0 && isalpha((unsigned char)text[size - 1]) && fr_duration_parse(text, ret_us);
}

static void read_duration(struct problems *problems, const struct place *place, const char *name, const char *text,
                          uint64_t *ret_us)
{
    if (!parse_duration(text, ret_us)) {
        problems_add(problems, place,
                     "%s: '%.100s' is no duration; write a number and us, ms, s, m or h, such as \"60s\"",
                     name, text);
    } else if (*ret_us == 0) {
        problems_add(problems, place, "%s: a duration of 0 caches nothing; leave the option out", name);
    }
}

static const field_proto *find_field(const Google__Protobuf__DescriptorProto *message, const char *name)
{
    for (size_t i = 0; i < message->n_field; i++) {
        if (message->field[i]->name != NULL && strcmp(message->field[i]->name, name) == 0) {
            return message->field[i];
        }
    }
    return NULL;
}

/* Why a field cannot be part of a key; NULL when it can. */
static const char *unfit(const field_proto *field)
{
    if (field->label == GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__LABEL__LABEL_REPEATED) {
        return "is repeated";
    }
    if (field->has_oneof_index) {
        return "may be absent, as part of a oneof";
    }
    switch (field->type) {
    case GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_MESSAGE:
    case GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_GROUP:
        return "is a message";
    case GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_DOUBLE:
    case GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_FLOAT:
        return "is a floating-point number";
    default:
        return NULL;
    }
}

static bool is_repeated(const Freshet__Cache__V1__Cached *cached, size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if (strcmp(cached->by[i], cached->by[index]) == 0) {
            return true;
        }
    }
    return false;
}

static void read_key(struct problems *problems, const struct place *place, const struct model_method *method,
                     const Freshet__Cache__V1__Cached *cached, struct model_policy *policy)
{
    if (cached->n_by == 0) {
        problems_add(problems, place, "by: name at least one field of %s that makes the key", method->request->name);
    }
    if (cached->n_by > MAX_KEY_FIELDS) {
        problems_add(problems, place, "by: a key has at most %d fields", MAX_KEY_FIELDS);
    }
    for (size_t i = 0; i < cached->n_by; i++) {
        const field_proto *field = find_field(method->request->proto, cached->by[i]);
        const char *why = field == NULL ? NULL : unfit(field);
        if (field == NULL) {
            problems_add(problems, place, "by: %s has no field '%.100s'", method->request->name, cached->by[i]);
        } else if (is_repeated(cached, i)) {
            problems_add(problems, place, "by: the field '%.100s' of %s is in the key already; name each field once",
                         cached->by[i], method->request->name);
        } else if (why != NULL) {
            problems_add(problems, place,
                         "by: the field '%.100s' of %s %s; a key is made of single strings, bytes, integers, "
                         "bools and enums",
                         cached->by[i], method->request->name, why);
        } else {
            policy->by[policy->by_count++] = field;
        }
    }
}

static void check_idempotency(struct model *self, const struct model_method *method, const struct place *place)
{
    if (!method->no_side_effects) {
        problems_add(&self->problems, place, "%s is cached, so it must have option idempotency_level = NO_SIDE_EFFECTS",
                     method->full_name);
    }
}

/* The method that declared the kind before this one, or NULL. */
static const struct model_method *earlier_of_kind(const struct model *self, const struct model_method *until)
{
    for (size_t i = 0; i < self->file_count; i++) {
        for (size_t j = 0; j < self->files[i].service_count; j++) {
            const struct model_service *service = &self->files[i].services[j];
            for (size_t k = 0; k < service->method_count; k++) {
                const struct model_method *method = &service->methods[k];
                if (method == until) {
                    return NULL;
                }
                if (method->cached != NULL && strcmp(method->cached->kind, until->cached->kind) == 0) {
                    return method;
                }
            }
        }
    }
    return NULL;
}

static bool same_key(const struct model_policy *a, const struct model_policy *b)
{
    bool same = a->by_count == b->by_count;
    for (size_t i = 0; same && i < a->by_count; i++) {
        same = strcmp(a->by[i]->name, b->by[i]->name) == 0;
    }
    return same;
}

static void check_kind(struct model *self, const struct model_method *method, const struct place *place)
{
    const struct model_method *earlier = earlier_of_kind(self, method);
    if (earlier == NULL) {
        return;
    }
    if (earlier->response != method->response) {
        problems_add(&self->problems, place,
                     "the kind '%.100s' has the type %s here, but %s in %s; one kind has one type: name another kind",
                     method->cached->kind, method->response->name, earlier->response->name, earlier->full_name);
    } else if (!same_key(earlier->cached, method->cached)) {
        problems_add(&self->problems, place,
                     "the kind '%.100s' has another key in %s; one kind has one key: name another kind",
                     method->cached->kind, earlier->full_name);
    }
}

static enum fr_code read_cached(struct model *self, struct model_method *method, struct fr_bytes encoded,
                                struct fr_error *reterr)
{
    struct ProtobufCMessage *message;
    enum fr_code code =
        fr_message_unpack(&freshet__cache__v1__cached__descriptor, encoded, self->arena, &message, reterr);
    if (code != FR_OK) {
        return code;
    }
    const Freshet__Cache__V1__Cached *cached = (const Freshet__Cache__V1__Cached *)message;
    const struct place place = option_place(method, CACHED);
    struct problems *problems = &self->problems;
    struct model_policy *policy = model_alloc(self, 1, sizeof *policy);
    if (policy == NULL || (policy->by = model_alloc(self, cached->n_by, sizeof policy->by[0])) == NULL) {
        return fr_error_no_memory(reterr);
    }
    policy->kind = cached->kind;
    method->cached = policy;
    if (!is_kind(cached->kind)) {
        problems_add(problems, &place, "kind: '%.100s' is no name; write letters, digits and '_', such as \"user\"",
                     cached->kind);
    }
    read_key(problems, &place, method, cached, policy);
    if (cached->ttl[0] == '\0') {
        problems_add(problems, &place, "ttl: say how long a value serves, such as \"60s\"");
    } else {
        read_duration(problems, &place, "ttl", cached->ttl, &policy->ttl_us);
    }
    if (cached->stale[0] != '\0') {
        read_duration(problems, &place, "stale", cached->stale, &policy->stale_us);
    }
    policy->not_found_ttl_us = policy->ttl_us < DEFAULT_NOT_FOUND_TTL_US ? policy->ttl_us : DEFAULT_NOT_FOUND_TTL_US;
    if (cached->not_found_ttl[0] != '\0') {
        read_duration(problems, &place, "not_found_ttl", cached->not_found_ttl, &policy->not_found_ttl_us);
    }
    check_idempotency(self, method, &place);
    check_kind(self, method, &place);
    return FR_OK;
}

/* ---- cached_from ---- */

static void read_cached_from(struct model *self, struct model_method *method, const char *origin_name)
{
    const struct place place = option_place(method, CACHED_FROM);
    const struct model_method *origin = model_find_method(self, origin_name);
    if (origin == NULL) {
        problems_add(&self->problems, &place,
                     "cached_from: neither this file nor its imports have the method '%.200s'; write it as "
                     "\"package.Service/Method\"",
                     origin_name);
        return;
    }
    if (origin->cached == NULL) {
        problems_add(&self->problems, &place, "cached_from: %s has no option (freshet.cache.v1.cached)",
                     origin->full_name);
    }
    if (origin->request != method->request) {
        problems_add(&self->problems, &place, "cached_from: %s takes %s, this method takes %s", origin->full_name,
                     origin->request->name, method->request->name);
    }
    if (origin->response != method->response) {
        problems_add(&self->problems, &place, "cached_from: %s returns %s, this method returns %s", origin->full_name,
                     origin->response->name, method->response->name);
    }
    if (method->cached != NULL) {
        problems_add(&self->problems, &place, "%s is cached itself, so it cannot be cached_from another",
                     method->full_name);
    }
    check_idempotency(self, method, &place);
    method->cached_from = origin;
}

/* ---- every method ---- */

/* Origins first, for the consumers look at them. */
static enum fr_code read_method(struct model *self, struct model_method *method, bool origins, struct fr_error *reterr)
{
    struct fr_buffer value = {0};
    struct fr_error cause;
    enum fr_code code = FR_OK;
    if (find_option(method, origins ? CACHED : CACHED_FROM, !origins, &value)) {
        const char *text = fr_buffer_text(&value);
        if (text == NULL) {
            code = fr_error_no_memory(reterr);
        } else if (!origins) {
            read_cached_from(self, method, text);
        } else if ((code = read_cached(self, method, fr_buffer_bytes(&value), &cause)) != FR_OK) {
            fr_error_set(reterr, code, "%.100s: the option cached: %s", method->full_name, cause.message);
        }
    }
    fr_buffer_fini(&value);
    return code;
}

enum fr_code model_read_policies(struct model *self, struct fr_error *reterr)
{
    enum fr_code code = FR_OK;
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < self->file_count; i++) {
            for (size_t j = 0; j < self->files[i].service_count; j++) {
                struct model_service *service = &self->files[i].services[j];
                for (size_t k = 0; k < service->method_count && code == FR_OK; k++) {
                    code = read_method(self, &service->methods[k], pass == 0, reterr);
                }
            }
        }
    }
    return code;
}
