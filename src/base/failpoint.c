/* SPDX-License-Identifier: MIT */
/*
 * failpoint.c - places where a test can make a process die; release builds do not contain them.
 */
#include "base/failpoint.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#ifdef FRESHET_FAILPOINTS
void fr_failpoint_reached(const char *name)
{
    const char *wanted = getenv("FRESHET_FAILPOINT");
    if (wanted != NULL && strcmp(wanted, name) == 0) {
        raise(SIGKILL);
    }
}
#endif
