/* SPDX-License-Identifier: MIT */
/*
 * failpoint.h - places where a test can make a process die; release builds do not contain them.
 *
 * FRESHET_FAILPOINT=name makes the process kill itself (SIGKILL) when it reaches FR_FAILPOINT("name").
 */
#ifndef FR_BASE_FAILPOINT_H
#define FR_BASE_FAILPOINT_H

#ifdef FRESHET_FAILPOINTS
void fr_failpoint_reached(const char *name);
#define FR_FAILPOINT(name) fr_failpoint_reached(name)
#else
#define FR_FAILPOINT(name) ((void)0)
#endif

#endif
