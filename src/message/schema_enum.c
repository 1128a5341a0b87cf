/* SPDX-License-Identifier: MIT */
/*
 * schema_enum.c - protobuf-c enum descriptors made at run time.
 */
#include <stdlib.h>
#include <string.h>

#include "message/schema_types.h"

/* A value on its way into the two sorted tables. */
struct entry {
    const char *name;
    int number;
    size_t declared; /* its place in the .proto: the first name of a number is the one that is written */
};

static int by_number(const void *left, const void *right)
{
    const struct entry *a = left;
    const struct entry *b = right;
    return a->number != b->number ? (a->number < b->number ? -1 : 1) : (a->declared < b->declared ? -1 : 1);
}

static int by_name(const void *left, const void *right)
{
    return strcmp(((const ProtobufCEnumValueIndex *)left)->name,
                  ((const ProtobufCEnumValueIndex *)right)->name);
}

enum fr_code fr_schema_ranges(struct fr_schema_builder *builder, const int *numbers, size_t count,
                              const ProtobufCIntRange **ret_ranges, unsigned *ret_count)
{
    *ret_ranges = NULL;
    *ret_count = 0;
    if (count == 0) {
        return FR_OK;
    }
    ProtobufCIntRange *ranges = fr_schema_alloc(builder->schema, count + 1, sizeof *ranges);
    if (ranges == NULL) {
        return fr_error_no_memory(builder->reterr);
    }
    unsigned used = 0;
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || (int64_t)numbers[i] != (int64_t)numbers[i - 1] + 1) {
            ranges[used++] = (ProtobufCIntRange){numbers[i], (unsigned)i};
        }
    }
    ranges[used] = (ProtobufCIntRange){0, (unsigned)count};
    *ret_ranges = ranges;
    *ret_count = used;
    return FR_OK;
}

static enum fr_code check_values(struct fr_schema_builder *builder, const struct fr_symbol *symbol)
{
    const Google__Protobuf__EnumDescriptorProto *proto = symbol->proto.enumeration;
    if (proto->n_value == 0) {
        return fr_error_set(builder->reterr, FR_INVALID_ARGUMENT, "the enum %s has no values", symbol->name);
    }
    for (size_t i = 0; i < proto->n_value; i++) {
        if (!fr_schema_is_name(proto->value[i]->name) || !proto->value[i]->has_number) {
            return fr_error_set(builder->reterr, FR_INVALID_ARGUMENT,
                                "the enum %s has a value without a name or a number", symbol->name);
        }
    }
    return FR_OK;
}

/* Fills values, distinct and by number, and names, which keep the aliases. */
static void fill_tables(struct entry *entries, size_t count, ProtobufCEnumValue *values,
                        ProtobufCEnumValueIndex *names, int *numbers, ProtobufCEnumDescriptor *descriptor)
{
    qsort(entries, count, sizeof *entries, by_number);
    unsigned used = 0;
    for (size_t i = 0; i < count; i++) {
        if (used == 0 || values[used - 1].value != entries[i].number) {
            values[used] = (ProtobufCEnumValue){entries[i].name, entries[i].name, entries[i].number};
            numbers[used++] = entries[i].number;
        }
        names[i] = (ProtobufCEnumValueIndex){entries[i].name, used - 1};
    }
    qsort(names, count, sizeof *names, by_name);
    descriptor->n_values = used;
    descriptor->values = values;
    descriptor->n_value_names = (unsigned)count;
    descriptor->values_by_name = names;
}

enum fr_code fr_schema_build_enum(struct fr_schema_builder *builder, struct fr_symbol *symbol)
{
    const Google__Protobuf__EnumDescriptorProto *proto = symbol->proto.enumeration;
    enum fr_code code = check_values(builder, symbol);
    if (code != FR_OK) {
        return code;
    }
    size_t count = proto->n_value;
    struct entry *entries = fr_schema_alloc(builder->schema, count, sizeof *entries);
    ProtobufCEnumValue *values = fr_schema_alloc(builder->schema, count, sizeof *values);
    ProtobufCEnumValueIndex *names = fr_schema_alloc(builder->schema, count, sizeof *names);
    int *numbers = fr_schema_alloc(builder->schema, count, sizeof *numbers);
    if (entries == NULL || values == NULL || names == NULL || numbers == NULL) {
        return fr_error_no_memory(builder->reterr);
    }
    for (size_t i = 0; i < count; i++) {
        entries[i] = (struct entry){proto->value[i]->name, proto->value[i]->number, i};
    }
    struct fr_enum_type *type = symbol->type.enumeration;
    ProtobufCEnumDescriptor *descriptor = &type->descriptor;
    descriptor->magic = PROTOBUF_C__ENUM_DESCRIPTOR_MAGIC;
    descriptor->name = symbol->name;
    descriptor->short_name = proto->name;
    descriptor->c_name = proto->name;
    descriptor->package_name = symbol->file->package == NULL ? "" : symbol->file->package;
    fill_tables(entries, count, values, names, numbers, descriptor);
    for (size_t i = 1; i < count; i++) {
        if (strcmp(names[i - 1].name, names[i].name) == 0) {
            return fr_error_set(builder->reterr, FR_INVALID_ARGUMENT, "the enum %s has the value %s twice",
                                symbol->name, names[i].name);
        }
    }
    type->closed = !fr_schema_is_proto3(symbol->file);
    type->is_null_value = strcmp(symbol->name, "google.protobuf.NullValue") == 0;
    return fr_schema_ranges(builder, numbers, descriptor->n_values, &descriptor->value_ranges,
                            &descriptor->n_value_ranges);
}
