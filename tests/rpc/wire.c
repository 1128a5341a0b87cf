/* SPDX-License-Identifier: MIT */
/*
 * wire.c - messages of the SP protocol on a plain socket: u64 length, u32 tag, body, all big-endian.
 */
#include "rpc/wire.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
/* cmocka.h needs the standard headers first. */
#include <cmocka.h>

#include "support/wait.h"

#define PATIENCE_MS    ((int)(FR_TEST_PATIENCE_US / 1000))
#define GREETING_BYTES 8
#define LENGTH_BYTES   8
#define TAG_BYTES      4
#define REQUEST_BIT    0x80000000u

static const char req_greeting[GREETING_BYTES] = "\0SP\0\0\x30\0";
static const char rep_greeting[GREETING_BYTES] = "\0SP\0\0\x31\0";

/* ---- bytes ---- */

int wire_listen(bool listening, char ret_target[64])
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    if (listening) {
        assert_int_equal(listen(fd, 16), 0);
    }
    snprintf(ret_target, 64, "tcp://127.0.0.1:%u", ntohs(address.sin_port));
    return fd;
}

static void send_all(struct wire *self, const void *bytes, size_t size)
{
    const char *at = bytes;
    while (size > 0) {
        ssize_t sent = send(self->fd, at, size, MSG_NOSIGNAL);
        if (sent <= 0 && self->may_close) {
            self->closed = true;
            return;
        }
        assert_true(sent > 0);
        at += sent;
        size -= (size_t)sent;
    }
}

/* false: the connection was closed. */
static bool receive_all(struct wire *self, void *bytes, size_t size)
{
    char *at = bytes;
    while (size > 0) {
        struct pollfd ready = {.fd = self->fd, .events = POLLIN};
        assert_int_equal(poll(&ready, 1, PATIENCE_MS), 1);
        ssize_t got = recv(self->fd, at, size, 0);
        if (got <= 0) {
            self->closed = true;
            return false;
        }
        at += got;
        size -= (size_t)got;
    }
    return true;
}

