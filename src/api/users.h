/* SPDX-License-Identifier: MIT */
/*
 * users.h - the service users.v1.Users: reads through the cache, writes passed on to update.
 */
#ifndef FR_API_USERS_H
#define FR_API_USERS_H

#include "rpc/channel.h"
#include "service/service.h"

/* Registers its methods; both channels are borrowed until the server is freed. */
FR_MUST_CHECK enum fr_code fr_api_users_register(struct fr_service *service, struct fr_channel *data,
                                                 struct fr_channel *update, struct fr_error *reterr);

#endif
