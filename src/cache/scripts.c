/* SPDX-License-Identifier: MIT */
/*
 * scripts.c - the Lua texts of LEASE, FILL, INVALIDATE, PUBLISH and QUESTION.
 *
 * Lua compares strings by locale and keeps numbers as doubles. So versions, floors and times (all below 2^53)
 * are unpacked to numbers, and tokens and incarnations stay 8-byte strings that are only tested for equality.
 * Time is always Redis's own. The offsets are those of record.h, plus one: Lua counts from 1.
 */
#include "cache/scripts.h"

#include <stddef.h>

#include "base/error.h"

/*
 * get(): what is at a key, or false when that is nothing or a stranger's value of another type, which is no record.
 * read(): the record as a table, or nil when there is none or it has another shape. Byte 60 begins the
 * payload field, which a FOUND value has and nothing else. write() is its inverse.
 */
#define LUA_RECORD                                                                                           \
    "local ZERO = string.rep('\\0', 8)\n"                                                                    \
    "local function get(key)\n"                                                                              \
    "  local bytes = redis.pcall('GET', key)\n"                                                              \
    "  if type(bytes) ~= 'table' then return bytes end\n"                                                    \
    "  if string.find(bytes.err, '^WRONGTYPE') then return false end\n"                                      \
    "  return redis.call('GET', key)\n"                                                                      \
    "end\n"                                                                                                  \
    "local function read(bytes)\n"                                                                           \
    "  if not bytes or #bytes < 59 then return nil end\n"                                                    \
    "  local t1, kind, t2, version, t3, floor, t4, token, t5, lease_end, t6, soft, t7, incarnation =\n"      \
    "    struct.unpack('<BI4BI8BI8Bc8BI8BI8Bc8', bytes)\n"                                                   \
    "  if t1 ~= 0x0d or t2 ~= 0x11 or t3 ~= 0x19 or t4 ~= 0x21 or t5 ~= 0x29 or t6 ~= 0x31 or t7 ~= 0x39\n"  \
    "    or kind > 2 or (kind == 1) ~= (string.byte(bytes, 60) == 0x7a) or (kind ~= 1 and #bytes > 59) "     \
    "then\n"                                                                                                 \
    "    return nil\n"                                                                                       \
    "  end\n"                                                                                                \
    "  return { kind = kind, version = version, floor = floor, token = token, lease_end = lease_end,\n"      \
    "    soft = soft, incarnation = incarnation, payload = string.sub(bytes, 60) }\n"                        \
    "end\n"                                                                                                  \
    "local function write(r)\n"                                                                              \
    "  return struct.pack('<BI4BI8BI8Bc8BI8BI8Bc8', 0x0d, r.kind, 0x11, r.version, 0x19, r.floor,\n"         \
    "    0x21, r.token, 0x29, r.lease_end, 0x31, r.soft, 0x39, r.incarnation) .. r.payload\n"                \
    "end\n"

#define LUA_NOW                                                                                              \
    "local time = redis.call('TIME')\n"                                                                      \
    "local now = time[1] * 1000000 + time[2]\n"

/*
 * A record with a value keeps the hard expiry of that value, unless the lease would outlive it: gone with the record, it
 * would be granted a second time. Then the value goes now; the answer still has it. A record without one lives for the
 * lease and a minute more: long enough that a slow fill still finds its floor, short enough that keys which nobody fills
 * go away. What a stranger put there makes way, be it a string or not: otherwise each read of that key would be a load of
 * the database for as long as it stays, and names within our namespace are ours.
 */
static const char lease[] =
    "#!lua\n" LUA_RECORD LUA_NOW "local token, lease_us, incarnation = ARGV[1], tonumber(ARGV[2]), ARGV[3]\n"
    "local min_version = struct.unpack('<I8', ARGV[4])\n"
    "local bytes = get(KEYS[1])\n"
    "local r = read(bytes)\n"
    "if not r or r.incarnation ~= incarnation then\n"
    "  r = { kind = 0, version = 0, floor = 0, token = ZERO, lease_end = 0, soft = 0,\n"
    "    incarnation = incarnation, payload = '' }\n"
    "end\n"
    "local serves = r.kind ~= 0 and r.version >= r.floor\n"
    "if serves and r.version >= min_version and (r.soft == 0 or now < r.soft) then\n"
    "  return { 0, r.floor, bytes }\n"
    "end\n"
    "if not serves then bytes = '' end\n"
    "if r.token ~= token and now < r.lease_end then return { 2, r.floor, bytes } end\n"
    "r.token = token\n"
    "r.lease_end = now + lease_us\n"
    "local lease_ms = math.ceil(lease_us / 1000)\n"
    "if r.kind ~= 0 then\n"
    "  local left_ms = redis.call('PTTL', KEYS[1])\n"
    "  if left_ms >= 0 and left_ms < lease_ms then r.kind, r.version, r.soft, r.payload = 0, 0, 0, '' end\n"
    "end\n"
    "if r.kind == 0 then\n"
    "  redis.call('SET', KEYS[1], write(r), 'PX', lease_ms + 60000)\n"
    "else\n"
    "  redis.call('SET', KEYS[1], write(r), 'KEEPTTL')\n"
    "end\n"
    "return { 1, r.floor, bytes }\n";

