/* SPDX-License-Identifier: MIT */
/*
 * codec_simdjson_ondemand.cc - JSON read by simdjson's On-Demand interface: no tree, each value parsed when asked for.
 */
#include <new>

#include <simdjson.h>

#include "payload/walk.h"

namespace
{

namespace ondemand = simdjson::ondemand;

struct state {
    const struct codec_input *input;
    struct room room; /* for base64 */
    ondemand::parser parser;
};

struct list {
    ondemand::array array;
    ondemand::array_iterator at, end;
    bool begun;
};

struct members {
    ondemand::object object;
    ondemand::object_iterator at, end;
    bool begun;
};

#define IN         struct state
#define IN_NODE    ondemand::value
#define IN_OBJECT  ondemand::object
#define IN_LIST    struct list
#define IN_MEMBERS struct members

inline bool in_object(state *, ondemand::value *node, ondemand::object *ret_object)
{
    return node->get_object().get(*ret_object) == simdjson::SUCCESS;
}

/* Fields come in the order of the text, so each search begins where the last one ended. */
inline bool in_member(state *, ondemand::object *object, const struct plan_name *name,
                      ondemand::value *ret_value)
{
    return object->find_field_unordered(std::string_view(name->text, name->size)).get(*ret_value) ==
           simdjson::SUCCESS;
}

inline bool in_list(state *, ondemand::value *node, struct list *ret_list)
{
    ret_list->begun = false;
    return node->get_array().get(ret_list->array) == simdjson::SUCCESS &&
           ret_list->array.begin().get(ret_list->at) == simdjson::SUCCESS &&
           ret_list->array.end().get(ret_list->end) == simdjson::SUCCESS;
}

/* An iterator may move on only when its value has been read. */
inline bool in_next(state *, struct list *list, ondemand::value *ret_value)
{
    if (list->begun) {
        ++list->at;
    }
    list->begun = true;
    return list->at != list->end && (*list->at).get(*ret_value) == simdjson::SUCCESS;
}

inline bool in_members(state *, ondemand::value *node, struct members *ret_members)
{
    ret_members->begun = false;
    return node->get_object().get(ret_members->object) == simdjson::SUCCESS &&
           ret_members->object.begin().get(ret_members->at) == simdjson::SUCCESS &&
           ret_members->object.end().get(ret_members->end) == simdjson::SUCCESS;
}

inline bool in_next_member(state *, struct members *members, const char **ret_key, size_t *ret_size,
                           ondemand::value *ret_value)
{
    if (members->begun) {
        ++members->at;
    }
    members->begun = true;
    if (!(members->at != members->end)) {
        return false;
    }
    ondemand::field field;
    std::string_view key;
    if ((*members->at).get(field) != simdjson::SUCCESS ||
        field.unescaped_key().get(key) != simdjson::SUCCESS) {
        return false;
    }
    *ret_key = key.data();
    *ret_size = key.size();
    *ret_value = field.value();
    return true;
}

inline bool in_text(state *, ondemand::value *node, const char **ret_text, size_t *ret_size)
{
    std::string_view text;
    if (node->get_string().get(text) != simdjson::SUCCESS) {
        return false;
    }
    *ret_text = text.data();
    *ret_size = text.size();
    return true;
}

inline bool in_integer(state *, ondemand::value *node, int64_t *ret_value)
{
    return node->get_int64().get(*ret_value) == simdjson::SUCCESS;
}

inline bool in_real(state *, ondemand::value *node, double *ret_value)
{
    return node->get_double().get(*ret_value) == simdjson::SUCCESS;
}

inline bool in_bool(state *, ondemand::value *node, bool *ret_value)
{
    return node->get_bool().get(*ret_value) == simdjson::SUCCESS;
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

bool decode(void *context, struct sink *sink)
{
    state *self = (state *)context;
    simdjson::padded_string_view text(self->input->json.data, self->input->json.size,
                                      self->input->json.size + CODEC_PADDING);
    ondemand::document document;
    ondemand::object object;
    return self->parser.iterate(text).get(document) == simdjson::SUCCESS &&
           document.get_object().get(object) == simdjson::SUCCESS &&
           walk_in_fields(self, &object, self->input->plan, sink);
}

const char *version(void)
{
    static const std::string text = std::to_string(simdjson::SIMDJSON_VERSION_MAJOR) + "." +
                                    std::to_string(simdjson::SIMDJSON_VERSION_MINOR) + "." +
                                    std::to_string(simdjson::SIMDJSON_VERSION_REVISION) + " (" +
                                    simdjson::builtin_implementation()->name() + ")";
    return text.c_str();
}

} // namespace

extern "C" const struct codec codec_simdjson_ondemand = {
    .name = "simdjson-ondemand",
    .about = "a parser that is kept; no tree, values are parsed when they are read",
    .library = "simdjson On-Demand",
    .missing = NULL,
    .version = version,
    .format = CODEC_JSON,
    .open = state_open,
    .close = state_close,
    .encode = NULL,
    .drop = NULL,
    .decode = decode,
};
