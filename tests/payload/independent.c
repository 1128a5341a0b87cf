/* SPDX-License-Identifier: MIT */
/*
 * independent.c - the same work as some rows of `freshet bench payload --shape user`, written without any of its code.
 *
 * usage: payload-independent USER.pb USER.json SECONDS
 * Prints the size of what it encodes and the median over 15 turns, in nanoseconds of processor time: one line for each
 * codec and direction. compare.py holds the two programs against each other.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jansson.h>
#include <users/v1/users.pb-c.h>

#define TURNS     15
#define MAX_BYTES 65536

static Users__V1__User *user;
static uint8_t packed[MAX_BYTES];
static char text[MAX_BYTES];
static size_t packed_size, text_size, last_size;
static unsigned long checksum;

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void look_at(const char *value)
{
    size_t size = strlen(value);
    checksum =
        checksum * 31 + size + (size > 0 ? (unsigned char)value[0] + (unsigned char)value[size - 1] : 0);
}

static void encode_protobuf(void)
{
    last_size = users__v1__user__get_packed_size(user);
    uint8_t *out = malloc(last_size);
    users__v1__user__pack(user, out);
    checksum += out[last_size - 1];
    free(out);
}

static void decode_protobuf(void)
{
    Users__V1__User *copy = users__v1__user__unpack(NULL, packed_size, packed);
    look_at(copy->id);
    look_at(copy->name);
    look_at(copy->email);
    look_at(copy->preference);
    checksum += copy->version;
    checksum += (unsigned long)(copy->create_time->seconds + copy->create_time->nanos);
    checksum += (unsigned long)(copy->update_time->seconds + copy->update_time->nanos);
    users__v1__user__free_unpacked(copy, NULL);
}

static void put_number(char *to, int digits, long value)
{
    while (digits-- > 0) {
        to[digits] = (char)('0' + value % 10);
        value /= 10;
    }
}

/* Days to a date: "Euclidean affine functions and applications to calendar algorithms" has the proof. */
static void put_date(char *to, long days)
{
    long n1 = 4 * (days + 719468) + 3, century = n1 / 146097;
    long n2 = (n1 % 146097 / 4) * 4 + 3, year = n2 / 1461, n3 = (n2 % 1461 / 4) * 5 + 461;
    long month = n3 / 153, day = n3 % 153 / 5 + 1;
    put_number(to, 4, 100 * century + year + (month > 12));
    put_number(to + 5, 2, month > 12 ? month - 12 : month);
    put_number(to + 8, 2, day);
}

static json_t *time_text(const Google__Protobuf__Timestamp *stamp)
{
    char out[] = "0000-00-00T00:00:00.000Z";
    long clock = stamp->seconds % 86400;
    put_date(out, stamp->seconds / 86400);
    put_number(out + 11, 2, clock / 3600);
    put_number(out + 14, 2, clock / 60 % 60);
    put_number(out + 17, 2, clock % 60);
    if (stamp->nanos == 0) {
        strcpy(out + 19, "Z");
    } else {
        put_number(out + 20, 3, stamp->nanos / 1000000);
    }
    return json_string_nocheck(out);
}

static void encode_jansson(void)
{
    char version[24];
    json_t *root = json_object();
    snprintf(version, sizeof version, "%llu", (unsigned long long)user->version);
    json_object_set_new_nocheck(root, "id", json_string(user->id));
    json_object_set_new_nocheck(root, "name", json_string(user->name));
    json_object_set_new_nocheck(root, "email", json_string(user->email));
    json_object_set_new_nocheck(root, "preference", json_string(user->preference));
    json_object_set_new_nocheck(root, "version", json_string_nocheck(version));
    json_object_set_new_nocheck(root, "createTime", time_text(user->create_time));
    json_object_set_new_nocheck(root, "updateTime", time_text(user->update_time));
    char *out = json_dumps(root, JSON_COMPACT);
    json_decref(root);
    last_size = strlen(out);
    checksum += (unsigned char)out[last_size - 1];
    free(out);
}

static long digits_at(const char *from, int count)
{
    long value = 0;
    while (count-- > 0) {
        value = value * 10 + (*from++ - '0');
    }
    return value;
}

static void look_at_time(const char *from)
{
    long year = digits_at(from, 4), month = digits_at(from + 5, 2), day = digits_at(from + 8, 2);
    year -= month <= 2;
    long of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    long days = 365 * year + year / 4 - year / 100 + year / 400 + of_year - 719468;
    checksum += (unsigned long)(days * 86400 + digits_at(from + 11, 2) * 3600 + digits_at(from + 14, 2) * 60 +
                                digits_at(from + 17, 2));
}

static void decode_jansson(void)
{
    json_t *root = json_loadb(text, text_size, 0, NULL);
    look_at(json_string_value(json_object_get(root, "id")));
    look_at(json_string_value(json_object_get(root, "name")));
    look_at(json_string_value(json_object_get(root, "email")));
    look_at(json_string_value(json_object_get(root, "preference")));
    checksum += strtoull(json_string_value(json_object_get(root, "version")), NULL, 10);
    look_at_time(json_string_value(json_object_get(root, "createTime")));
    look_at_time(json_string_value(json_object_get(root, "updateTime")));
    json_decref(root);
}

static int compare(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return a < b ? -1 : a > b;
}

static void measure(const char *codec, const char *direction, void (*once)(void), double seconds)
{
    double turns[TURNS];
    last_size = 0;
    long times = 0;
    for (double end = now_s() + seconds; now_s() < end; times++) {
        once();
    }
    for (int i = 0; i < TURNS; i++) {
        double start = now_s();
        for (long j = 0; j < times; j++) {
            once();
        }
        turns[i] = (now_s() - start) / (double)times * 1e9;
    }
    qsort(turns, TURNS, sizeof turns[0], compare);
    printf("%s %s %zu %.2f\n", codec, direction, last_size, turns[TURNS / 2]);
}

static size_t read_file(const char *path, void *to)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        exit(1);
    }
    size_t size = fread(to, 1, MAX_BYTES, file);
    fclose(file);
    return size;
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fputs("usage: payload-independent USER.pb USER.json SECONDS\n", stderr);
        return 2;
    }
    double seconds = strtod(argv[3], NULL) / TURNS;
    packed_size = read_file(argv[1], packed);
    text_size = read_file(argv[2], text);
    user = users__v1__user__unpack(NULL, packed_size, packed);
    measure("protobuf-c", "encode", encode_protobuf, seconds);
    measure("protobuf-c", "decode", decode_protobuf, seconds);
    measure("jansson", "encode", encode_jansson, seconds);
    measure("jansson", "decode", decode_jansson, seconds);
    fprintf(stderr, "checksum %lu\n", checksum);
    users__v1__user__free_unpacked(user, NULL);
    return 0;
}
