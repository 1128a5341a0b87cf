/* SPDX-License-Identifier: MIT */
/*
 * codec_rapidjson.cc - JSON through RapidJSON's tree; and parsed in place, with memory that is kept.
 */
#include <new>

#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include "payload/walk.h"

namespace
{

constexpr size_t TREE_BYTES = (size_t)1 << 20; /* kept for the tree; a larger one takes more from malloc */

using rapidjson::Document;
using rapidjson::StringBuffer;
using rapidjson::StringRef;
using rapidjson::Value;
using rapidjson::Writer;

struct state {
    const struct codec_input *input;
    struct room room;                   /* for base64 */
    Document::AllocatorType *allocator; /* of the tree under construction */
    StringBuffer *text;                 /* owned; the last one written */
    struct room text_room, tree_room;   /* kept for parsing in place */
};

#define OUT      struct state
#define OUT_NODE Value *

/*
 * Moves the value into its place and returns where that is. Texts of the message and names of fields live longer than
 * the tree, so it refers to them; the keys of maps are copied.
 */
inline Value *put(state *out, Value *parent, const struct plan_name *name, Value &value)
{
    if (name == NULL) {
        parent->PushBack(value, *out->allocator);
        return parent->End() - 1;
    }
    if (name->quoted != NULL) {
        parent->AddMember(StringRef(name->text, name->size), value, *out->allocator);
    } else {
        Value key(name->text, (rapidjson::SizeType)name->size, *out->allocator);
        parent->AddMember(key, value, *out->allocator);
    }
    return &(parent->MemberEnd() - 1)->value;
}

inline Value *out_object(state *out, Value *parent, const struct plan_name *name)
{
    Value value(rapidjson::kObjectType);
    return put(out, parent, name, value);
}

inline Value *out_list(state *out, Value *parent, const struct plan_name *name)
{
    Value value(rapidjson::kArrayType);
    return put(out, parent, name, value);
}

inline void out_end_object(state *, Value *)
{
}

inline void out_end_list(state *, Value *)
{
}

inline void out_text(state *out, Value *parent, const struct plan_name *name, const char *text, size_t size)
{
    Value value(StringRef(text, size));
    put(out, parent, name, value);
}

inline void out_plain(state *out, Value *parent, const struct plan_name *name, const char *text, size_t size)
{
    Value value(text, (rapidjson::SizeType)size, *out->allocator);
    put(out, parent, name, value);
}

inline void out_bytes(state *out, Value *parent, const struct plan_name *name, const uint8_t *data,
                      size_t size)
{
    size_t length = text64_size(size);
    char *text = (char *)out->allocator->Malloc(length + 1); /* for none it gives NULL */
    if (text != NULL) {
        text64_write(text, data, size);
        out_text(out, parent, name, text, length);
    }
}

inline void out_integer(state *out, Value *parent, const struct plan_name *name, int64_t number)
{
    Value value(number);
    put(out, parent, name, value);
}

inline void out_real(state *out, Value *parent, const struct plan_name *name, double number)
{
    Value value(number);
    put(out, parent, name, value);
}

inline void out_float(state *out, Value *parent, const struct plan_name *name, float number)
{
    out_real(out, parent, name, (double)number);
}

inline void out_bool(state *out, Value *parent, const struct plan_name *name, bool truth)
{
    Value value(truth);
    put(out, parent, name, value);
}

#include "payload/walk_out.h"

struct list {
    Value::ValueIterator at, end;
};

struct members {
    Value::MemberIterator at, end;
};

#define IN         struct state
#define IN_NODE    Value *
#define IN_OBJECT  Value *
#define IN_LIST    struct list
#define IN_MEMBERS struct members

inline bool in_object(state *, Value **node, Value **ret_object)
{
    *ret_object = *node;
    return (*node)->IsObject();
}

inline bool in_member(state *, Value **object, const struct plan_name *name, Value **ret_value)
{
    Value key(StringRef(name->text, name->size));
    Value::MemberIterator found = (*object)->FindMember(key);
    if (found == (*object)->MemberEnd()) {
        return false;
    }
    *ret_value = &found->value;
    return true;
}

inline bool in_list(state *, Value **node, struct list *ret_list)
{
    if (!(*node)->IsArray()) {
        return false;
    }
    *ret_list = {(*node)->Begin(), (*node)->End()};
    return true;
}

inline bool in_next(state *, struct list *list, Value **ret_value)
{
    *ret_value = list->at;
    return list->at++ != list->end;
}

inline bool in_members(state *, Value **node, struct members *ret_members)
{
    if (!(*node)->IsObject()) {
        return false;
    }
    *ret_members = {(*node)->MemberBegin(), (*node)->MemberEnd()};
    return true;
}

inline bool in_next_member(state *, struct members *members, const char **ret_key, size_t *ret_size,
                           Value **ret_value)
{
    if (members->at == members->end) {
        return false;
    }
    *ret_key = members->at->name.GetString();
    *ret_size = members->at->name.GetStringLength();
    *ret_value = &members->at->value;
    ++members->at;
    return true;
}

inline bool in_text(state *, Value **node, const char **ret_text, size_t *ret_size)
{
    if (!(*node)->IsString()) {
        return false;
    }
    *ret_text = (*node)->GetString();
    *ret_size = (*node)->GetStringLength();
    return true;
}

inline bool in_integer(state *, Value **node, int64_t *ret_value)
{
    if (!(*node)->IsInt64()) {
        return false;
    }
    *ret_value = (*node)->GetInt64();
    return true;
}

inline bool in_real(state *, Value **node, double *ret_value)
{
    if (!(*node)->IsNumber()) {
        return false;
    }
    *ret_value = (*node)->GetDouble();
    return true;
}

inline bool in_bool(state *, Value **node, bool *ret_value)
{
    if (!(*node)->IsBool()) {
        return false;
    }
    *ret_value = (*node)->GetBool();
    return true;
}

inline uint8_t *in_room(state *in, size_t size)
{
    return room_of(&in->room, size);
}

#include "payload/walk_in.h"

void *state_open(const struct codec_input *input)
{
    state *self = new (std::nothrow) state{};
    if (self != NULL) {
        self->input = input;
    }
    return self;
}

void state_close(void *context)
{
    state *self = (state *)context;
    room_fini(&self->room);
    room_fini(&self->text_room);
    room_fini(&self->tree_room);
    delete self;
}

bool encode(void *context, struct payload_bytes *ret_bytes)
{
    state *self = (state *)context;
    Document document(rapidjson::kObjectType);
    self->allocator = &document.GetAllocator();
    walk_out_message(self, &document, self->input->plan, self->input->message);
    self->text = new StringBuffer;
    Writer<StringBuffer> writer(*self->text);
    bool good = document.Accept(writer);
    ret_bytes->data = (const uint8_t *)self->text->GetString();
    ret_bytes->size = self->text->GetSize();
    return good;
}

void drop(void *context)
{
    delete ((state *)context)->text;
}

bool decode(void *context, struct sink *sink)
{
    state *self = (state *)context;
    Document document;
    document.Parse<rapidjson::kParseFullPrecisionFlag>((const char *)self->input->json.data,
                                                       self->input->json.size);
    Value *root = &document;
    return !document.HasParseError() && walk_in_message(self, &root, self->input->plan, sink);
}

/* Parsing in place destroys the text, so each time begins with a copy of it. */
bool decode_in_place(void *context, struct sink *sink)
{
    state *self = (state *)context;
    size_t size = self->input->json.size;
    char *text = (char *)room_of(&self->text_room, size + 1);
    char *memory = (char *)room_of(&self->tree_room, TREE_BYTES);
    if (text == NULL || memory == NULL) {
        return false;
    }
    memcpy(text, self->input->json.data, size + 1);
    rapidjson::MemoryPoolAllocator<> allocator(memory, TREE_BYTES);
    Document document(&allocator);
    document.ParseInsitu<rapidjson::kParseFullPrecisionFlag>(text);
    Value *root = &document;
    return !document.HasParseError() && walk_in_message(self, &root, self->input->plan, sink);
}

const char *version(void)
{
    return RAPIDJSON_VERSION_STRING;
}

} // namespace

extern "C" const struct codec codec_rapidjson = {
    .name = "rapidjson",
    .about = "a new document each time, exact doubles; does not check UTF-8",
    .library = "RapidJSON",
    .missing = NULL,
    .version = version,
    .format = CODEC_JSON,
    .open = state_open,
    .close = state_close,
    .encode = encode,
    .drop = drop,
    .decode = decode,
};

extern "C" const struct codec codec_rapidjson_in_place = {
    .name = "rapidjson-inplace",
    .about = "parses a copy of the text in place; the memory of the tree is kept",
    .library = "RapidJSON",
    .missing = NULL,
    .version = version,
    .format = CODEC_JSON,
    .open = state_open,
    .close = state_close,
    .encode = NULL,
    .drop = NULL,
    .decode = decode_in_place,
};
