/* SPDX-License-Identifier: MIT */
/*
 * people.c - the users that every server of the comparison holds.
 */
#include "peers/people.h"

#include <inttypes.h>
#include <stdio.h>

#define BORN_S  INT64_C(1750000000)
#define BORN_NS 123000000
#define BEFORE  996 /* a fresh database has drawn the versions 1 to 3 before user-1000 */

void person_make(uint64_t number, struct person *ret_person)
{
    snprintf(ret_person->id, sizeof ret_person->id, "user-%" PRIu64, number);
    snprintf(ret_person->name, sizeof ret_person->name, "User %" PRIu64, number);
    snprintf(ret_person->email, sizeof ret_person->email, "user-%" PRIu64 "@example.com", number);
    ret_person->preference = number % 2 == 0 ? "dark_mode" : "light_mode";
    ret_person->version = number - BEFORE;
    ret_person->seconds = BORN_S;
    ret_person->nanos = BORN_NS;
}
