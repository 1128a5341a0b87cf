/* SPDX-License-Identifier: MIT */
/*
 * codec_json_c.c - JSON through json-c's tree; with a new parser for each text, and with one that is kept.
 */
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "payload/walk.h"

#define FLAGS (JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)

struct state {
    const struct codec_input *input;
    struct room room;          /* for base64 */
    struct json_object *root;  /* owned; holds the text last written */
    struct json_tokener *kept; /* owned */
};

#define OUT      struct state
#define OUT_NODE struct json_object *

/* Takes the value. The names of fields live longer than the tree; the keys of maps are copied. */
static inline struct json_object *put(struct json_object *parent, const struct plan_name *name,
                                      struct json_object *value)
{
    if (name == NULL) {
        json_object_array_add(parent, value);
    } else {
        json_object_object_add_ex(parent, name->text, value,
                                  JSON_C_OBJECT_ADD_KEY_IS_NEW |
                                      (name->quoted != NULL ? JSON_C_OBJECT_ADD_CONSTANT_KEY : 0));
    }
    return value;
}

static inline struct json_object *out_object(struct state *out, struct json_object *parent,
                                             const struct plan_name *name)
{
    (void)out;
    return put(parent, name, json_object_new_object());
}

static inline struct json_object *out_list(struct state *out, struct json_object *parent,
                                           const struct plan_name *name)
{
    (void)out;
    return put(parent, name, json_object_new_array());
}

static inline void out_end_object(struct state *out, struct json_object *node)
{
    (void)out;
    (void)node;
}

static inline void out_end_list(struct state *out, struct json_object *node)
{
    (void)out;
    (void)node;
}

static inline void out_text(struct state *out, struct json_object *parent, const struct plan_name *name,
                            const char *text, size_t size)
{
    (void)out;
    put(parent, name, json_object_new_string_len(text, (int)size));
}

static inline void out_plain(struct state *out, struct json_object *parent, const struct plan_name *name,
                             const char *text, size_t size)
{
    out_text(out, parent, name, text, size);
}

static inline void out_bytes(struct state *out, struct json_object *parent, const struct plan_name *name,
                             const uint8_t *data, size_t size)
{
    size_t length = text64_size(size);
    char *text = (char *)room_of(&out->room, length);
    if (text != NULL) {
        text64_write(text, data, size);
        out_text(out, parent, name, text, length);
    }
}

static inline void out_integer(struct state *out, struct json_object *parent, const struct plan_name *name,
                               int64_t value)
{
    (void)out;
    put(parent, name, json_object_new_int64(value));
}

static inline void out_real(struct state *out, struct json_object *parent, const struct plan_name *name,
                            double value)
{
    (void)out;
    put(parent, name, json_object_new_double(value));
}

static inline void out_float(struct state *out, struct json_object *parent, const struct plan_name *name,
                             float value)
{
    out_real(out, parent, name, (double)value);
}

static inline void out_bool(struct state *out, struct json_object *parent, const struct plan_name *name,
                            bool value)
{
    (void)out;
    put(parent, name, json_object_new_boolean(value));
}

#include "payload/walk_out.h"

struct list {
    struct json_object *array;
    size_t at, count;
};

#define IN         struct state
#define IN_NODE    struct json_object *
#define IN_OBJECT  struct json_object *
#define IN_LIST    struct list
#define IN_MEMBERS struct lh_entry *

static inline bool in_object(struct state *in, struct json_object **node, struct json_object **ret_object)
{
    (void)in;
    *ret_object = *node;
    return json_object_is_type(*node, json_type_object);
}

static inline bool in_member(struct state *in, struct json_object **object, const struct plan_name *name,
                             struct json_object **ret_value)
{
    (void)in;
    return json_object_object_get_ex(*object, name->text, ret_value);
}

static inline bool in_list(struct state *in, struct json_object **node, struct list *ret_list)
{
    (void)in;
    if (!json_object_is_type(*node, json_type_array)) {
        return false;
    }
    *ret_list = (struct list){*node, 0, json_object_array_length(*node)};
    return true;
}

static inline bool in_next(struct state *in, struct list *list, struct json_object **ret_value)
{
    (void)in;
    if (list->at == list->count) {
        return false;
    }
    *ret_value = json_object_array_get_idx(list->array, list->at++);
    return true;
}

