/* SPDX-License-Identifier: MIT */
/*
 * codec_simdjson.cc - JSON parsed into simdjson's tree, with a new parser for each text and with one that is kept.
 */
#include <new>

#include <simdjson.h>

#include "payload/walk.h"

namespace
{

namespace dom = simdjson::dom;

struct state {
    const struct codec_input *input;
    struct room room; /* for base64 */
    dom::parser kept;
};

struct list {
    dom::array::iterator at, end;
};

struct members {
    dom::object::iterator at, end;
};

#define IN         struct state
#define IN_NODE    dom::element
#define IN_OBJECT  dom::object
#define IN_LIST    struct list
#define IN_MEMBERS struct members

inline bool in_object(state *, dom::element *node, dom::object *ret_object)
{
    return node->get(*ret_object) == simdjson::SUCCESS;
}

inline bool in_member(state *, dom::object *object, const struct plan_name *name, dom::element *ret_value)
{
    return object->at_key(std::string_view(name->text, name->size)).get(*ret_value) == simdjson::SUCCESS;
}

inline bool in_list(state *, dom::element *node, struct list *ret_list)
{
    dom::array array;
    if (node->get(array) != simdjson::SUCCESS) {
        return false;
    }
    *ret_list = {array.begin(), array.end()};
    return true;
}

inline bool in_next(state *, struct list *list, dom::element *ret_value)
{
    if (!(list->at != list->end)) {
        return false;
    }
    *ret_value = *list->at;
    ++list->at;
    return true;
}

inline bool in_members(state *, dom::element *node, struct members *ret_members)
{
    dom::object object;
    if (node->get(object) != simdjson::SUCCESS) {
        return false;
    }
    *ret_members = {object.begin(), object.end()};
    return true;
}

inline bool in_next_member(state *, struct members *members, const char **ret_key, size_t *ret_size,
                           dom::element *ret_value)
{
    if (!(members->at != members->end)) {
        return false;
    }
    *ret_key = members->at.key_c_str();
    *ret_size = members->at.key_length();
    *ret_value = members->at.value();
    ++members->at;
    return true;
}

inline bool in_text(state *, dom::element *node, const char **ret_text, size_t *ret_size)
{
    std::string_view text;
    if (node->get(text) != simdjson::SUCCESS) {
        return false;
    }
    *ret_text = text.data();
    *ret_size = text.size();
    return true;
}

inline bool in_integer(state *, dom::element *node, int64_t *ret_value)
{
    return node->get(*ret_value) == simdjson::SUCCESS;
}

inline bool in_real(state *, dom::element *node, double *ret_value)
{
    return node->get(*ret_value) == simdjson::SUCCESS;
}

inline bool in_bool(state *, dom::element *node, bool *ret_value)
{
    return node->get(*ret_value) == simdjson::SUCCESS;
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
    delete self;
}

/* The input has the padding that simdjson wants, so nothing is copied. */
static_assert(CODEC_PADDING >= simdjson::SIMDJSON_PADDING, "simdjson reads so far behind the text");

bool decode_with(state *self, dom::parser &parser, struct sink *sink)
{
    dom::element root;
    return parser.parse(self->input->json.data, self->input->json.size, false).get(root) ==
               simdjson::SUCCESS &&
           walk_in_message(self, &root, self->input->plan, sink);
}

bool decode(void *context, struct sink *sink)
{
    dom::parser parser;
    return decode_with((state *)context, parser, sink);
}

bool decode_reuse(void *context, struct sink *sink)
{
    state *self = (state *)context;
    return decode_with(self, self->kept, sink);
}

const char *version(void)
{
    static const std::string text = std::to_string(simdjson::SIMDJSON_VERSION_MAJOR) + "." +
                                    std::to_string(simdjson::SIMDJSON_VERSION_MINOR) + "." +
                                    std::to_string(simdjson::SIMDJSON_VERSION_REVISION) + " (" +
                                    simdjson::get_active_implementation()->name() + ")";
    return text.c_str();
}

} // namespace

extern "C" const struct codec codec_simdjson = {
    .name = "simdjson",
    .about = "a new parser for each text; checks UTF-8; has no writer",
    .library = "simdjson",
    .missing = NULL,
    .version = version,
    .format = CODEC_JSON,
    .open = state_open,
    .close = state_close,
    .encode = NULL,
    .drop = NULL,
    .decode = decode,
};

extern "C" const struct codec codec_simdjson_reuse = {
    .name = "simdjson-reuse",
    .about = "a parser that is kept, and its memory with it",
    .library = "simdjson",
    .missing = NULL,
    .version = version,
    .format = CODEC_JSON,
    .open = state_open,
    .close = state_close,
    .encode = NULL,
    .drop = NULL,
    .decode = decode_reuse,
};
