/* SPDX-License-Identifier: MIT */
/*
 * people.h - the users that every server of the comparison holds: those that freshet-data seeds, as plain fields.
 */
#ifndef PEERS_PEOPLE_H
#define PEERS_PEOPLE_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PEOPLE_FIRST 1000 /* user-1000 is the first */

struct person {
    char id[32], name[32], email[64];
    const char *preference; /* static */
    uint64_t version;
    int64_t seconds; /* create and update time */
    int32_t nanos;
};

/* The user of that number, user-<number>. */
void person_make(uint64_t number, struct person *ret_person);

#ifdef __cplusplus
}
#endif

#endif
