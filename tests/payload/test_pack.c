/* SPDX-License-Identifier: MIT */
/*
 * test_pack.c - whole messages through each codec of pack.h, and the JSON reader against fr_json_read.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <protobuf-c/protobuf-c.h>
#include <shapes.pb-c.h>
#include <users/v1/users.pb-c.h>

#include "message/json.h"
#include "payload/pack.h"
#include "payload/shapes.h"

static struct fr_schema *schema;
static struct fr_arena *arena;

static int set_up(void **state)
{
    (void)state;
    arena = fr_arena_new((size_t)64 << 10);
    return arena != NULL && pack_schema_new(&schema, NULL) == FR_OK ? 0 : 1;
}

static int tear_down(void **state)
{
    (void)state;
    fr_arena_free(arena);
    fr_schema_free(schema);
    return 0;
}

static struct pack_type *type_of(const char *name, const ProtobufCMessageDescriptor *descriptor)
{
    struct pack_type *type;
    struct fr_error error = {0};
    if (pack_type_new(schema, name, descriptor, &type, &error) != FR_OK) {
        fail_msg("%s: %s", name, error.message);
    }
    return type;
}

/* The sum of what codec makes of bytes. */
static uint64_t sum_of(enum pack_codec_index codec, const struct pack_type *type, struct fr_bytes bytes)
{
    ProtobufCMessage *message;
    struct fr_error error = {0};
    if (pack_decode(codec, type, bytes, arena, &message, &error) != FR_OK) {
        fail_msg("%s: %s", pack_codec_at(codec).name, error.message);
    }
    return pack_sum(codec, type, message, true);
}

static void check_shape(const char *name, const ProtobufCMessageDescriptor *descriptor,
                        void (*put)(struct fr_buffer *, unsigned), unsigned number)
{
    struct pack_type *type = type_of(name, descriptor);
    struct fr_buffer text = {0};
    ProtobufCMessage *message;
    put(&text, number);
    uint64_t sum = sum_of(PACK_JANSSON, type, fr_buffer_bytes(&text));
    assert_int_equal(sum_of(PACK_JSON, type, fr_buffer_bytes(&text)), sum);
    assert_int_equal(pack_decode(PACK_JSON, type, fr_buffer_bytes(&text), arena, &message, NULL), FR_OK);
    for (enum pack_codec_index codec = 0; codec < PACK_CODECS; codec++) {
        struct pack *pack = pack_new(codec, type);
        struct fr_bytes bytes;
        for (int i = 0; i < 2; i++) { /* what is kept does not show */
            assert_true(pack_encode(pack, message, &bytes));
            assert_int_equal(sum_of(codec, type, bytes), sum);
        }
        pack_free(pack);
    }
    fr_buffer_fini(&text);
    pack_type_free(type);
}

static void every_codec_gives_back_what_it_was_given(void **state)
{
    (void)state;
    for (unsigned number = 0; number < 30; number++) {
        check_shape("users.v1.User", &users__v1__user__descriptor, shape_put_user, number);
        check_shape("payload.v1.Order", &payload__v1__order__descriptor, shape_put_order, number);
        check_shape("users.v1.BatchGetUsersResponse", &users__v1__batch_get_users_response__descriptor, shape_put_list,
                    number);
    }
}

static void the_first_field_is_found_in_every_form(void **state)
{
    struct pack_type *type = type_of("users.v1.GetUserRequest", &users__v1__get_user_request__descriptor);
    static const char *const texts[PACK_CODECS] = {"\n\x06user-7", "{\"id\":\"user-7\"}", "{\"id\":\"user-7\"}"};
    (void)state;
    for (enum pack_codec_index codec = 0; codec < PACK_CODECS; codec++) {
        ProtobufCMessage *message;
        assert_int_equal(pack_decode(codec, type, fr_bytes_of(texts[codec]), arena, &message, NULL), FR_OK);
        assert_string_equal(pack_first_text(codec, type, message), "user-7");
    }
    pack_type_free(type);
}

