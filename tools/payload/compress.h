/* SPDX-License-Identifier: MIT */
/*
 * compress.h - how small gzip and zstd make some bytes, at the levels that they have by default.
 */
#ifndef PAYLOAD_COMPRESS_H
#define PAYLOAD_COMPRESS_H

#include "payload/codec.h"

#define COMPRESS_GZIP_LEVEL 6
#define COMPRESS_ZSTD_LEVEL 3

/* 0: no memory, or zlib was not there when this was built. */
size_t compress_gzip_size(struct payload_bytes bytes);
/* The same with zstd. */
size_t compress_zstd_size(struct payload_bytes bytes);

/* "1.2.13"; NULL: not built. */
const char *compress_gzip_version(void);
const char *compress_zstd_version(void);

#endif
