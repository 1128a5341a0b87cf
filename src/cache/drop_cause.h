/* SPDX-License-Identifier: MIT */
/*
 * drop_cause.h - why a near cache has to be emptied.
 */
#ifndef FR_CACHE_DROP_CAUSE_H
#define FR_CACHE_DROP_CAUSE_H

enum fr_drop_cause {
    FR_DROP_GAP,         /* an event was not the next, or the counter went back */
    FR_DROP_SILENT,      /* the subscription did not deliver what Redis had counted */
    FR_DROP_UNANSWERED,  /* Redis did not say how far it had counted */
    FR_DROP_INCARNATION, /* Redis began another life */
    FR_DROP_CONNECTION,  /* the subscription was cut */
    FR_DROP_BASE_LINE,   /* a new base-line was taken: the cache begins anew, and serves */
};

#define FR_DROP_CAUSES 6

/* Static text, fit for a log or a label: "gap", "silent", "unanswered", "incarnation", "connection", "base_line". */
const char *fr_drop_cause_name(enum fr_drop_cause cause);

#endif
