/* SPDX-License-Identifier: MIT */
/*
 * codec_jansson.c - JSON through jansson's tree.
 */
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "payload/walk.h"

struct state {
    const struct codec_input *input;
    struct room room; /* for base64 */
    char *text;       /* owned; the last one written */
};

#define OUT      struct state
#define OUT_NODE json_t *

/* Takes the value. */
static inline json_t *put(json_t *parent, const struct plan_name *name, json_t *value)
{
    if (name == NULL) {
        json_array_append_new(parent, value);
    } else {
        json_object_setn_new_nocheck(parent, name->text, name->size, value);
    }
    return value;
}

static inline json_t *out_object(struct state *out, json_t *parent, const struct plan_name *name)
{
    (void)out;
    return put(parent, name, json_object());
}

static inline json_t *out_list(struct state *out, json_t *parent, const struct plan_name *name)
{
    (void)out;
    return put(parent, name, json_array());
}

static inline void out_end_object(struct state *out, json_t *node)
{
    (void)out;
    (void)node;
}

static inline void out_end_list(struct state *out, json_t *node)
{
    (void)out;
    (void)node;
}

static inline void out_text(struct state *out, json_t *parent, const struct plan_name *name, const char *text,
                            size_t size)
{
    (void)out;
    put(parent, name, json_stringn(text, size));
}

static inline void out_plain(struct state *out, json_t *parent, const struct plan_name *name,
                             const char *text, size_t size)
{
    (void)out;
    put(parent, name, json_stringn_nocheck(text, size));
}

static inline void out_bytes(struct state *out, json_t *parent, const struct plan_name *name,
                             const uint8_t *data, size_t size)
{
    size_t length = text64_size(size);
    char *text = (char *)room_of(&out->room, length);
    if (text != NULL) {
        text64_write(text, data, size);
        out_plain(out, parent, name, text, length);
    }
}

static inline void out_integer(struct state *out, json_t *parent, const struct plan_name *name, int64_t value)
{
    (void)out;
    put(parent, name, json_integer(value));
}

static inline void out_real(struct state *out, json_t *parent, const struct plan_name *name, double value)
{
    (void)out;
    put(parent, name, json_real(value));
}

static inline void out_float(struct state *out, json_t *parent, const struct plan_name *name, float value)
{
    out_real(out, parent, name, (double)value);
}

static inline void out_bool(struct state *out, json_t *parent, const struct plan_name *name, bool value)
{
    (void)out;
    put(parent, name, json_boolean(value));
}

#include "payload/walk_out.h"

struct list {
    json_t *array;
    size_t at;
};

struct members {
    json_t *object;
    void *at;
};

#define IN         struct state
#define IN_NODE    json_t *
#define IN_OBJECT  json_t *
#define IN_LIST    struct list
#define IN_MEMBERS struct members

static inline bool in_object(struct state *in, json_t **node, json_t **ret_object)
{
    (void)in;
    *ret_object = *node;
    return json_is_object(*node);
}

static inline bool in_member(struct state *in, json_t **object, const struct plan_name *name,
                             json_t **ret_value)
{
    (void)in;
    *ret_value = json_object_getn(*object, name->text, name->size);
    return *ret_value != NULL;
}

static inline bool in_list(struct state *in, json_t **node, struct list *ret_list)
{
    (void)in;
    *ret_list = (struct list){*node, 0};
    return json_is_array(*node);
}

static inline bool in_next(struct state *in, struct list *list, json_t **ret_value)
{
    (void)in;
    *ret_value = json_array_get(list->array, list->at++);
    return *ret_value != NULL;
}

static inline bool in_members(struct state *in, json_t **node, struct members *ret_members)
{
    (void)in;
    *ret_members = (struct members){*node, json_object_iter(*node)};
    return json_is_object(*node);
}

static inline bool in_next_member(struct state *in, struct members *members, const char **ret_key,
                                  size_t *ret_size, json_t **ret_value)
{
    (void)in;
    if (members->at == NULL) {
        return false;
    }
    *ret_key = json_object_iter_key(members->at);
    *ret_size = json_object_iter_key_len(members->at);
    *ret_value = json_object_iter_value(members->at);
    members->at = json_object_iter_next(members->object, members->at);
    return true;
}

static inline bool in_text(struct state *in, json_t **node, const char **ret_text, size_t *ret_size)
{
    (void)in;
    *ret_text = json_string_value(*node);
    *ret_size = json_string_length(*node);
    return *ret_text != NULL;
}

static inline bool in_integer(struct state *in, json_t **node, int64_t *ret_value)
{
    (void)in;
    *ret_value = json_integer_value(*node);
    return json_is_integer(*node);
}

static inline bool in_real(struct state *in, json_t **node, double *ret_value)
{
    (void)in;
    *ret_value = json_number_value(*node);
    return json_is_number(*node);
}

static inline bool in_bool(struct state *in, json_t **node, bool *ret_value)
{
    (void)in;
    *ret_value = json_is_true(*node);
    return json_is_boolean(*node);
}

static inline uint8_t *in_room(struct state *in, size_t size)
{
    return room_of(&in->room, size);
}

#include "payload/walk_in.h"

static void *state_open(const struct codec_input *input)
{
    struct state *self = calloc(1, sizeof *self);
    if (self != NULL) {
        self->input = input;
    }
    return self;
}

static void state_close(void *context)
{
    struct state *self = context;
    room_fini(&self->room);
    free(self);
}

static bool encode(void *context, struct payload_bytes *ret_bytes)
{
    struct state *self = context;
    json_t *root = json_object();
    walk_out_message(self, root, self->input->plan, self->input->message);
    self->text = json_dumps(root, JSON_COMPACT);
    json_decref(root);
    if (self->text == NULL) {
        return false;
    }
    *ret_bytes = (struct payload_bytes){(const uint8_t *)self->text, strlen(self->text)};
    return true;
}

static void drop(void *context)
{
    struct state *self = context;
    free(self->text);
}

static bool decode(void *context, struct sink *sink)
{
    struct state *self = context;
    json_t *root = json_loadb((const char *)self->input->json.data, self->input->json.size, 0, NULL);
    bool good = root != NULL && walk_in_message(self, &root, self->input->plan, sink);
    json_decref(root);
    return good;
}

const struct codec codec_jansson = {
    .name = "jansson",
    .about = "a tree from malloc; checks UTF-8 both ways",
    .library = "jansson",
    .version = jansson_version_str,
    .format = CODEC_JSON,
    .open = state_open,
    .close = state_close,
    .encode = encode,
    .drop = drop,
    .decode = decode,
};
