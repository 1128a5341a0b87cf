/* SPDX-License-Identifier: MIT */
/*
 * codec_rapidjson_writer.cc - JSON written straight from the message by RapidJSON's Writer, without a tree.
 */
#include <new>

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include "payload/walk.h"

namespace
{

using rapidjson::StringBuffer;
using rapidjson::Writer;

struct state {
    const struct codec_input *input;
    struct room room; /* for base64 */
    StringBuffer text;
    Writer<StringBuffer> writer;
};

/* The writer knows where it is. */
struct nowhere {
};

#define OUT      struct state
#define OUT_NODE struct nowhere

inline void put_name(state *out, const struct plan_name *name)
{
    if (name != NULL) {
        out->writer.Key(name->text, (rapidjson::SizeType)name->size);
    }
}

inline nowhere out_object(state *out, nowhere, const struct plan_name *name)
{
    put_name(out, name);
    out->writer.StartObject();
    return nowhere();
}

inline nowhere out_list(state *out, nowhere, const struct plan_name *name)
{
    put_name(out, name);
    out->writer.StartArray();
    return nowhere();
}

inline void out_end_object(state *out, nowhere)
{
    out->writer.EndObject();
}

inline void out_end_list(state *out, nowhere)
{
    out->writer.EndArray();
}

inline void out_text(state *out, nowhere, const struct plan_name *name, const char *text, size_t size)
{
    put_name(out, name);
    out->writer.String(text, (rapidjson::SizeType)size);
}

inline void out_plain(state *out, nowhere parent, const struct plan_name *name, const char *text, size_t size)
{
    out_text(out, parent, name, text, size);
}

inline void out_bytes(state *out, nowhere parent, const struct plan_name *name, const uint8_t *data,
                      size_t size)
{
    size_t length = text64_size(size);
    char *text = (char *)room_of(&out->room, length);
    if (text != NULL) {
        text64_write(text, data, size);
        out_text(out, parent, name, text, length);
    }
}

inline void out_integer(state *out, nowhere, const struct plan_name *name, int64_t value)
{
    put_name(out, name);
    out->writer.Int64(value);
}

inline void out_real(state *out, nowhere, const struct plan_name *name, double value)
{
    put_name(out, name);
    out->writer.Double(value);
}

inline void out_float(state *out, nowhere parent, const struct plan_name *name, float value)
{
    out_real(out, parent, name, (double)value);
}

inline void out_bool(state *out, nowhere, const struct plan_name *name, bool value)
{
    put_name(out, name);
    out->writer.Bool(value);
}

#include "payload/walk_out.h"

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
    delete self;
}

bool encode(void *context, struct payload_bytes *ret_bytes)
{
    state *self = (state *)context;
    self->text.Clear();
    self->writer.Reset(self->text);
    self->writer.StartObject();
    walk_out_message(self, nowhere(), self->input->plan, self->input->message);
    bool good = self->writer.EndObject();
    ret_bytes->data = (const uint8_t *)self->text.GetString();
    ret_bytes->size = self->text.GetSize();
    return good;
}

const char *version(void)
{
    return RAPIDJSON_VERSION_STRING;
}

} // namespace

extern "C" const struct codec codec_rapidjson_writer = {
    .name = "rapidjson-writer",
    .about = "writes by the schema into a buffer that is kept, without a tree",
    .library = "RapidJSON",
    .missing = NULL,
    .version = version,
    .format = CODEC_JSON,
    .open = state_open,
    .close = state_close,
    .encode = encode,
    .drop = NULL,
    .decode = NULL,
};
