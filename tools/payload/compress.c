/* SPDX-License-Identifier: MIT */
/*
 * compress.c - how small gzip and zstd make some bytes.
 */
#include "payload/compress.h"

#include <stdlib.h>

#ifdef PAYLOAD_ZLIB
#include <zlib.h>

#define GZIP_WINDOW 31 /* the largest window, 15, and 16 for a gzip header */
#define GZIP_MEMORY 8  /* zlib's default */

size_t compress_gzip_size(struct payload_bytes bytes)
{
    z_stream stream = {.next_in = (Bytef *)bytes.data, .avail_in = (uInt)bytes.size};
    if (deflateInit2(&stream, COMPRESS_GZIP_LEVEL, Z_DEFLATED, GZIP_WINDOW, GZIP_MEMORY,
                     Z_DEFAULT_STRATEGY) != Z_OK) {
        return 0;
    }
    uLong room = deflateBound(&stream, (uLong)bytes.size);
    Bytef *out = malloc(room);
    size_t size = 0;
    if (out != NULL) {
        stream.next_out = out;
        stream.avail_out = (uInt)room;
        size = deflate(&stream, Z_FINISH) == Z_STREAM_END ? stream.total_out : 0;
    }
    free(out);
    deflateEnd(&stream);
    return size;
}

const char *compress_gzip_version(void)
{
    return zlibVersion();
}

#else

size_t compress_gzip_size(struct payload_bytes bytes)
{
    (void)bytes;
    return 0;
}

const char *compress_gzip_version(void)
{
    return NULL;
}

#endif

#ifdef PAYLOAD_ZSTD
#include <zstd.h>

size_t compress_zstd_size(struct payload_bytes bytes)
{
    size_t room = ZSTD_compressBound(bytes.size);
    void *out = malloc(room);
    size_t size = out == NULL ? 0 : ZSTD_compress(out, room, bytes.data, bytes.size, COMPRESS_ZSTD_LEVEL);
    free(out);
    return ZSTD_isError(size) ? 0 : size;
}

const char *compress_zstd_version(void)
{
    return ZSTD_versionString();
}

#else

size_t compress_zstd_size(struct payload_bytes bytes)
{
    (void)bytes;
    return 0;
}

const char *compress_zstd_version(void)
{
    return NULL;
}

#endif
