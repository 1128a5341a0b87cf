/* SPDX-License-Identifier: MIT */
/*
 * shapes.c - the built-in data.
 *
 * Random parts come from a generator with a fixed start, so every run and every machine has the same bytes.
 */
#include "payload/shapes.h"

#include <inttypes.h>

#include <users/v1/users.pb-c.h>

#include "message/base64.h"
#include "payload/real.h"
#include "shapes.pb-c.h"

#define LIST_NUMBERS  256
#define BLOB_BYTES    ((size_t)64 << 10)
#define TEXT_PARTS    12
#define UNICODE_PARTS 8
#define MAP_LABELS    32
#define MAP_COUNTERS  16
#define MAP_SITES     8
#define ORDER_LINES   5
#define RANDOM_START  UINT64_C(88172645463325252)
#define FIRST_USER    1000
#define FIRST_ORDER   815
#define FIRST_SECOND  20 /* of a minute, for create times */

/* xorshift64 (Marsaglia 2003). */
static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

void shape_put_user(struct fr_buffer *out, unsigned number)
{
    static const char *const names[] = {"Alice", "Bob", "Carol", "Dave", "Erin", "Frank", "Grace", "Heidi"};
    static const char *const preferences[] = {"dark_mode", "light_mode", "high_contrast"};
    const char *name = names[number % 8];
    fr_buffer_append_format(
        out,
        "{\"id\":\"user-%u\",\"name\":\"%s Example\",\"email\":\"user%u@example.com\",\"preference\":\"%s\","
        "\"version\":\"%u\",\"createTime\":\"2024-05-01T12:00:%02u.%03uZ\",\"updateTime\":\"2024-11-%02uT08:"
        "30:00Z\"}",
        FIRST_USER + number, name, FIRST_USER + number, preferences[number % 3], 1 + number * 17,
        (FIRST_SECOND + number) % 60, number * 7 % 1000, 1 + number % 28);
}

static void fill_user(struct fr_buffer *out)
{
    shape_put_user(out, 0);
}

void shape_put_list(struct fr_buffer *out, unsigned number)
{
    fr_buffer_append_text(out, "{\"users\":[");
    for (unsigned i = 0; i < SHAPE_LIST_USERS; i++) {
        fr_buffer_append_text(out, i == 0 ? "" : ",");
        shape_put_user(out, number + i);
    }
    fr_buffer_append_text(out, "]}");
}

static void fill_list(struct fr_buffer *out)
{
    shape_put_list(out, 0);
}

static void fill_tiny(struct fr_buffer *out)
{
    fr_buffer_append_text(out, "{\"id\":4711,\"active\":true,\"code\":\"ok\"}");
}

static void put_order_line(struct fr_buffer *out, unsigned number)
{
    static const char *const titles[] = {"Ballpoint pen, blue", "Notebook A5, ruled", "Desk lamp 40 W",
                                         "Paper clips, box of 100", "Stapler, metal"};
    fr_buffer_append_format(
        out,
        "{\"sku\":\"SKU-%06u\",\"title\":\"%s\",\"quantity\":%u,\"unitPriceCents\":\"%u\","
        "\"options\":[\"colour=%s\",\"gift=%s\"]}",
        104729 * (number + 1) % 1000000, titles[number % 5], 1 + number % 3, 199 + 350 * number,
        number % 2 == 0 ? "blue" : "black", number % 3 == 0 ? "yes" : "no");
}

void shape_put_order(struct fr_buffer *out, unsigned number)
{
    fr_buffer_append_format(
        out,
        "{\"id\":\"order-2024-%06u\",\"status\":\"ORDER_STATUS_PAID\",\"createTime\":\"2024-05-01T12:00:20."
        "021Z\","
        "\"customer\":{\"id\":\"user-1000\",\"displayName\":\"Alice "
        "Example\",\"email\":\"alice@example.com\","
        "\"billingAddress\":{\"street\":\"1 Long Street\",\"city\":\"Springfield\",\"postalCode\":\"12345\","
        "\"countryCode\":\"US\"},"
        "\"shippingAddress\":{\"street\":\"22b Harbour Road\",\"city\":\"Port "
        "Example\",\"postalCode\":\"54321\","
        "\"countryCode\":\"US\"}},\"lines\":[",
        FIRST_ORDER + number);
    for (unsigned i = 0; i < ORDER_LINES; i++) {
        fr_buffer_append_text(out, i == 0 ? "" : ",");
        put_order_line(out, i);
    }
    fr_buffer_append_text(out, "],\"card\":{\"network\":\"visa\",\"lastFour\":\"4242\",\"verified\":true},"
                               "\"totalCents\":\"14750\",\"currencyCode\":\"USD\"}");
}

