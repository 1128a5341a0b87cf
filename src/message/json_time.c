/* SPDX-License-Identifier: MIT */
/*
 * json_time.c - Timestamp, Duration and FieldMask paths as JSON writes them.
 *
 * The calendar is Howard Hinnant's "chrono-Compatible Low-Level Date Algorithms": days since 1970-01-01 from a
 * date and back, with years that begin in March.
 */
#include "message/json_time.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define DAY_SECONDS      INT64_C(86400)
#define MIN_TIMESTAMP    (-INT64_C(62135596800)) /* 0001-01-01T00:00:00Z */
#define MAX_TIMESTAMP    INT64_C(253402300799)   /* 9999-12-31T23:59:59Z */
#define MAX_DURATION     INT64_C(315576000000)
#define NANOS            1000000000
#define ERA_DAYS         146097 /* 400 years */
#define EPOCH_TO_MARCH_0 719468 /* days from 0000-03-01 to 1970-01-01 */

static int64_t days_from_date(int64_t year, unsigned month, unsigned day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (int64_t)((month + 9) % 12) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * ERA_DAYS + day_of_era - EPOCH_TO_MARCH_0;
}

static void date_from_days(int64_t days, int64_t *ret_year, int64_t *ret_month, int64_t *ret_day)
{
    days += EPOCH_TO_MARCH_0;
    int64_t era = (days >= 0 ? days : days - (ERA_DAYS - 1)) / ERA_DAYS;
    int64_t day_of_era = days - era * ERA_DAYS;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month = (5 * day_of_year + 2) / 153;
    *ret_day = day_of_year - (153 * month + 2) / 5 + 1;
    *ret_month = month < 10 ? month + 3 : month - 9;
    *ret_year = year_of_era + era * 400 + (*ret_month <= 2);
}

/* Exactly count digits; moves behind them. */
static bool take_digits(const char **text, size_t count, unsigned *ret_value)
{
    unsigned value = 0;
    for (size_t i = 0; i < count; i++) {
        if ((*text)[i] < '0' || (*text)[i] > '9') {
            return false;
        }
        value = value * 10 + (unsigned)((*text)[i] - '0');
    }
    *text += count;
    *ret_value = value;
    return true;
}

static bool take_char(const char **text, char c)
{
    if (**text != c) {
        return false;
    }
    (*text)++;
    return true;
}

/* A point and one to nine digits, if there is a point. */
static bool take_fraction(const char **text, int32_t *ret_nanos)
{
    *ret_nanos = 0;
    if (!take_char(text, '.')) {
        return true;
    }
    size_t digits = strspn(*text, "0123456789");
    unsigned value;
    if (digits == 0 || digits > 9 || !take_digits(text, digits, &value)) {
        return false;
    }
    for (size_t i = digits; i < 9; i++) {
        value *= 10;
    }
    *ret_nanos = (int32_t)value;
    return true;
}

static unsigned days_in_month(unsigned year, unsigned month)
{
    static const unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap);
}

static bool take_date(const char **text, int64_t *ret_days)
{
    unsigned year;
    unsigned month;
    unsigned day;
    if (!take_digits(text, 4, &year) || !take_char(text, '-') || !take_digits(text, 2, &month) ||
        !take_char(text, '-') || !take_digits(text, 2, &day)) {
        return false;
    }
    if (year < 1 || month < 1 || month > 12 || day < 1 || day > days_in_month(year, month)) {
        return false;
    }
    *ret_days = days_from_date(year, month, day);
    return true;
}

static bool take_clock(const char **text, int64_t *ret_seconds)
{
    unsigned hour;
    unsigned minute;
    unsigned second;
    if (!take_digits(text, 2, &hour) || !take_char(text, ':') || !take_digits(text, 2, &minute) ||
        !take_char(text, ':') || !take_digits(text, 2, &second)) {
        return false;
    }
    *ret_seconds = hour * 3600 + minute * 60 + second;
    return hour < 24 && minute < 60 && second < 60;
}

/* "Z" or "+01:30": what to take from the clock to get UTC. */
static bool take_offset(const char **text, int64_t *ret_seconds)
{
    *ret_seconds = 0;
    if (take_char(text, 'Z')) {
        return true;
    }
    bool negative = **text == '-';
    unsigned hour;
    unsigned minute;
    if ((!negative && **text != '+') || (++*text, !take_digits(text, 2, &hour)) || !take_char(text, ':') ||
        !take_digits(text, 2, &minute) || hour > 23 || minute > 59) {
        return false;
    }
    int64_t seconds = hour * 3600 + minute * 60;
    *ret_seconds = negative ? -seconds : seconds;
    return true;
}

