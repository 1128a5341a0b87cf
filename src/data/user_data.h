/* SPDX-License-Identifier: MIT */
/*
 * user_data.h - the service users.v1.UserData: loads users from the database and fills the cache.
 */
#ifndef FR_DATA_USER_DATA_H
#define FR_DATA_USER_DATA_H

#include "service/service.h"

FR_MUST_CHECK enum fr_code fr_data_users_register(struct fr_service *service, struct fr_error *reterr);

#endif
