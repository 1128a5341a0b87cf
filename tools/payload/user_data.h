/* SPDX-License-Identifier: MIT */
/*
 * user_data.h - data that the user brings: a .proto file, the name of a message and its JSON.
 */
#ifndef PAYLOAD_USER_DATA_H
#define PAYLOAD_USER_DATA_H

#include "base/options.h"
#include "payload/subject.h"

struct user_data_options {
    const char *proto, *message, *data;        /* borrowed; data may be "-" for standard input */
    const struct fr_option_list *import_paths; /* besides the folder of proto */
};

/*
 * Compiles the .proto with protoc and reads the data; *ret_schema is owned by the caller and must outlive the subject.
 * subject_fini and fr_schema_free in either case.
 *   FR_INVALID_ARGUMENT  a file that cannot be read or is wrong, or no such message; the message names the file
 *   FR_NOT_FOUND         protoc is not installed
 */
FR_MUST_CHECK enum fr_code user_data_init(struct subject *self, const struct user_data_options *options,
                                          struct fr_schema **ret_schema, struct fr_error *reterr);

#endif
