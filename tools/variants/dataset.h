/* SPDX-License-Identifier: MIT */
/*
 * dataset.h - what the server of `freshet bench variants` serves: values by id, out of tables as services keep them.
 */
#ifndef VARIANTS_DATASET_H
#define VARIANTS_DATASET_H

#include "message/arena.h"
#include "payload/pack.h"
#include "store/store.h"

#define DATASET_ID_BYTES 32

struct dataset {
    const char *name;    /* "user"; also the kind in cache keys */
    const char *about;
    const char *message; /* "users.v1.User" */
    const struct ProtobufCMessageDescriptor *descriptor;
    const char *id;      /* a format of the id, for one unsigned number */
    unsigned first;      /* the number in the first one's id */
    void (*put)(struct fr_buffer *out, unsigned number); /* the value as JSON; see payload/shapes.h */
    /*
     * Reads the value of an id from the tables into a message in arena.
     *   FR_NOT_FOUND  there is none
     */
    enum fr_code (*select)(struct fr_store_connection *connection, const char *id, struct fr_arena *arena,
                           struct ProtobufCMessage **ret_message, uint64_t *ret_version, struct fr_error *reterr);
};

extern const struct dataset datasets[];
extern const size_t dataset_count;

void dataset_id(const struct dataset *self, unsigned number, char ret_id[DATASET_ID_BYTES]);

/* Makes the value of this number without a database, as it must come out of one. */
FR_MUST_CHECK enum fr_code dataset_message(const struct dataset *self, const struct pack_type *type, unsigned number,
                                           struct fr_arena *arena, struct ProtobufCMessage **ret_message,
                                           struct fr_error *reterr);

/* Makes the tables, with count values of every data set. */
FR_MUST_CHECK enum fr_code datasets_store(struct fr_store_connection *connection, const struct fr_schema *schema,
                                          unsigned count, struct fr_error *reterr);

/* dataset_order.c, for the table */
extern const char dataset_order_tables[];
FR_MUST_CHECK enum fr_code dataset_order_insert(struct fr_store_connection *connection,
                                                const struct ProtobufCMessage *message, struct fr_error *reterr);
FR_MUST_CHECK enum fr_code dataset_order_select(struct fr_store_connection *connection, const char *id,
                                                struct fr_arena *arena, struct ProtobufCMessage **ret_message,
                                                uint64_t *ret_version, struct fr_error *reterr);

#endif
