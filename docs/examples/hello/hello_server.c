/* SPDX-License-Identifier: MIT */
/*
 * hello_server.c - a server without a cache or a database: hello-server [ADDRESS]
 *
 * It prints its address, answers until SIGINT or SIGTERM, and then finishes the calls that are open. Health and
 * statistics are served by every server, reflection by those that register it.
 */
#include <signal.h>
#include <stdio.h>

#include <freshet/rpc/reflection.h>

#include "hello/v1/hello.freshet.h"

#define DRAIN_TIMEOUT_US 5000000

/* Runs on a thread of the library: it must not block. request and the call's arena last until the call is answered. */
static void hello(struct fr_call *call, const Hello__V1__HelloRequest *request, void *context)
{
    const char *greeting = context;
    Hello__V1__HelloResponse response = HELLO__V1__HELLO_RESPONSE__INIT;
    char text[256];
    if (request->name[0] == '\0') {
        fr_call_fail(call, FR_INVALID_ARGUMENT, "name must not be empty");
        return;
    }
    snprintf(text, sizeof text, "%s, %s!", greeting, request->name);
    response.text = text;
    hello_v1_greeter_reply_hello(call, &response);
}

static enum fr_code start(struct fr_server *server, const char *address, struct fr_error *reterr)
{
    static char greeting[] = "Hello";
    static const struct hello_v1_greeter_service handlers = {.hello = hello};
    enum fr_code code = hello_v1_greeter_register(server, &handlers, greeting);
    if (code != FR_OK) {
        return fr_error_set(reterr, code, "out of memory");
    }
    code = fr_reflection_register(server, reterr); /* so that freshet list, describe and call need no .proto file */
    code = code != FR_OK ? code : fr_server_listen(server, address, reterr);
    return code != FR_OK ? code : fr_server_serve(server, reterr);
}

int main(int argc, char **argv)
{
    struct fr_server *server = NULL;
    struct fr_error error;
    sigset_t ends;
    int signal_number;
    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    sigprocmask(SIG_BLOCK, &ends, NULL); /* before the library's threads, which inherit it */
    enum fr_code code = fr_server_new(&server, &error);
    code = code != FR_OK ? code : start(server, argc > 1 ? argv[1] : "tcp://127.0.0.1:7201", &error);
    if (code != FR_OK) {
        fprintf(stderr, "hello-server: %s\n", error.message);
        fr_server_free(server);
        return 1;
    }
    printf("%s\n", fr_server_address(server));
    fflush(stdout);
    sigwait(&ends, &signal_number);
    fr_server_drain(server, DRAIN_TIMEOUT_US);
    fr_server_free(server);
    return 0;
}
