/* SPDX-License-Identifier: MIT */
/*
 * codec_cjson.c - JSON through cJSON's tree.
 */
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "payload/walk.h"

struct state {
    const struct codec_input *input;
    struct room room; /* for base64 */
    char *text;       /* owned; the last one written */
};

#define OUT      struct state
#define OUT_NODE cJSON *

/* Takes the value. The names of fields live longer than the tree; the keys of maps are copied. */
static inline cJSON *put(cJSON *parent, const struct plan_name *name, cJSON *value)
{
    if (name == NULL) {
        cJSON_AddItemToArray(parent, value);
    } else if (name->quoted != NULL) {
        cJSON_AddItemToObjectCS(parent, name->text, value);
    } else {
        cJSON_AddItemToObject(parent, name->text, value);
    }
    return value;
}

static inline cJSON *out_object(struct state *out, cJSON *parent, const struct plan_name *name)
{
    (void)out;
    return put(parent, name, cJSON_CreateObject());
}

static inline cJSON *out_list(struct state *out, cJSON *parent, const struct plan_name *name)
{
    (void)out;
    return put(parent, name, cJSON_CreateArray());
}

static inline void out_end_object(struct state *out, cJSON *node)
{
    (void)out;
    (void)node;
}

static inline void out_end_list(struct state *out, cJSON *node)
{
    (void)out;
    (void)node;
}

/* Every text here ends in NUL. */
static inline void out_text(struct state *out, cJSON *parent, const struct plan_name *name, const char *text,
                            size_t size)
{
    (void)out;
    (void)size;
    put(parent, name, cJSON_CreateString(text));
}

/* Numbers of 64 bits come without a NUL. */
static inline void out_plain(struct state *out, cJSON *parent, const struct plan_name *name, const char *text,
                             size_t size)
{
    char *copy = (char *)room_of(&out->room, size + 1);
    if (copy != NULL) {
        memmove(copy, text, size);
        copy[size] = '\0';
        put(parent, name, cJSON_CreateString(copy));
    }
}

static inline void out_bytes(struct state *out, cJSON *parent, const struct plan_name *name,
                             const uint8_t *data, size_t size)
{
    size_t length = text64_size(size);
    char *text = (char *)room_of(&out->room, length + 1);
    if (text != NULL) {
        text64_write(text, data, size);
        text[length] = '\0';
        put(parent, name, cJSON_CreateString(text));
    }
}

static inline void out_integer(struct state *out, cJSON *parent, const struct plan_name *name, int64_t value)
{
    (void)out;
    put(parent, name, cJSON_CreateNumber((double)value));
}

static inline void out_real(struct state *out, cJSON *parent, const struct plan_name *name, double value)
{
    (void)out;
    put(parent, name, cJSON_CreateNumber(value));
}

static inline void out_float(struct state *out, cJSON *parent, const struct plan_name *name, float value)
{
    out_real(out, parent, name, (double)value);
}

static inline void out_bool(struct state *out, cJSON *parent, const struct plan_name *name, bool value)
{
    (void)out;
    put(parent, name, cJSON_CreateBool(value));
}

#include "payload/walk_out.h"

#define IN         struct state
#define IN_NODE    cJSON *
#define IN_OBJECT  cJSON *
#define IN_LIST    cJSON *
#define IN_MEMBERS cJSON *

static inline bool in_object(struct state *in, cJSON **node, cJSON **ret_object)
{
    (void)in;
    *ret_object = *node;
    return cJSON_IsObject(*node);
}

static inline bool in_member(struct state *in, cJSON **object, const struct plan_name *name,
                             cJSON **ret_value)
{
    (void)in;
    *ret_value = cJSON_GetObjectItemCaseSensitive(*object, name->text);
    return *ret_value != NULL;
}

static inline bool in_list(struct state *in, cJSON **node, cJSON **ret_list)
{
    (void)in;
    *ret_list = (*node)->child;
    return cJSON_IsArray(*node);
}

static inline bool in_next(struct state *in, cJSON **list, cJSON **ret_value)
{
    (void)in;
    *ret_value = *list;
    *list = *list == NULL ? NULL : (*list)->next;
    return *ret_value != NULL;
}

static inline bool in_members(struct state *in, cJSON **node, cJSON **ret_members)
{
    (void)in;
    *ret_members = (*node)->child;
    return cJSON_IsObject(*node);
}

static inline bool in_next_member(struct state *in, cJSON **members, const char **ret_key, size_t *ret_size,
                                  cJSON **ret_value)
{
    if (!in_next(in, members, ret_value)) {
        return false;
    }
    *ret_key = (*ret_value)->string;
    *ret_size = strlen(*ret_key);
    return true;
}

static inline bool in_text(struct state *in, cJSON **node, const char **ret_text, size_t *ret_size)
{
    (void)in;
    *ret_text = cJSON_GetStringValue(*node);
    *ret_size = *ret_text == NULL ? 0 : strlen(*ret_text);
    return *ret_text != NULL;
}

static inline bool in_integer(struct state *in, cJSON **node, int64_t *ret_value)
{
    (void)in;
    if (!cJSON_IsNumber(*node)) {
        return false;
    }
    *ret_value = (int64_t)(*node)->valuedouble;
    return true;
}

static inline bool in_real(struct state *in, cJSON **node, double *ret_value)
{
    (void)in;
    *ret_value = cJSON_GetNumberValue(*node);
    return cJSON_IsNumber(*node);
}

static inline bool in_bool(struct state *in, cJSON **node, bool *ret_value)
{
    (void)in;
    *ret_value = cJSON_IsTrue(*node);
    return cJSON_IsBool(*node);
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
    cJSON *root = cJSON_CreateObject();
    walk_out_message(self, root, self->input->plan, self->input->message);
    self->text = cJSON_PrintUnformatted(root);
    cJSON_Delete(root);
    if (self->text == NULL) {
        return false;
    }
    *ret_bytes = (struct payload_bytes){(const uint8_t *)self->text, strlen(self->text)};
    return true;
}

static void drop(void *context)
{
    struct state *self = context;
    cJSON_free(self->text);
}

static bool decode(void *context, struct sink *sink)
{
    struct state *self = context;
    cJSON *root = cJSON_ParseWithLength((const char *)self->input->json.data, self->input->json.size);
    bool good = root != NULL && walk_in_message(self, &root, self->input->plan, sink);
    cJSON_Delete(root);
    return good;
}

const struct codec codec_cjson = {
    .name = "cjson",
    .about = "a tree from malloc; does not check UTF-8; its doubles may lose the last bit",
    .library = "cJSON",
    .version = cJSON_Version,
    .format = CODEC_JSON,
    .open = state_open,
    .close = state_close,
    .encode = encode,
    .drop = drop,
    .decode = decode,
};