static void both_readers_of_json_agree_on(const struct pack_type *type, const char *text)
{
    /* A copy without a NUL, so that a sanitizer sees a byte too many. */
    size_t size = strlen(text);
    uint8_t *exact = malloc(size + (size == 0));
    memcpy(exact, text, size);
    struct fr_bytes bytes = {exact, size};
    ProtobufCMessage *ours, *theirs;
    enum fr_code wanted = pack_decode(PACK_JANSSON, type, bytes, arena, &theirs, NULL);
    enum fr_code got = pack_decode(PACK_JSON, type, bytes, arena, &ours, NULL);
    if (got != wanted) {
        fail_msg("'%s': %s instead of %s", text, fr_code_name(got), fr_code_name(wanted));
    }
    if (got == FR_OK && pack_sum(PACK_JSON, type, ours, true) != pack_sum(PACK_JANSSON, type, theirs, true)) {
        fail_msg("'%s' is read differently", text);
    }
    free(exact);
}

static void odd_texts_are_read_or_refused_as_fr_json_read_does(void **state)
{
    static const char *const texts[] = {
        "",
        " ",
        "{}",
        " { } ",
        "[]",
        "{}x",
        "{\"id\":\"a\"",
        "{\"id\" : \"a\" , \"version\" : \"7\"}",
        "{\"version\":\"18446744073709551615\"}",
        "{\"version\":\"18446744073709551616\"}",
        "{\"version\":\"99999999999999999999\"}",
        "{\"version\":\"-1\"}",
        "{\"version\":\"01\"}",
        "{\"version\":\"\"}",
        "{\"version\":\"7}",
        "{\"version\":\"7x\"}",
        "{\"preference\":\"p\",\"name\":\"n\",\"id\":\"i\"}",
        "{\"nobody\":\"x\"}",
        "{\"id\":7}",
        "{\"id\":\"a\",}",
        "{,\"id\":\"a\"}",
        "{\"id\":\"a\" \"name\":\"b\"}",
        "{\"id\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"}",
        "{\"id\":\"\\u0041\\u00e9\\u20ac\\ud83d\\ude42\"}",
        "{\"id\":\"\\ud83d\"}",
        "{\"id\":\"\\ude42\"}",
        "{\"id\":\"\\ud83d\\u0041\"}",
        "{\"id\":\"\\u00\"}",
        "{\"id\":\"\\u00zz\"}",
        "{\"id\":\"\\x\"}",
        "{\"id\":\"\\",
        "{\"id\":\"\\u0000\"}",
        "{\"id\":\"line\nfeed\"}",
        "{\"id\":\"an id of sixteen bytes and then some \\\" more\"}",
        "{\"id\":\"Привет, 世界, 🌊 and something longer\"}",
        "{\"id\":\"\xc3\"}",
        "{\"id\":\"\xed\xa0\x80 lone surrogate\"}",
        "{\"id\":\"\xf5\x80\x80\x80 beyond the last one\"}",
        "{\"createTime\":\"2024-05-01T12:00:20.021Z\"}",
        "{\"createTime\":\"2024-05-01T12:00:20.021\"}",
        "{\"createTime\":\"yesterday\"}",
        "{\"createTime\":7}",
    };
    struct pack_type *type = type_of("users.v1.User", &users__v1__user__descriptor);
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        both_readers_of_json_agree_on(type, texts[i]);
    }
    pack_type_free(type);
}

