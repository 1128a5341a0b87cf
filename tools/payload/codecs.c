/* SPDX-License-Identifier: MIT */
/*
 * codecs.c - the table of codecs; one whose library was not there when this was built says what to install.
 */
#include "payload/codec.h"

#define MISSING(variable, row_name, row_library, packages)                                                   \
    const struct codec variable = {                                                                          \
        .name = row_name, .library = row_library, .missing = packages, .format = CODEC_JSON}

#ifndef PAYLOAD_CJSON
MISSING(codec_cjson, "cjson", "cJSON", "libcjson-dev");
#endif
#ifndef PAYLOAD_JSON_C
MISSING(codec_json_c, "json-c", "json-c", "libjson-c-dev");
MISSING(codec_json_c_reuse, "json-c-reuse", "json-c", "libjson-c-dev");
#endif
#ifndef PAYLOAD_RAPIDJSON
MISSING(codec_rapidjson, "rapidjson", "RapidJSON", "g++ rapidjson-dev");
MISSING(codec_rapidjson_in_place, "rapidjson-inplace", "RapidJSON", "g++ rapidjson-dev");
MISSING(codec_rapidjson_writer, "rapidjson-writer", "RapidJSON", "g++ rapidjson-dev");
#endif
#ifndef PAYLOAD_SIMDJSON
MISSING(codec_simdjson, "simdjson", "simdjson", "g++ libsimdjson-dev");
MISSING(codec_simdjson_reuse, "simdjson-reuse", "simdjson", "g++ libsimdjson-dev");
MISSING(codec_simdjson_ondemand, "simdjson-ondemand", "simdjson On-Demand", "g++ libsimdjson-dev");
#endif

const struct codec *const codecs[] = {
    &codec_protobuf_c,       &codec_protobuf_c_arena,
    &codec_protobuf_c_reuse, &codec_freshet,
    &codec_jansson,          &codec_cjson,
    &codec_json_c,           &codec_json_c_reuse,
    &codec_rapidjson,        &codec_rapidjson_in_place,
    &codec_rapidjson_writer, &codec_simdjson,
    &codec_simdjson_reuse,   &codec_simdjson_ondemand,
    &codec_freshet_json,     &codec_direct_json,
};

const size_t codec_count = sizeof codecs / sizeof codecs[0];
