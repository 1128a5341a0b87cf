/* SPDX-License-Identifier: MIT */
/*
 * naive.c - check-naive: one of the three services of the textbook design, with the options that Freshet's have.
 */
#include "naive/naive.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "update/user_updates.h"
#include "users/schema.h"

enum role { API, DATA, UPDATE };

static struct {
    unsigned role;
    const char *listen, *db, *address_file;
    uint64_t seed_users;
} given;

static struct naive naive;
static const char *const roles[] = {"api", "data", "update", NULL};

static const struct fr_option options[] = {
    {.name = "role", .type = FR_OPTION_CHOICE, .choices = roles, .default_value = "api", .argument = "ROLE",
     .help = "api, data or update", .value = &given.role},
    {.name = "listen", .default_value = "tcp://127.0.0.1:0", .argument = "ADDRESS", .help = "where to serve",
     .value = &given.listen},
    {.name = "redis", .default_value = "redis://127.0.0.1:6379/0", .argument = "URL", .help = "Redis on this machine",
     .value = &naive.redis_url},
    {.name = "address-file", .argument = "FILE", .help = "the address served on is written to it",
     .value = &given.address_file},
    {.name = "data", .argument = "ADDRESS", .help = "of an api: where data serves", .value = &naive.data_address},
    {.name = "update", .argument = "ADDRESS", .help = "of an api: where update serves", .value = &naive.update_address},
    {.name = "db", .argument = "URL", .help = "sqlite:PATH", .value = &given.db},
    {.name = "seed-users", .type = FR_OPTION_NUMBER, .default_value = "0", .argument = "N",
     .help = "of data: rows to begin with", .value = &given.seed_users},
};

/* redis://127.0.0.1:6379/0 without its last part, so that the port stands last. */
static enum fr_code cut_database(struct fr_error *reterr)
{
    static char url[128];
    snprintf(url, sizeof url, "%s", naive.redis_url);
    if (strncmp(url, "redis://127.0.0.1:", 18) != 0) {
        return fr_error_set(reterr, FR_INVALID_ARGUMENT, "--redis must be redis://127.0.0.1:PORT");
    }
    url[18 + strcspn(url + 18, "/")] = '\0';
    naive.redis_url = url;
    return FR_OK;
}

static enum fr_code open_database(struct fr_error *reterr)
{
    static struct fr_store_connection *connections[NAIVE_WORKERS];
    enum fr_code code = fr_store_open(given.db == NULL ? "" : given.db, &naive.service.store, reterr);
    for (unsigned i = 0; i < NAIVE_WORKERS && code == FR_OK; i++) {
        code = fr_store_connect(naive.service.store, &connections[i], reterr);
    }
    naive.service.connections = connections;
    return code == FR_OK ? fr_users_migrate(connections[0], given.seed_users, reterr) : code;
}

static enum fr_code start_role(struct fr_error *reterr)
{
    switch ((enum role)given.role) {
    case API:
        return naive_api_start(&naive, reterr);
    case DATA:
        return naive_data_start(&naive, reterr);
    case UPDATE:
        return fr_update_users_register(&naive.service, reterr);
    }
    return FR_INTERNAL;
}

static enum fr_code write_address(struct fr_error *reterr)
{
    FILE *file = given.address_file == NULL ? NULL : fopen(given.address_file, "we");
    if (file == NULL || fprintf(file, "%s\n", fr_server_address(naive.service.server)) < 0 || fclose(file) != 0) {
        return fr_error_set(reterr, FR_FAILED_PRECONDITION, "cannot write --address-file");
    }
    return FR_OK;
}

static enum fr_code start(struct fr_error *reterr)
{
    enum fr_code code = cut_database(reterr);
    code = code != FR_OK ? code : fr_server_new(&naive.service.server, reterr);
    code = code != FR_OK ? code : fr_server_listen(naive.service.server, given.listen, reterr);
    code = code != FR_OK || given.role == API ? code : open_database(reterr);
    code = code != FR_OK ? code : fr_worker_pool_new(NAIVE_WORKERS, 4096, &naive.service.pool, reterr);
    code = code != FR_OK ? code : start_role(reterr);
    code = code != FR_OK ? code : fr_server_serve(naive.service.server, reterr);
    return code != FR_OK ? code : write_address(reterr);
}

int main(int argc, char **argv)
{
    struct fr_error error = {0};
    int count = 0, number = 0;
    bool help = false;
    if (fr_options_parse(options, sizeof options / sizeof options[0], argc, argv, &count, &help, &error) != FR_OK ||
        count > 0 || help) {
        fprintf(stderr, "check-naive: %s\n", error.message);
        return 2;
    }
    fr_log_setup("naive", FR_LOG_INFO, FR_LOG_LOGFMT);
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    if (start(&error) != FR_OK) {
        fprintf(stderr, "check-naive: %s\n", error.message);
        return 1;
    }
    sigwait(&signals, &number);
    /* A control is not worth an orderly end: whatever waits for an answer is given up. */
    _Exit(0);
}