static bool greet(struct wire *self, const char ours[GREETING_BYTES], const char theirs[GREETING_BYTES])
{
    char greeting[GREETING_BYTES];
    int on = 1;
    setsockopt(self->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    send_all(self, ours, GREETING_BYTES);
    return receive_all(self, greeting, sizeof greeting) && memcmp(greeting, theirs, sizeof greeting) == 0;
}

void wire_accept(struct wire *self, int listener)
{
    for (;;) {
        struct pollfd ready = {.fd = listener, .events = POLLIN};
        assert_int_equal(poll(&ready, 1, PATIENCE_MS), 1);
        *self = (struct wire){.fd = accept(listener, NULL, NULL)};
        assert_true(self->fd >= 0);
        if (greet(self, rep_greeting, req_greeting)) {
            return;
        }
        close(self->fd);
    }
}

void wire_connect(struct wire *self, const char *address)
{
    unsigned port;
    assert_int_equal(sscanf(address, "tcp://127.0.0.1:%u", &port), 1);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    *self = (struct wire){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    assert_int_equal(connect(self->fd, (struct sockaddr *)&to, sizeof to), 0);
    assert_true(greet(self, req_greeting, rep_greeting));
}

void wire_close(struct wire *self)
{
    while (self->early != NULL) {
        struct wire_message *message = self->early;
        self->early = message->next;
        free(message);
    }
    close(self->fd);
}

/* ---- messages ---- */

static void send_message(struct wire *self, uint32_t tag, const uint8_t *body, size_t size)
{
    uint64_t length = htobe64(size + TAG_BYTES);
    uint32_t wire_tag = htobe32(tag);
    uint8_t *message = malloc(LENGTH_BYTES + TAG_BYTES + size);
    assert_non_null(message);
    memcpy(message, &length, LENGTH_BYTES);
    memcpy(message + LENGTH_BYTES, &wire_tag, TAG_BYTES);
    if (size > 0) {
        memcpy(message + LENGTH_BYTES + TAG_BYTES, body, size);
    }
    send_all(self, message, LENGTH_BYTES + TAG_BYTES + size);
    free(message);
}

/* NULL: the connection was closed. */
static struct wire_message *receive_message(struct wire *self)
{
    uint64_t length;
    uint32_t tag;
    if (!receive_all(self, &length, sizeof length) || !receive_all(self, &tag, sizeof tag)) {
        return NULL;
    }
    size_t size = (size_t)be64toh(length) - TAG_BYTES;
    struct wire_message *message = malloc(sizeof *message + size);
    assert_non_null(message);
    *message = (struct wire_message){.tag = be32toh(tag), .size = size};
    if (!receive_all(self, message->body, size)) {
        free(message);
        return NULL;
    }
    return message;
}

static struct wire_message *take_early(struct wire *self, uint32_t tag)
{
    for (struct wire_message **link = &self->early; *link != NULL; link = &(*link)->next) {
        struct wire_message *message = *link;
        if (message->tag == tag) {
            *link = message->next;
            return message;
        }
    }
    return NULL;
}

static void keep(struct wire *self, struct wire_message *message)
{
    message->next = self->early;
    self->early = message;
}

bool wire_is_silent(struct wire *self)
{
    struct pollfd ready = {.fd = self->fd, .events = POLLIN};
    return poll(&ready, 1, 0) == 0;
}

void wire_wait_closed(struct wire *self)
{
    struct wire_message *message;
    while (!self->closed && (message = receive_message(self)) != NULL) {
        free(message);
    }
}

void wire_finish(struct wire *self)
{
    shutdown(self->fd, SHUT_WR);
    wire_wait_closed(self);
    wire_close(self);
}

/* ---- as a client ---- */

static size_t count_calls(const struct wire_request *request)
{
    size_t count = 0;
    while (count < WIRE_CALLS && request->calls[count].method != NULL) {
        count++;
    }
    return count;
}

uint32_t wire_ask(struct wire *self, const struct wire_request *request)
{
    request_batch batch = FRESHET__RPC__V1__REQUEST_BATCH__INIT;
    Freshet__Rpc__V1__Request requests[WIRE_CALLS], *pointers[WIRE_CALLS];
    uint64_t cancel[WIRE_UNKNOWN + 4];
    batch.session = request->session;
    batch.collect = request->collect;
    batch.max_reply_bytes = request->max_reply_bytes;
    batch.n_request = count_calls(request);
    batch.request = pointers;
    for (size_t i = 0; i < batch.n_request; i++) {
        const struct wire_call *call = &request->calls[i];
        pointers[i] = &requests[i];
        requests[i] = (Freshet__Rpc__V1__Request)FRESHET__RPC__V1__REQUEST__INIT;
        requests[i].id = call->id;
        requests[i].method = (char *)call->method;
        requests[i].timeout_us = call->timeout_us;
        requests[i].payload = (ProtobufCBinaryData){call->payload == NULL ? 0 : strlen(call->payload),
                                                    (uint8_t *)call->payload};
    }
    batch.cancel = cancel;
    for (; batch.n_cancel < request->unknown; batch.n_cancel++) {
        cancel[batch.n_cancel] = UINT64_MAX - batch.n_cancel;
    }
    for (size_t i = 0; i < 4 && request->cancel[i] != 0; i++) {
        cancel[batch.n_cancel++] = request->cancel[i];
    }
    size_t size = freshet__rpc__v1__request_batch__get_packed_size(&batch);
    uint8_t *body = malloc(size + 1);
    assert_non_null(body);
    freshet__rpc__v1__request_batch__pack(&batch, body);
    uint32_t tag = REQUEST_BIT | ++self->last_tag;
    send_message(self, tag, body, size);
    free(body);
    return tag;
}

response_batch *wire_answer(struct wire *self, uint32_t tag)
{
    struct wire_message *message = take_early(self, tag);
    while (message == NULL) {
        message = receive_message(self);
        assert_non_null(message);
        if (message->tag != tag) {
            keep(self, message);
            message = NULL;
        }
    }
    response_batch *batch = freshet__rpc__v1__response_batch__unpack(NULL, message->size, message->body);
    assert_non_null(batch);
    free(message);
    return batch;
}

bool wire_is_answered(struct wire *self, uint32_t tag)
{
    while (!wire_is_silent(self)) {
        struct wire_message *message = receive_message(self);
        assert_non_null(message);
        keep(self, message);
    }
    struct wire_message *message = take_early(self, tag);
    if (message != NULL) {
        keep(self, message);
    }
    return message != NULL;
}

uint32_t wire_wait_either(struct wire *self, uint32_t one, uint32_t other)
{
    for (;;) {
        if (wire_is_answered(self, one)) {
            return one;
        }
        if (wire_is_answered(self, other)) {
            return other;
        }
        struct pollfd ready = {.fd = self->fd, .events = POLLIN};
        assert_int_equal(poll(&ready, 1, PATIENCE_MS), 1);
    }
}

void wire_forget(response_batch *batch)
{
    freshet__rpc__v1__response_batch__free_unpacked(batch, NULL);
}

const wire_response *wire_find(const response_batch *batch, uint64_t id)
{
    const wire_response *found = NULL;
    for (size_t i = 0; i < batch->n_response; i++) {
        if (batch->response[i]->id == id) {
            assert_null(found);
            found = batch->response[i];
        }
    }
    return found;
}

bool wire_is_pending(const response_batch *batch, uint64_t id)
{
    for (size_t i = 0; i < batch->n_pending; i++) {
        if (batch->pending[i] == id) {
            return true;
        }
    }
    return false;
}

bool wire_payload_is(const wire_response *response, const char *text)
{
    return response != NULL && response->code == 0 && response->payload.len == strlen(text) &&
           memcmp(response->payload.data, text, strlen(text)) == 0;
}

/* ---- as a server ---- */

request_batch *wire_receive(struct wire *self, uint32_t *ret_tag)
{
    struct wire_message *message = receive_message(self);
    assert_non_null(message);
    request_batch *batch = freshet__rpc__v1__request_batch__unpack(NULL, message->size, message->body);
    assert_non_null(batch);
    *ret_tag = message->tag;
    free(message);
    return batch;
}

void wire_drop(request_batch *batch)
{
    freshet__rpc__v1__request_batch__free_unpacked(batch, NULL);
}

static void send_batch(struct wire *self, uint32_t tag, const response_batch *batch)
{
    size_t size = freshet__rpc__v1__response_batch__get_packed_size(batch);
    uint8_t *body = malloc(size + 1);
    assert_non_null(body);
    freshet__rpc__v1__response_batch__pack(batch, body);
    send_message(self, tag, body, size);
    free(body);
}

void wire_reply(struct wire *self, uint32_t tag, const struct wire_reply *reply)
{
    response_batch batch = FRESHET__RPC__V1__RESPONSE_BATCH__INIT;
    wire_response responses[WIRE_CALLS], *pointers[WIRE_CALLS];
    batch.draining = reply->draining;
    batch.n_response = reply->answer_count;
    batch.response = pointers;
    for (size_t i = 0; i < reply->answer_count; i++) {
        const struct wire_answer *answer = &reply->answers[i];
        pointers[i] = &responses[i];
        responses[i] = (wire_response)FRESHET__RPC__V1__RESPONSE__INIT;
        responses[i].id = answer->id;
        responses[i].code = answer->code;
        responses[i].retry_after_us = answer->retry_after_us;
        responses[i].payload = (ProtobufCBinaryData){answer->payload == NULL ? 0 : strlen(answer->payload),
                                                     (uint8_t *)answer->payload};
    }
    batch.pending = (uint64_t *)reply->pending;
    while (batch.n_pending < WIRE_CALLS && reply->pending[batch.n_pending] != 0) {
        batch.n_pending++;
    }
    send_batch(self, tag, &batch);
}

void wire_reply_echo(struct wire *self, uint32_t tag, const request_batch *batch)
{
    response_batch answer = FRESHET__RPC__V1__RESPONSE_BATCH__INIT;
    wire_response *responses = calloc(batch->n_request + 1, sizeof *responses);
    wire_response **pointers = calloc(batch->n_request + 1, sizeof *pointers);
    assert_true(responses != NULL && pointers != NULL);
    for (size_t i = 0; i < batch->n_request; i++) {
        pointers[i] = &responses[i];
        responses[i] = (wire_response)FRESHET__RPC__V1__RESPONSE__INIT;
        responses[i].id = batch->request[i]->id;
        responses[i].payload = batch->request[i]->payload;
    }
    answer.n_response = batch->n_request;
    answer.response = pointers;
    send_batch(self, tag, &answer);
    free(responses);
    free(pointers);
}

size_t wire_echo_next(struct wire *self)
{
    uint32_t tag;
    request_batch *batch = wire_receive(self, &tag);
    size_t calls = batch->n_request;
    wire_reply_echo(self, tag, batch);
    wire_drop(batch);
    return calls;
}

void wire_reply_pending(struct wire *self, uint32_t tag, const request_batch *batch)
{
    response_batch answer = FRESHET__RPC__V1__RESPONSE_BATCH__INIT;
    uint64_t *ids = calloc(batch->n_request + 1, sizeof *ids);
    assert_non_null(ids);
    for (size_t i = 0; i < batch->n_request; i++) {
        ids[i] = batch->request[i]->id;
    }
    answer.n_pending = batch->n_request;
    answer.pending = ids;
    send_batch(self, tag, &answer);
    free(ids);
}