static void fill_order(struct fr_buffer *out)
{
    shape_put_order(out, 0);
}

static void put_article(struct fr_buffer *out, const char *title, const char *author,
                        const char *const *sentences, unsigned sentence_count, unsigned parts)
{
    uint64_t state = RANDOM_START;
    fr_buffer_append_format(out, "{\"id\":\"article-7\",\"title\":\"%s\",\"author\":\"%s\",\"paragraphs\":[",
                            title, author);
    for (unsigned i = 0; i < parts; i++) {
        fr_buffer_append_text(out, i == 0 ? "\"" : ",\"");
        for (unsigned j = 0; j < 4; j++) {
            fr_buffer_append_text(out, sentences[next_random(&state) % sentence_count]);
        }
        fr_buffer_append_text(out, "\"");
    }
    fr_buffer_append_text(out, "],\"tags\":[\"first\",\"second\",\"third\"]}");
}

static void fill_strings(struct fr_buffer *out)
{
    static const char *const sentences[] = {
        "The river rises in the hills and reaches the plain after three days. ",
        "\\\"Nobody,\\\" said the miller, \\\"has seen it this high before.\\\" ",
        "Boats were moored where the market used to be, and carts stood idle. ",
        "By evening the water had gone down again;\\nonly a line on the walls remained. ",
        "In the archive there is a map of it, drawn with care and coloured by hand. ",
    };
    put_article(out, "A freshet, and what came after it", "A. N. Author", sentences, 5, TEXT_PARTS);
}

static void fill_unicode(struct fr_buffer *out)
{
    static const char *const sentences[] = {
        "Весенний паводок поднял воду до самых окон. ",
        "春天的河水漫过了旧桥，孩子们在岸上看着。",
        "Η στάθμη του ποταμού ανέβηκε μέσα σε μία νύχτα. ",
        "川の水は夜明け前に引いた。町は静かだった。",
        "Überschwemmte Gärten, nasse Füße – und trotzdem gute Laune 🌊🙂. ",
    };
    put_article(out, "Наводнение — 洪水 — πλημμύρα 🌧️", "Ж. Ивáнов", sentences,
                5, UNICODE_PARTS);
}

static void put_numbers(struct fr_buffer *out, const char *name, bool quoted, uint64_t *state, uint64_t mask,
                        bool with_sign)
{
    fr_buffer_append_format(out, "\"%s\":[", name);
    for (unsigned i = 0; i < LIST_NUMBERS; i++) {
        /* Small numbers are the common ones: each has as many bits as another random number says. */
        uint64_t value = (next_random(state) & mask) >> next_random(state) % 64;
        bool negative = with_sign && value > 0 && next_random(state) % 2 == 0;
        const char *quote = quoted ? "\"" : "";
        fr_buffer_append_format(out, "%s%s%s%" PRIu64 "%s", i == 0 ? "" : ",", quote, negative ? "-" : "",
                                value, quote);
    }
    fr_buffer_append_text(out, "]");
}

static void fill_integers(struct fr_buffer *out)
{
    uint64_t state = RANDOM_START;
    fr_buffer_append_text(out, "{");
    put_numbers(out, "counts", false, &state, INT32_MAX, true);
    fr_buffer_append_text(out, ",");
    put_numbers(out, "ids", false, &state, UINT32_MAX, false);
    fr_buffer_append_text(out, ",");
    put_numbers(out, "balances", true, &state, INT64_MAX, true);
    fr_buffer_append_text(out, ",");
    put_numbers(out, "deltas", true, &state, INT64_MAX, true);
    fr_buffer_append_text(out, ",");
    put_numbers(out, "hashes", true, &state, UINT64_MAX, false);
    fr_buffer_append_text(out, "}");
}