bool fr_json_timestamp_parse(const char *text, int64_t *ret_seconds, int32_t *ret_nanos)
{
    int64_t days;
    int64_t clock;
    int64_t offset;
    if (!take_date(&text, &days) || !take_char(&text, 'T') || !take_clock(&text, &clock) ||
        !take_fraction(&text, ret_nanos) || !take_offset(&text, &offset) || *text != '\0') {
        return false;
    }
    *ret_seconds = days * DAY_SECONDS + clock - offset;
    return *ret_seconds >= MIN_TIMESTAMP && *ret_seconds <= MAX_TIMESTAMP;
}

/* The last count digits of value, with leading zeros; returns where they end. printf takes ten times as long. */
static char *put_digits(char *to, unsigned count, int64_t value)
{
    for (unsigned i = count; i > 0; i--) {
        to[i - 1] = (char)('0' + value % 10);
        value /= 10;
    }
    return to + count;
}

/* Nothing for none, else a point and as many groups of three digits as needed. */
static char *put_fraction(char *to, int32_t nanos)
{
    if (nanos == 0) {
        return to;
    }
    *to++ = '.';
    return nanos % 1000000 == 0 ? put_digits(to, 3, nanos / 1000000)
           : nanos % 1000 == 0  ? put_digits(to, 6, nanos / 1000)
                                : put_digits(to, 9, nanos);
}

bool fr_json_timestamp_format(int64_t seconds, int32_t nanos, char text[FR_TIME_TEXT_BYTES])
{
    if (seconds < MIN_TIMESTAMP || seconds > MAX_TIMESTAMP || nanos < 0 || nanos >= NANOS) {
        return false;
    }
    int64_t clock = (seconds % DAY_SECONDS + DAY_SECONDS) % DAY_SECONDS;
    int64_t year;
    int64_t month;
    int64_t day;
    date_from_days((seconds - clock) / DAY_SECONDS, &year, &month, &day);
    text = put_digits(text, 4, year);
    *text++ = '-';
    text = put_digits(text, 2, month);
    *text++ = '-';
    text = put_digits(text, 2, day);
    *text++ = 'T';
    text = put_digits(text, 2, clock / 3600);
    *text++ = ':';
    text = put_digits(text, 2, clock / 60 % 60);
    *text++ = ':';
    text = put_digits(text, 2, clock % 60);
    text = put_fraction(text, nanos);
    *text++ = 'Z';
    *text = '\0';
    return true;
}

bool fr_json_duration_parse(const char *text, int64_t *ret_seconds, int32_t *ret_nanos)
{
    bool negative = take_char(&text, '-');
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 12) {
        return false;
    }
    int64_t seconds = 0;
    for (; digits > 0; digits--) {
        seconds = seconds * 10 + (*text++ - '0');
    }
    int32_t nanos;
    if (!take_fraction(&text, &nanos) || !take_char(&text, 's') || *text != '\0' || seconds > MAX_DURATION ||
        (seconds == MAX_DURATION && nanos > 0)) {
        return false;
    }
    *ret_seconds = negative ? -seconds : seconds;
    *ret_nanos = negative ? -nanos : nanos;
    return true;
}

bool fr_json_duration_format(int64_t seconds, int32_t nanos, char text[FR_TIME_TEXT_BYTES])
{
    if (seconds < -MAX_DURATION || seconds > MAX_DURATION || nanos <= -NANOS || nanos >= NANOS ||
        (seconds < 0 && nanos > 0) || (seconds > 0 && nanos < 0)) {
        return false;
    }
    bool negative = seconds < 0 || nanos < 0;
    int size = snprintf(text, FR_TIME_TEXT_BYTES, "%s%" PRId64, negative ? "-" : "",
                        seconds < 0 ? -seconds : seconds);
    char *end = put_fraction(text + size, nanos < 0 ? -nanos : nanos);
    *end++ = 's';
    *end = '\0';
    return true;
}

bool fr_mask_path_parse(const char *text, size_t size, char *out)
{
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '_') {
            return false;
        }
        bool upper = text[i] >= 'A' && text[i] <= 'Z';
        if (upper) {
            *out++ = '_';
        }
        *out++ = upper ? (char)(text[i] - 'A' + 'a') : text[i];
    }
    *out = '\0';
    return true;
}

bool fr_mask_path_format(const char *path, char *out)
{
    for (; *path != '\0'; path++) {
        if (*path >= 'A' && *path <= 'Z') {
            return false;
        }
        if (*path != '_') {
            *out++ = *path;
        } else if (*++path >= 'a' && *path <= 'z') {
            *out++ = (char)(*path - 'a' + 'A');
        } else {
            return false;
        }
    }
    *out = '\0';
    return true;
}
