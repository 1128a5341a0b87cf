/* SPDX-License-Identifier: MIT */
/*
 * naive_data.c - users.v1.UserData fills Redis whatever happened meanwhile; a write commits, then publishes its key.
 */
#include <stdlib.h>

#include "base/failpoint.h"
#include "naive/naive.h"
#include "service/commit.h"
#include "users/rows.h"
#include "users/v1/users.freshet.h"

struct get {
    struct fr_work work;
    struct naive *naive;
    struct fr_call *call;
    const Users__V1__GetUserRequest *request;
};

struct commit {
    struct fr_work work;
    struct naive *naive;
    struct fr_call *call;
    const struct ProtobufCMessage *request;
    fr_write *write;
};

static enum fr_code load(struct get *self, unsigned worker, struct fr_buffer *out, struct fr_error *reterr)
{
    Users__V1__User *user;
    enum fr_code code = fr_users_select(self->naive->service.connections[worker], self->request->id,
                                        fr_call_arena(self->call), &user, reterr);
    if (code == FR_OK) {
        size_t size = protobuf_c_message_get_packed_size(&user->base);
        uint8_t *room = fr_buffer_reserve(out, size);
        FR_ASSERT(room != NULL);
        out->size += protobuf_c_message_pack(&user->base, room);
    }
    return code;
}

static void run_get(struct fr_work *work, unsigned worker)
{
    struct get *self = (struct get *)work;
    struct fr_buffer value = {0}, key = {0};
    struct fr_error error;
    if (load(self, worker, &value, &error) != FR_OK) {
        fr_call_fail_error(self->call, &error);
    } else {
        fr_buffer_append_format(&key, "user:%s", self->request->id);
        naive_redis_set(self->naive, worker, fr_buffer_text(&key), fr_buffer_bytes(&value));
        fr_call_reply(self->call, fr_buffer_bytes(&value));
    }
    fr_buffer_fini(&value);
    fr_buffer_fini(&key);
    free(self);
}

static void get_user(struct fr_call *call, const Users__V1__GetUserRequest *request, void *context)
{
    struct naive *naive = context;
    struct fr_error error;
    struct get *get = calloc(1, sizeof *get);
    FR_ASSERT(get != NULL);
    *get = (struct get){{.run = run_get}, naive, call, request};
    if (fr_worker_pool_submit(naive->service.pool, &get->work, &error) != FR_OK) {
        fr_call_fail_error(call, &error);
        free(get);
    }
}

static enum fr_code commit(struct commit *self, struct fr_store_connection *connection,
                           struct ProtobufCMessage **ret_response, struct fr_store_marks *ret_marks,
                           struct fr_error *reterr)
{
    enum fr_code code = fr_store_begin(connection, reterr);
    if (code != FR_OK) {
        return code;
    }
    code = self->write(connection, self->request, fr_call_arena(self->call), ret_response, reterr);
    if (code != FR_OK) {
        fr_store_rollback(connection);
        return code;
    }
    return fr_store_commit(connection, ret_marks, reterr);
}

static void run_commit(struct fr_work *work, unsigned worker)
{
    struct commit *self = (struct commit *)work;
    struct ProtobufCMessage *response;
    struct fr_store_marks marks = {0};
    struct fr_error error;
    if (commit(self, self->naive->service.connections[worker], &response, &marks, &error) != FR_OK) {
        fr_call_fail_error(self->call, &error);
        free(self);
        return;
    }
    FR_FAILPOINT("after-commit");
    for (size_t i = 0; i < marks.count; i++) {
        struct fr_buffer key = {0};
        fr_buffer_append_format(&key, "%s:%s", marks.items[i].kind, marks.items[i].reference);
        naive_redis_publish(self->naive, worker, fr_buffer_text(&key));
        fr_buffer_fini(&key);
    }
    FR_FAILPOINT("after-publish");
    fr_store_marks_fini(&marks);
    fr_call_reply_message(self->call, response);
    free(self);
}

/* Takes the place of src/service/commit.c below src/update/user_updates.c. */
void fr_commit(struct fr_service *service, struct fr_call *call, const struct ProtobufCMessage *request,
               fr_write *write)
{
    struct fr_error error;
    struct commit *self = calloc(1, sizeof *self);
    FR_ASSERT(self != NULL);
    *self = (struct commit){{.run = run_commit}, (struct naive *)service, call, request, write};
    if (fr_worker_pool_submit(service->pool, &self->work, &error) != FR_OK) {
        fr_call_fail_error(call, &error);
        free(self);
    }
}

enum fr_code naive_data_start(struct naive *self, struct fr_error *reterr)
{
    static const struct users_v1_user_data_service handlers = {.get_user = get_user};
    enum fr_code code = users_v1_user_data_register(self->service.server, &handlers, self);
    return code == FR_OK ? FR_OK : fr_error_no_memory(reterr);
}
