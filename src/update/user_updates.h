/* SPDX-License-Identifier: MIT */
/*
 * user_updates.h - the service users.v1.UserUpdates: every write of a user.
 */
#ifndef FR_UPDATE_USER_UPDATES_H
#define FR_UPDATE_USER_UPDATES_H

#include "service/service.h"

FR_MUST_CHECK enum fr_code fr_update_users_register(struct fr_service *service, struct fr_error *reterr);

#endif