static const char fill[] =
    "#!lua\n" LUA_RECORD "local token, incarnation, soft_us = ARGV[1], ARGV[4], tonumber(ARGV[6])\n"
    "local version = struct.unpack('<I8', ARGV[3])\n"
    "local r = read(get(KEYS[1]))\n"
    "if not r or r.incarnation ~= incarnation or r.token ~= token or token == ZERO or version < r.floor "
    "then\n"
    "  return 0\n"
    "end\n"
    "r.kind, r.version, r.payload, r.token, r.lease_end, r.soft = tonumber(ARGV[2]), version, ARGV[7], ZERO, "
    "0, 0\n"
    "if soft_us > 0 then\n"
    "  " LUA_NOW "  r.soft = now + soft_us\n"
    "end\n"
    "redis.call('SET', KEYS[1], write(r), 'PX', ARGV[5])\n"
    "return 1\n";

/* May not fail for want of memory: it never makes a record longer. Any incarnation: others may still believe
 * it. */
static const char invalidate[] =
    "#!lua flags=allow-oom\n" LUA_RECORD "local version = struct.unpack('<I8', ARGV[1])\n"
    "local r = read(get(KEYS[1]))\n"
    "if not r or r.version >= version or r.floor >= version then return 0 end\n"
    "r.floor, r.token, r.lease_end = version, ZERO, 0\n"
    "redis.call('SET', KEYS[1], write(r), 'KEEPTTL')\n"
    "return 1\n";

/*
 * A counter that is not there (FLUSHALL, eviction) begins at Redis's clock: above every number drawn before, since
 * nobody publishes a million events a second. Begun from 1, it could come to the very number that a subscriber waits
 * for and hide what was lost. 2^53 µs last until the year 2255.
 */
#define LUA_NEW_COUNTER                                                                                      \
    "  local time = redis.call('TIME')\n"                                                                    \
    "  number = time[1] * 1000000 + time[2]\n"                                                               \
    "  redis.call('SET', KEYS[1], string.format('%.0f', number))\n"

/* ARGV[4]: the fields after the key, or nothing. */
static const char publish[] =
    "#!lua flags=allow-oom\n"
    "local number = redis.call('INCR', KEYS[1])\n"
    "if number == 1 then\n" LUA_NEW_COUNTER "end\n"
    "local version = struct.unpack('<I8', ARGV[2])\n"
    "local size, length = #ARGV[3], ''\n"
    "while size > 127 do\n"
    "  length = length .. string.char(size % 128 + 128)\n"
    "  size = math.floor(size / 128)\n"
    "end\n"
    "redis.call('PUBLISH', ARGV[1], struct.pack('<BI8BI8B', 0x09, number, 0x11, version, 0x1a)\n"
    "  .. length .. string.char(size) .. ARGV[3] .. ARGV[4])\n"
    "return number\n";

/*
 * Counter and incarnation in one step. It makes a counter that is not there: a base-line without one could hold again
 * after events were lost. INFO takes one section a call before Redis 7.
 */
static const char question[] =
    "#!lua flags=allow-oom\n"
    "local server, replication = redis.call('INFO', 'server'), redis.call('INFO', 'replication')\n"
    "if not string.find(replication, 'role:master', 1, true) then\n"
    "  return redis.error_reply('READONLY it is a replica')\n"
    "end\n"
    "local number = tonumber(redis.call('GET', KEYS[1]) or '0')\n"
    "if number == 0 then\n" LUA_NEW_COUNTER "end\n"
    "return { number, string.match(server, '\\nrun_id:(%x+)'),\n"
    "  string.match(replication, '\\nmaster_replid:(%x+)') }\n";

const char *fr_script_text(enum fr_script script)
{
    switch (script) {
    case FR_SCRIPT_LEASE:
        return lease;
    case FR_SCRIPT_FILL:
        return fill;
    case FR_SCRIPT_INVALIDATE:
        return invalidate;
    case FR_SCRIPT_PUBLISH:
        return publish;
    case FR_SCRIPT_QUESTION:
        return question;
    }
    FR_ASSERT(!"a script without a text");
}