static void put_doubles(struct fr_buffer *out, const char *name, uint64_t *state, bool rounded)
{
    fr_buffer_append_format(out, "\"%s\":[", name);
    for (unsigned i = 0; i < LIST_NUMBERS; i++) {
        uint64_t bits = next_random(state) >> 11; /* the 53 bits of a double */
        double value =
            rounded ? (double)((int64_t)(bits % 2000001) - 1000000) / 1000.0 : (double)bits / 0x1p53 * 1000.0;
        char text[REAL_BYTES];
        fr_buffer_append_format(out, "%s%.*s", i == 0 ? "" : ",", (int)real_write(text, value), text);
    }
    fr_buffer_append_text(out, "]");
}

static void fill_doubles(struct fr_buffer *out)
{
    uint64_t state = RANDOM_START;
    fr_buffer_append_text(out, "{");
    put_doubles(out, "readings", &state, true);
    fr_buffer_append_text(out, ",");
    put_doubles(out, "results", &state, false);
    fr_buffer_append_text(out, "}");
}

static void fill_blob(struct fr_buffer *out)
{
    uint64_t state = RANDOM_START;
    struct fr_buffer content = {0};
    while (content.size < BLOB_BYTES && !content.failed) {
        uint64_t word = next_random(&state);
        fr_buffer_append(&content, &word, sizeof word);
    }
    fr_buffer_append_text(out, "{\"name\":\"picture-1.jpg\",\"mediaType\":\"image/jpeg\",\"content\":\"");
    fr_base64_write(fr_buffer_bytes(&content), out);
    fr_buffer_append_text(out, "\"}");
    fr_buffer_fini(&content);
}

static void fill_sparse(struct fr_buffer *out)
{
    fr_buffer_append_text(out,
                          "{\"f04\":\"north\",\"f17\":12,\"f26\":true,\"f33\":21.5,\"f40\":\"1714564820\","
                          "\"f46\":{\"city\":\"Springfield\",\"countryCode\":\"US\"}}");
}

static void fill_map(struct fr_buffer *out)
{
    fr_buffer_append_text(out, "{\"resource\":\"instance-17\",\"labels\":{");
    for (unsigned i = 0; i < MAP_LABELS; i++) {
        fr_buffer_append_format(out, "%s\"label-%02u\":\"value of label %u\"", i == 0 ? "" : ",", i, i);
    }
    fr_buffer_append_text(out, "},\"counters\":{");
    for (unsigned i = 0; i < MAP_COUNTERS; i++) {
        fr_buffer_append_format(out, "%s\"requests/%02u\":\"%u\"", i == 0 ? "" : ",", i, i * i * 1000 + 1);
    }
    fr_buffer_append_text(out, "},\"sites\":{");
    for (unsigned i = 0; i < MAP_SITES; i++) {
        fr_buffer_append_format(out, "%s\"%u\":{\"city\":\"City %u\",\"countryCode\":\"US\"}",
                                i == 0 ? "" : ",", 100 + i, i);
    }
    fr_buffer_append_text(out, "}}");
}

const struct shape shapes[] = {
    {"user", "the services' own record", "users.v1.User", &users__v1__user__descriptor, fill_user},
    {"tiny", "three small fields", "payload.v1.Tiny", &payload__v1__tiny__descriptor, fill_tiny},
    {"order", "messages nested three deep", "payload.v1.Order", &payload__v1__order__descriptor, fill_order},
    {"list", "100 users", "users.v1.BatchGetUsersResponse", &users__v1__batch_get_users_response__descriptor,
     fill_list},
    {"strings", "paragraphs of ASCII, some characters escaped in JSON", "payload.v1.Article",
     &payload__v1__article__descriptor, fill_strings},
    {"unicode", "paragraphs in Cyrillic, Greek, Chinese and Japanese", "payload.v1.Article",
     &payload__v1__article__descriptor, fill_unicode},
    {"integers", "5 lists of 256 whole numbers, small ones more often", "payload.v1.Integers",
     &payload__v1__integers__descriptor, fill_integers},
    {"doubles", "256 doubles with three decimals, 256 with all digits", "payload.v1.Doubles",
     &payload__v1__doubles__descriptor, fill_doubles},
    {"blob", "64 KiB of bytes without structure, base64 in JSON", "payload.v1.Blob",
     &payload__v1__blob__descriptor, fill_blob},
    {"sparse", "48 fields, 6 of them set", "payload.v1.Sparse", &payload__v1__sparse__descriptor,
     fill_sparse},
    {"map", "three maps with 56 entries", "payload.v1.Labels", &payload__v1__labels__descriptor, fill_map},
};

const size_t shape_count = sizeof shapes / sizeof shapes[0];