static inline bool in_members(struct state *in, struct json_object **node, struct lh_entry **ret_members)
{
    (void)in;
    if (!json_object_is_type(*node, json_type_object)) {
        return false;
    }
    *ret_members = json_object_get_object(*node)->head;
    return true;
}

static inline bool in_next_member(struct state *in, struct lh_entry **members, const char **ret_key,
                                  size_t *ret_size, struct json_object **ret_value)
{
    (void)in;
    if (*members == NULL) {
        return false;
    }
    *ret_key = lh_entry_k(*members);
    *ret_size = strlen(*ret_key);
    *ret_value = lh_entry_v(*members);
    *members = (*members)->next;
    return true;
}

static inline bool in_text(struct state *in, struct json_object **node, const char **ret_text,
                           size_t *ret_size)
{
    (void)in;
    if (!json_object_is_type(*node, json_type_string)) {
        return false;
    }
    *ret_text = json_object_get_string(*node);
    *ret_size = (size_t)json_object_get_string_len(*node);
    return true;
}

static inline bool in_integer(struct state *in, struct json_object **node, int64_t *ret_value)
{
    (void)in;
    *ret_value = json_object_get_int64(*node);
    return json_object_is_type(*node, json_type_int);
}

static inline bool in_real(struct state *in, struct json_object **node, double *ret_value)
{
    (void)in;
    if (!json_object_is_type(*node, json_type_double) && !json_object_is_type(*node, json_type_int)) {
        return false;
    }
    *ret_value = json_object_get_double(*node);
    return true;
}

static inline bool in_bool(struct state *in, struct json_object **node, bool *ret_value)
{
    (void)in;
    *ret_value = json_object_get_boolean(*node);
    return json_object_is_type(*node, json_type_boolean);
}

static inline uint8_t *in_room(struct state *in, size_t size)
{
    return room_of(&in->room, size);
}

#include "payload/walk_in.h"

static void state_close(void *context)
{
    struct state *self = context;
    if (self->kept != NULL) {
        json_tokener_free(self->kept);
    }
    room_fini(&self->room);
    free(self);
}

static void *state_open(const struct codec_input *input)
{
    struct state *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return NULL;
    }
    self->input = input;
    self->kept = json_tokener_new();
    if (self->kept == NULL) {
        state_close(self);
        return NULL;
    }
    return self;
}

static bool encode(void *context, struct payload_bytes *ret_bytes)
{
    struct state *self = context;
    size_t size = 0;
    self->root = json_object_new_object();
    walk_out_message(self, self->root, self->input->plan, self->input->message);
    const char *text = json_object_to_json_string_length(self->root, FLAGS, &size);
    *ret_bytes = (struct payload_bytes){(const uint8_t *)text, size};
    return text != NULL;
}

static void drop(void *context)
{
    struct state *self = context;
    json_object_put(self->root);
}

static bool decode_with(struct state *self, struct json_tokener *tokener, struct sink *sink)
{
    /* With its NUL, which tells the parser that the text is over. */
    struct json_object *root =
        json_tokener_parse_ex(tokener, (const char *)self->input->json.data, (int)self->input->json.size + 1);
    bool good = root != NULL && walk_in_message(self, &root, self->input->plan, sink);
    json_object_put(root);
    return good;
}

static bool decode(void *context, struct sink *sink)
{
    struct json_tokener *tokener = json_tokener_new();
    if (tokener == NULL) {
        return false;
    }
    bool good = decode_with(context, tokener, sink);
    json_tokener_free(tokener);
    return good;
}

static bool decode_reuse(void *context, struct sink *sink)
{
    struct state *self = context;
    json_tokener_reset(self->kept);
    return decode_with(self, self->kept, sink);
}

const struct codec codec_json_c = {
    .name = "json-c",
    .about = "a tree from malloc, a new parser for each text; does not check UTF-8",
    .library = "json-c",
    .version = json_c_version,
    .format = CODEC_JSON,
    .open = state_open,
    .close = state_close,
    .encode = encode,
    .drop = drop,
    .decode = decode,
};

const struct codec codec_json_c_reuse = {
    .name = "json-c-reuse",
    .about = "a parser that is kept; the tree is new each time",
    .library = "json-c",
    .version = json_c_version,
    .format = CODEC_JSON,
    .open = state_open,
    .close = state_close,
    .decode = decode_reuse,
};