static void numbers_enums_and_lists_are_read_or_refused_as_fr_json_read_does(void **state)
{
    static const char *const texts[] = {
        "{\"status\":\"ORDER_STATUS_PAID\"}",
        "{\"status\":\"ORDER_STATUS_PAI\"}",
        "{\"status\":\"ORDER_STATUS_PAIDD\"}",
        "{\"lines\":[]}",
        "{\"lines\":[{}]}",
        "{\"lines\":[{},{}]}",
        "{\"lines\":[{},]}",
        "{\"lines\":[{} {}]}",
        "{\"lines\":{}}",
        "{\"lines\":[",
        "{\"lines\":[{\"options\":[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\",\"10\"]}]}",
        "{\"lines\":[{\"quantity\":4294967295}]}",
        "{\"lines\":[{\"quantity\":4294967296}]}",
        "{\"lines\":[{\"quantity\":-1}]}",
        "{\"lines\":[{\"quantity\":0}]}",
        "{\"lines\":[{\"quantity\":00}]}",
        "{\"lines\":[{\"quantity\":}]}",
        "{\"lines\":[{\"unitPriceCents\":\"-9223372036854775808\"}]}",
        "{\"lines\":[{\"unitPriceCents\":\"-9223372036854775809\"}]}",
        "{\"lines\":[{\"unitPriceCents\":\"9223372036854775807\"}]}",
        "{\"lines\":[{\"unitPriceCents\":\"9223372036854775808\"}]}",
        "{\"card\":{\"verified\":true}}",
        "{\"card\":{\"verified\":false}}",
        "{\"card\":{\"verified\":tru}}",
        "{\"card\":{\"verified\":\"true\"}}",
        "{\"transferReference\":\"x\"}",
        "{\"customer\":{\"billingAddress\":{\"city\":\"x\"}}}",
    };
    struct pack_type *type = type_of("payload.v1.Order", &payload__v1__order__descriptor);
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        both_readers_of_json_agree_on(type, texts[i]);
    }
    pack_type_free(type);
}

static void a_text_cut_anywhere_is_refused(void **state)
{
    struct pack_type *type = type_of("payload.v1.Order", &payload__v1__order__descriptor);
    struct fr_buffer text = {0};
    ProtobufCMessage *message;
    (void)state;
    shape_put_order(&text, 0);
    for (size_t size = 0; size < text.size; size++) {
        uint8_t *cut = malloc(size + (size == 0));
        memcpy(cut, text.data, size);
        assert_int_equal(pack_decode(PACK_JSON, type, (struct fr_bytes){cut, size}, arena, &message, NULL),
                         FR_INVALID_ARGUMENT);
        free(cut);
        fr_arena_reset(arena);
    }
    fr_buffer_fini(&text);
    pack_type_free(type);
}

static void a_text_with_any_byte_changed_is_read_or_refused(void **state)
{
    static const char others[] = "\"\\{}[],:0-u\x01\xff ";
    struct pack_type *type = type_of("payload.v1.Order", &payload__v1__order__descriptor);
    struct fr_buffer text = {0};
    ProtobufCMessage *message;
    size_t refused = 0;
    (void)state;
    shape_put_order(&text, 0);
    uint8_t *exact = malloc(text.size);
    for (size_t i = 0; i < text.size * (sizeof others - 1); i++) {
        memcpy(exact, text.data, text.size);
        exact[i / (sizeof others - 1)] = (uint8_t)others[i % (sizeof others - 1)];
        enum fr_code code = pack_decode(PACK_JSON, type, (struct fr_bytes){exact, text.size}, arena, &message, NULL);
        assert_true(code == FR_OK || code == FR_INVALID_ARGUMENT);
        refused += code != FR_OK;
        fr_arena_reset(arena);
    }
    assert_true(refused > text.size);
    free(exact);
    fr_buffer_fini(&text);
    pack_type_free(type);
}

static void a_type_that_is_not_there_is_refused(void **state)
{
    struct pack_type *type;
    struct fr_error error;
    (void)state;
    assert_int_equal(pack_type_new(schema, "users.v1.Usr", &users__v1__user__descriptor, &type, &error),
                     FR_INVALID_ARGUMENT);
    assert_string_equal(error.message, "there is no message 'users.v1.Usr'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_codec_gives_back_what_it_was_given),
        cmocka_unit_test(the_first_field_is_found_in_every_form),
        cmocka_unit_test(odd_texts_are_read_or_refused_as_fr_json_read_does),
        cmocka_unit_test(numbers_enums_and_lists_are_read_or_refused_as_fr_json_read_does),
        cmocka_unit_test(a_text_cut_anywhere_is_refused),
        cmocka_unit_test(a_text_with_any_byte_changed_is_read_or_refused),
        cmocka_unit_test(a_type_that_is_not_there_is_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
