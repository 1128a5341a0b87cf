/* SPDX-License-Identifier: MIT */
/*
 * container.h - from a member that a callback is handed to the struct that it is part of.
 */
#ifndef FR_BASE_CONTAINER_H
#define FR_BASE_CONTAINER_H

#include <stddef.h>

#define FR_CONTAINER(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))

#endif
