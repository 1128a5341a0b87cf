/* SPDX-License-Identifier: MIT */
/*
 * test_codecs.c - the tables are complete, every codec is right about every shape, and a codec that is not is found out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "payload/check.h"
#include "payload/measure.h"

static struct fr_schema *schema;

static int load_schema(void **state)
{
    (void)state;
    return fr_schema_new((struct fr_bytes){shapes_protoset, shapes_protoset_size}, &schema, NULL) == FR_OK
               ? 0
               : 1;
}

static int free_schema(void **state)
{
    (void)state;
    fr_schema_free(schema);
    return 0;
}

static const struct shape *shape_named(const char *name)
{
    for (size_t i = 0; i < shape_count; i++) {
        if (strcmp(shapes[i].name, name) == 0) {
            return &shapes[i];
        }
    }
    fail_msg("no shape '%s'", name);
    return NULL;
}

static void make(struct subject *subject, const struct shape *shape)
{
    struct fr_error error = {0};
    if (subject_of_shape(subject, shape, schema, &error) != FR_OK) {
        fail_msg("%s: %s", shape->name, error.message);
    }
}

static void every_shape_that_was_promised_is_there(void **state)
{
    static const char *const names[] = {"user",     "tiny",    "order", "list",   "strings", "unicode",
                                        "integers", "doubles", "blob",  "sparse", "map"};
    (void)state;
    assert_int_equal(shape_count, sizeof names / sizeof names[0]);
    for (size_t i = 0; i < shape_count; i++) {
        const struct shape *shape = shape_named(names[i]);
        assert_non_null(shape->about);
        assert_string_equal(((const ProtobufCMessageDescriptor *)shape->descriptor)->name, shape->message);
        assert_non_null(fr_schema_find_message(schema, shape->message));
    }
}

static void every_codec_is_whole_or_says_what_to_install(void **state)
{
    (void)state;
    for (size_t i = 0; i < codec_count; i++) {
        const struct codec *codec = codecs[i];
        assert_true(strlen(codec->name) > 0 && strlen(codec->name) <= 17);
        assert_non_null(codec->library);
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(codec->name, codecs[j]->name);
        }
        if (codec->missing != NULL) {
            assert_null(codec->open);
            continue;
        }
        assert_non_null(codec->about);
        assert_true(strlen(codec->version()) > 0);
        assert_non_null(codec->open);
        assert_non_null(codec->close);
        assert_true(codec->encode != NULL || codec->decode != NULL);
    }
}

/* cJSON 1.7.15 takes two doubles for the same that differ in the last bit, and writes the shorter one. */
static bool is_known_to_be_wrong(const struct codec *codec, const struct shape *shape)
{
    return codec == &codec_cjson && strcmp(shape->name, "doubles") == 0;
}

static void every_codec_is_right_about_every_shape(void **state)
{
    (void)state;
    for (size_t i = 0; i < shape_count; i++) {
        struct subject subject;
        make(&subject, &shapes[i]);
        for (size_t j = 0; j < codec_count; j++) {
            const struct codec *codec = codecs[j];
            struct fr_error error = {0};
            if (codec->missing != NULL) {
                continue;
            }
            void *context = codec->open(&subject.input);
            assert_non_null(context);
            if (check_encode(codec, context, &subject, &error) != FR_OK &&
                !is_known_to_be_wrong(codec, &shapes[i])) {
                fail_msg("%s, %s: %s", codec->name, shapes[i].name, error.message);
            }
            if (check_decode(codec, context, &subject, &error) != FR_OK) {
                fail_msg("%s, %s: %s", codec->name, shapes[i].name, error.message);
            }
            codec->close(context);
        }
        subject_fini(&subject);
    }
}

/* A codec that is wrong in ways that can be chosen: it copies the JSON it was given. */
struct faulty {
    const struct codec_input *input;
    uint8_t *text;
    unsigned calls;
};

static size_t broken_byte;   /* of what it encodes; SIZE_MAX: none */
static unsigned broken_from; /* the first call that goes wrong */
static uint64_t added_to_sum;

static void *faulty_open(const struct codec_input *input)
{
    struct faulty *self = calloc(1, sizeof *self);
    self->input = input;
    self->text = malloc(input->json.size);
    return self;
}

static void faulty_close(void *context)
{
    struct faulty *self = context;
    free(self->text);
    free(self);
}

static bool faulty_encode(void *context, struct payload_bytes *ret_bytes)
{
    struct faulty *self = context;
    memcpy(self->text, self->input->json.data, self->input->json.size);
    if (self->calls++ >= broken_from && broken_byte < self->input->json.size) {
        self->text[broken_byte] ^= 1;
    }
    *ret_bytes = (struct payload_bytes){self->text, self->input->json.size};
    return true;
}

static bool faulty_decode(void *context, struct sink *sink)
{
    struct faulty *self = context;
    void *right = codec_jansson.open(self->input);
    bool good = codec_jansson.decode(right, sink);
    codec_jansson.close(right);
    sink->sum += self->calls++ >= broken_from ? added_to_sum : 0;
    return good;
}

