/* SPDX-License-Identifier: MIT */
/*
 * operations.h - what a database brings to stand behind store.h; internal to this folder.
 *
 * The dialect lives behind this table. store.c checks arguments, joins transactions and keeps what is the
 * same SQL everywhere. The contracts are those of store.h unless a comment says more.
 */
#ifndef FR_STORE_OPERATIONS_H
#define FR_STORE_OPERATIONS_H

#include "store/store.h"

struct fr_store_operations {
    const char *scheme; /* with its colon: "sqlite:" */

    /* location is what follows the scheme, not empty. */
    enum fr_code (*open)(const char *location, struct fr_store **ret_store, struct fr_error *reterr);
    void (*free)(struct fr_store *self);
    enum fr_code (*connect)(struct fr_store *self, struct fr_store_connection **ret_connection,
                            struct fr_error *reterr);
    void (*connection_free)(struct fr_store_connection *self);
    void (*set_patience)(struct fr_store_connection *self, uint64_t patience_us);

    enum fr_code (*run)(struct fr_store_connection *self, const char *sql,
                        const struct fr_store_value *parameters, size_t parameter_count,
                        fr_store_on_row *on_row, void *argument, uint64_t *ret_changes,
                        struct fr_error *reterr);
    struct fr_store_value (*row_get)(const struct fr_store_row *row, unsigned column);
    /* Many statements, within a transaction that has begun. */
    enum fr_code (*script)(struct fr_store_connection *self, const char *script, struct fr_error *reterr);

    enum fr_code (*begin)(struct fr_store_connection *self, struct fr_error *reterr);
    /* ret_marks may be NULL. */
    enum fr_code (*commit)(struct fr_store_connection *self, struct fr_store_marks *ret_marks,
                           struct fr_error *reterr);
    void (*rollback)(struct fr_store_connection *self);

    /* Names are checked; within a transaction that has begun. */
    enum fr_code (*track)(struct fr_store_connection *self, const char *table, const char *kind,
                          const char *columns, struct fr_error *reterr);
    enum fr_code (*change_count)(struct fr_store_connection *self, uint64_t *ret_count,
                                 struct fr_error *reterr);
};

/* The first member of a database's own struct. */
struct fr_store {
    const struct fr_store_operations *operations;
};

/* The first member of a connection's own struct. */
struct fr_store_connection {
    const struct fr_store_operations *operations;
    const char *location; /* of the store, borrowed */
    bool in_transaction;  /* kept by store.c */
};

struct fr_store_row {
    const struct fr_store_operations *operations;
    void *statement;
};

extern const struct fr_store_operations fr_sqlite_operations;

/* Runs a query whose columns are kind, reference, version and time_us, and gathers its rows. */
FR_MUST_CHECK enum fr_code fr_store_marks_query(struct fr_store_connection *self, const char *sql,
                                                int64_t parameter, struct fr_store_marks *ret_marks,
                                                struct fr_error *reterr);

#endif