static const struct codec faulty = {
    .name = "faulty",
    .library = "none",
    .format = CODEC_JSON,
    .open = faulty_open,
    .close = faulty_close,
    .encode = faulty_encode,
    .decode = faulty_decode,
};

static void set_fault(size_t byte, uint64_t addend, unsigned from)
{
    broken_byte = byte;
    added_to_sum = addend;
    broken_from = from;
}

static enum fr_code encode_result(const struct subject *subject)
{
    void *context = faulty.open(&subject->input);
    enum fr_code code = check_encode(&faulty, context, subject, NULL);
    faulty.close(context);
    return code;
}

static enum fr_code decode_result(const struct subject *subject)
{
    void *context = faulty.open(&subject->input);
    enum fr_code code = check_decode(&faulty, context, subject, NULL);
    faulty.close(context);
    return code;
}

static void a_change_of_any_byte_of_what_is_encoded_is_found(void **state)
{
    (void)state;
    struct subject subject;
    make(&subject, shape_named("user"));
    set_fault(SIZE_MAX, 0, 0);
    assert_int_equal(encode_result(&subject), FR_OK);
    for (size_t i = 0; i < subject.input.json.size; i++) {
        set_fault(i, 0, 0);
        assert_int_equal(encode_result(&subject), FR_DATA_LOSS);
    }
    subject_fini(&subject);
}

static void wrong_fields_are_found_even_if_only_the_second_time(void **state)
{
    (void)state;
    struct subject subject;
    make(&subject, shape_named("order"));
    set_fault(SIZE_MAX, 0, 0);
    assert_int_equal(decode_result(&subject), FR_OK);
    set_fault(SIZE_MAX, 1, 0);
    assert_int_equal(decode_result(&subject), FR_DATA_LOSS);
    set_fault(SIZE_MAX, 1, 2);
    assert_int_equal(decode_result(&subject), FR_DATA_LOSS);
    set_fault(5, 0, 1);
    assert_int_equal(encode_result(&subject), FR_DATA_LOSS);
    subject_fini(&subject);
}

static void what_is_wrong_is_not_timed_and_the_rest_is(void **state)
{
    (void)state;
    static const struct codec *const chosen[] = {&codec_protobuf_c, &faulty};
    struct measure_options options = {.codecs = chosen, .codec_count = 2, .runs = 2, .time_ns = 1000};
    struct row rows[2];
    struct subject subject;
    unsigned runs;
    make(&subject, shape_named("tiny"));
    set_fault(2, 0, 0);
    assert_int_equal(measure(&options, &subject, rows, &runs, NULL), FR_OK);
    assert_int_equal(runs, 2);
    assert_int_equal(rows[0].encode.runs, 2);
    assert_int_equal(rows[0].decode.runs, 2);
    assert_true(rows[0].encode.median_ns > 0);
    assert_int_equal(rows[0].encoded_bytes, subject.input.protobuf.size);
    assert_int_equal(rows[1].encode.runs, 0);
    assert_int_equal(rows[1].decode.runs, 2);
    assert_true(strlen(rows[1].encode_wrong) > 0);
    assert_string_equal(rows[1].decode_wrong, "");
    subject_fini(&subject);
}

/* What a checksum over the ends of a text cannot see. */
static void a_decode_that_goes_wrong_while_it_is_timed_stops_everything(void **state)
{
    (void)state;
    static const struct codec *const chosen[] = {&faulty};
    struct measure_options options = {.codecs = chosen, .codec_count = 1, .runs = 1, .time_ns = 1000};
    struct row row;
    struct subject subject;
    unsigned runs;
    make(&subject, shape_named("tiny"));
    set_fault(SIZE_MAX, 1, 100);
    assert_int_equal(measure(&options, &subject, &row, &runs, NULL), FR_DATA_LOSS);
    subject_fini(&subject);
}

static void the_strict_sum_sees_the_middle_of_a_text(void **state)
{
    (void)state;
    struct sink strict = {.strict = true}, other = {.strict = true}, quick = {0}, quick_other = {0};
    sink_text(&strict, "abcd", 4);
    sink_text(&other, "axcd", 4);
    sink_text(&quick, "abcd", 4);
    sink_text(&quick_other, "axcd", 4);
    assert_true(strict.sum != other.sum);
    assert_true(quick.sum == quick_other.sum);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_shape_that_was_promised_is_there),
        cmocka_unit_test(every_codec_is_whole_or_says_what_to_install),
        cmocka_unit_test(every_codec_is_right_about_every_shape),
        cmocka_unit_test(a_change_of_any_byte_of_what_is_encoded_is_found),
        cmocka_unit_test(wrong_fields_are_found_even_if_only_the_second_time),
        cmocka_unit_test(what_is_wrong_is_not_timed_and_the_rest_is),
        cmocka_unit_test(a_decode_that_goes_wrong_while_it_is_timed_stops_everything),
        cmocka_unit_test(the_strict_sum_sees_the_middle_of_a_text),
    };
    return cmocka_run_group_tests(tests, load_schema, free_schema);
}
