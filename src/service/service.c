/* SPDX-License-Identifier: MIT */
/*
 * service.c - what every program shares: options, start, signals, drain.
 *
 * The main thread starts everything, then waits for signals. Parts stop in the order of the calls through them:
 * the server first, the loop that others post to last.
 */
#include "service/service.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/heap.h"
#include "base/log.h"
#include "base/placement.h"
#include "base/standard_fds.h"
#include "base/state_folder.h"
#include "cache/near_cache.h"
#include "rpc/cork.h"
#include "rpc/reflection.h"
#include "rpc/stats.h"

#define MAX_OPTIONS   32
#define EXIT_USAGE    2
#define MAX_URL_BYTES 4200
#define MAX_PASSWORD  512

#define SHOWN_PATH_BYTES 90 /* its end, so that the cause fits into an error's message */

static const char *const format_names[] = {"logfmt", "json", NULL};
static const char *const placement_names[] = {"compact", "system", NULL};
static const char *const level_names[] = {"error", "warn", "info", "debug", NULL};

static struct {
    const char *listen, *redis, *redis_password_file, *name_space, *db, *address_file;
    unsigned log_format, log_level, placement;
    uint64_t near_cache_bytes;
    uint64_t drain_timeout_us, workers, queue_limit, max_connections, max_open_calls;
    bool log_requests, insecure, version;
} settings;

/* The options that every program has; those of a database follow at the end. */
static size_t common_options(const struct fr_service_definition *definition, struct fr_option *out)
{
    const struct fr_option common[] = {
        {.name = "listen", .environment = definition->variable_listen, .argument = "ADDRESS",
         .default_value = definition->listen_default, .help = "Address to serve on; port 0 takes a free one",
         .value = &settings.listen},
        {.name = "redis", .environment = "FRESHET_REDIS", .argument = "URL",
         .default_value = "redis://127.0.0.1:6379/0", .help = "Redis to cache in: redis://[user:password@]host:port[/db]",
         .value = &settings.redis},
        {.name = "redis-password-file", .environment = "FRESHET_REDIS_PASSWORD_FILE", .argument = "FILE",
         .help = "File whose first line is the password of Redis", .value = &settings.redis_password_file},
        {.name = "namespace", .environment = "FRESHET_NAMESPACE", .argument = "NAME", .default_value = "",
         .help = "Prefix of cache keys, channel and counter", .value = &settings.name_space},
        {.name = "log-format", .environment = "FRESHET_LOG_FORMAT", .type = FR_OPTION_CHOICE, .argument = "FORMAT",
         .default_value = "logfmt", .help = "logfmt or json", .choices = format_names,
         .value = &settings.log_format},
        {.name = "log-level", .environment = "FRESHET_LOG_LEVEL", .type = FR_OPTION_CHOICE, .argument = "LEVEL",
         .default_value = "info", .help = "error, warn, info or debug", .choices = level_names,
         .value = &settings.log_level},
        {.name = "log-requests", .environment = "FRESHET_LOG_REQUESTS", .type = FR_OPTION_FLAG,
         .help = "Log each cache and database step of each request; SIGUSR1 switches it",
         .value = &settings.log_requests},
        {.name = "address-file", .argument = "FILE", .help = "Write the address served on to FILE once ready",
         .value = &settings.address_file},
        {.name = "drain-timeout", .type = FR_OPTION_DURATION, .argument = "TIME", .default_value = "10s",
         .help = "On SIGTERM, wait this long for open calls", .value = &settings.drain_timeout_us},
        {.name = "max-connections", .type = FR_OPTION_NUMBER, .argument = "N", .default_value = "10000",
         .help = "Clients that may be connected; more are turned away", .min = 1, .max = 1000000,
         .value = &settings.max_connections},
        {.name = "max-open-calls", .type = FR_OPTION_NUMBER, .argument = "N", .default_value = "65536",
         .help = "Calls that may be open at a time; more are refused", .min = 1, .max = 10000000,
         .value = &settings.max_open_calls},
        {.name = "placement", .environment = "FRESHET_PLACEMENT", .type = FR_OPTION_CHOICE, .argument = "POLICY",
         .default_value = "compact",
         .help = "compact: the threads that pass messages on share a core while it suffices; system: any",
         .choices = placement_names, .value = &settings.placement},
        {.name = "insecure", .type = FR_OPTION_FLAG,
         .help = "Allow --listen on an address that other machines reach; there is no TLS",
         .value = &settings.insecure},
        {.name = "version", .type = FR_OPTION_FLAG, .help = "Print the version", .value = &settings.version},
    };
    const struct fr_option near = {
        .name = "near-cache-bytes", .environment = "FRESHET_NEAR_CACHE_BYTES", .type = FR_OPTION_NUMBER,
        .argument = "N", .default_value = "64M",
        .help = "Memory for values within the process: 0 (none) or at least 256K",
        .max = UINT64_C(1) << 40, .value = &settings.near_cache_bytes,
    };
    const struct fr_option database[] = {
        {.name = "db", .environment = definition->variable_db, .argument = "URL",
         .help = "Database: sqlite:PATH [sqlite:$XDG_STATE_HOME/freshet/freshet.db]", .value = &settings.db},
        {.name = "workers", .type = FR_OPTION_NUMBER, .argument = "N", .default_value = "4",
         .help = "Threads for database work, one connection each", .min = 1, .max = 64,
         .value = &settings.workers},
        {.name = "queue-limit", .type = FR_OPTION_NUMBER, .argument = "N", .default_value = "4096",
         .help = "Requests that may wait for a worker; more are refused", .min = 1, .max = 1000000,
         .value = &settings.queue_limit},
    };
    size_t count = sizeof common / sizeof common[0];
    memcpy(out, common, sizeof common);
    if (definition->subscribes) {
        out[count++] = near;
    }
    if (definition->variable_db != NULL) {
        memcpy(out + count, database, sizeof database);
        count += sizeof database / sizeof database[0];
    }
    for (size_t i = 0; i < definition->option_count; i++) {
        out[count++] = definition->options[i];
    }
    FR_ASSERT(count <= MAX_OPTIONS);
    return count;
}

static void print_help(const struct fr_service_definition *definition, const struct fr_option *options, size_t count)
{
    struct fr_buffer text = {0};
    fr_buffer_append_format(&text, "%s - %s\n\nUsage: %s [OPTION]…\n\n", definition->program, definition->summary,
                            definition->program);
    fr_options_help(options, count, &text);
    if (!text.failed) {
        fputs(fr_buffer_text(&text), stdout);
    }
    fr_buffer_fini(&text);
}

static bool is_loopback(const char *address)
{
    return strncmp(address, "tcp://127.", 10) == 0 || strncmp(address, "tcp://localhost:", 16) == 0 ||
           strncmp(address, "tcp://[::1]:", 12) == 0;
}

/* Puts the password from the file into the URL, percent-encoded. */
static enum fr_code redis_url(char *ret_url, size_t size, struct fr_error *reterr)
{
    const char *path = settings.redis_password_file;
    char password[MAX_PASSWORD] = "";
    if (path == NULL || path[0] == '\0') {
        snprintf(ret_url, size, "%s", settings.redis);
        return FR_OK;
    }
    FILE *file = fopen(path, "re");
    if (file == NULL || fgets(password, sizeof password, file) == NULL) {
        if (file != NULL) {
            fclose(file);
        }
        return fr_error_set(reterr, FR_FAILED_PRECONDITION, "cannot read a password from '%s'", path);
    }
    fclose(file);
    password[strcspn(password, "\r\n")] = '\0';
    if (strncmp(settings.redis, "redis://", 8) != 0 || strchr(settings.redis, '@') != NULL) {
        return fr_error_set(reterr, FR_INVALID_ARGUMENT,
                            "with --redis-password-file, --redis must be redis://host:port without a user");
    }
    size_t used = (size_t)snprintf(ret_url, size, "redis://:");
    for (const char *at = password; *at != '\0' && used + 4 < size; at++) {
        used += (size_t)snprintf(ret_url + used, size - used, "%%%02X", (unsigned char)*at);
    }
    snprintf(ret_url + used, size - used, "@%s", settings.redis + 8);
    return FR_OK;
}

static void on_invalidation(void *argument, struct fr_bytes key, uint64_t version, uint64_t number)
{
    (void)argument;
    fr_log_request("cache invalidated", fr_log_bytes("key", key), fr_log_number("version", version),
                   fr_log_number("number", number));
}

static enum fr_code open_cache(struct fr_service *service, const struct fr_service_definition *definition,
                               struct fr_error *reterr)
{
    char url[MAX_URL_BYTES];
    enum fr_code code = redis_url(url, sizeof url, reterr);
    if (code == FR_OK) {
        const struct fr_cache_options options = {
            .url = url,
            .name_space = settings.name_space,
            .near_bytes = definition->subscribes ? settings.near_cache_bytes : 0,
            .subscribe = definition->subscribes,
            .metrics = service->metrics,
            .turn_end = fr_cork_next_turn,
            .on_invalidation = on_invalidation,
        };
        code = fr_cache_new(&options, &service->cache, reterr);
    }
    explicit_bzero(url, sizeof url);
    return code;
}

/* Errors of a connection do not name the file, which at the start is what a person needs to know. */
static enum fr_code migrate(struct fr_store_connection *connection,
                            const struct fr_service_definition *definition, struct fr_error *reterr)
{
    struct fr_error cause;
    enum fr_code code = definition->migrate(connection, &cause);
    if (code == FR_OK) {
        return FR_OK;
    }
    const char *path = fr_store_location(connection);
    size_t size = strlen(path);
    bool cut = size > SHOWN_PATH_BYTES;
    return fr_error_set(reterr, code, "'%s%s': %.120s%s", cut ? "..." : "",
                        cut ? path + size - SHOWN_PATH_BYTES : path, cause.message,
                        code == FR_FAILED_PRECONDITION ? "; pass another --db" : "");
}

static enum fr_code open_database(struct fr_service *service, const struct fr_service_definition *definition,
                                  struct fr_error *reterr)
{
    char url[MAX_URL_BYTES] = "sqlite:";
    size_t scheme = strlen(url);
    if (settings.db != NULL && settings.db[0] != '\0') {
        snprintf(url, sizeof url, "%s", settings.db);
    } else if (fr_default_database(url + scheme, sizeof url - scheme, reterr) != FR_OK) {
        return FR_FAILED_PRECONDITION;
    }
    enum fr_code code = fr_store_open(url, &service->store, reterr);
    service->connections = calloc(settings.workers, sizeof service->connections[0]);
    if (service->connections == NULL) {
        return fr_error_no_memory(reterr);
    }
    for (uint64_t i = 0; i < settings.workers && code == FR_OK; i++) {
        code = fr_store_connect(service->store, &service->connections[i], reterr);
    }
    if (code == FR_OK) {
        code = migrate(service->connections[0], definition, reterr);
    }
    if (code == FR_OK) {
        code = fr_worker_pool_new((unsigned)settings.workers, settings.queue_limit, &service->pool, reterr);
    }
    if (code == FR_OK) {
        code = fr_worker_pool_metrics_add(service->metrics, service->pool, reterr);
    }
    return code;
}

static enum fr_code write_address(const struct fr_service *service, struct fr_error *reterr)
{
    char temporary[4096];
    if (settings.address_file == NULL) {
        return FR_OK;
    }
    /* Renamed into place, so that a reader sees all of it or nothing. */
    snprintf(temporary, sizeof temporary, "%s.new", settings.address_file);
    FILE *file = fopen(temporary, "we");
    bool written = file != NULL && fprintf(file, "%s\n", fr_server_address(service->server)) > 0;
    if (file == NULL || fclose(file) != 0 || !written || rename(temporary, settings.address_file) != 0) {
        return fr_error_set(reterr, FR_FAILED_PRECONDITION, "cannot write --address-file '%s'",
                            settings.address_file);
    }
    return FR_OK;
}

/* What can be wrong with the command line comes first, so that a refusal is the only line that is printed. */
static enum fr_code start(struct fr_service *service, const struct fr_service_definition *definition,
                          struct fr_error *reterr)
{
    if (strncmp(settings.listen, "tcp://", 6) == 0 && !is_loopback(settings.listen) && !settings.insecure) {
        return fr_error_set(reterr, FR_INVALID_ARGUMENT,
                            "--listen %s would let other machines in without TLS; listen on 127.0.0.1 or add "
                            "--insecure",
                            settings.listen);
    }
    if (settings.near_cache_bytes > 0 && settings.near_cache_bytes < FR_NEAR_CACHE_MIN_BYTES) {
        return fr_error_set(reterr, FR_INVALID_ARGUMENT, "--near-cache-bytes takes 0 or at least %zuK, not %llu",
                            FR_NEAR_CACHE_MIN_BYTES / 1024, (unsigned long long)settings.near_cache_bytes);
    }
    enum fr_code code = definition->check == NULL ? FR_OK : definition->check(reterr);
    if (code == FR_OK) {
        code = fr_metrics_new(&service->metrics, reterr);
    }
    if (code == FR_OK) {
        code = fr_server_new(&service->server, reterr);
    }
    if (code == FR_OK) {
        fr_server_set_limits(service->server, &(struct fr_server_limits){
                                                  .connections = (unsigned)settings.max_connections,
                                                  .open_calls = (unsigned)settings.max_open_calls,
                                              });
        code = fr_server_listen(service->server, settings.listen, reterr);
    }
    if (code == FR_OK && definition->variable_db != NULL) {
        code = open_database(service, definition, reterr);
    }
    if (code == FR_OK) {
        code = open_cache(service, definition, reterr);
    }
    if (code == FR_OK && service->store != NULL) {
        code = fr_relay_new(service->store, fr_cache_loop(service->cache), fr_cache_shared(service->cache),
                            &service->relay, reterr);
        if (code == FR_OK) {
            code = fr_relay_metrics_add(service->metrics, service->relay, reterr);
        }
    }
    if (code == FR_OK) {
        const struct fr_cached_options options = {service->cache, service->pool, service->connections};
        code = fr_cached_new(&options, &service->cached, reterr);
    }
    if (code == FR_OK) {
        code = definition->start(service, reterr);
    }
    if (code == FR_OK) {
        code = fr_reflection_register(service->server, reterr);
    }
    if (code == FR_OK) {
        code = fr_stats_register(service->server, service->metrics, reterr);
    }
    if (code == FR_OK) {
        code = fr_server_serve(service->server, reterr);
    }
    if (code == FR_OK) {
        code = write_address(service, reterr);
    }
    return code;
}

static void remove_metrics(struct fr_service *service, const void *part)
{
    if (part != NULL) {
        fr_metrics_remove_source(service->metrics, part);
    }
}

static void stop(struct fr_service *service, const struct fr_service_definition *definition)
{
    remove_metrics(service, service->server);
    fr_server_free(service->server);
    if (service->cache != NULL) {
        fr_cache_stop(service->cache); /* refreshes may be under way, for which no call waits */
    }
    if (definition->stop != NULL) {
        definition->stop();
    }
    remove_metrics(service, service->pool);
    fr_worker_pool_free(service->pool);
    remove_metrics(service, service->relay);
    fr_relay_free(service->relay);
    fr_cache_free(service->cache);
    fr_cached_free(service->cached);
    for (uint64_t i = 0; service->connections != NULL && i < settings.workers; i++) {
        fr_store_connection_free(service->connections[i]);
    }
    free(service->connections);
    fr_store_free(service->store);
    fr_metrics_free(service->metrics);
}

/* Returns how many calls were left unanswered. */
static size_t serve(struct fr_service *service, const sigset_t *signals)
{
    int number = 0;
    fr_log(FR_LOG_INFO, "ready", fr_log_text("address", fr_server_address(service->server)));
    while (sigwait(signals, &number) == 0 && number == SIGUSR1) {
        fr_log_requests_set(!fr_log_requests());
    }
    fr_log(FR_LOG_INFO, "draining", fr_log_text("signal", number == SIGINT ? "SIGINT" : "SIGTERM"));
    size_t left = fr_server_drain(service->server, settings.drain_timeout_us);
    fr_log(left == 0 ? FR_LOG_INFO : FR_LOG_WARN, "stopped", fr_log_number("unanswered", left));
    return left;
}

int fr_service_main(const struct fr_service_definition *definition, int argc, char **argv)
{
    struct fr_option options[MAX_OPTIONS];
    struct fr_error error = {0};
    struct fr_service service = {0};
    int positional = 0;
    bool help = false;
    fr_standard_fds_take();
    size_t count = common_options(definition, options);
    enum fr_code code = fr_options_parse(options, count, argc, argv, &positional, &help, &error);
    if (code == FR_OK && positional > 0) {
        code = fr_error_set(&error, FR_INVALID_ARGUMENT, "unexpected argument '%s'; --help lists the options",
                            argv[1]);
    }
    if (code != FR_OK) {
        fprintf(stderr, "%s: %s\n", definition->program, error.message);
        return EXIT_USAGE;
    }
    if (help) {
        print_help(definition, options, count);
        return EXIT_SUCCESS;
    }
    if (settings.version) {
        printf("%s %s\n", definition->program, FRESHET_VERSION);
        return EXIT_SUCCESS;
    }
    fr_log_setup(definition->program, (enum fr_log_level)settings.log_level,
                 (enum fr_log_format)settings.log_format);
    fr_placement_set_compact(settings.placement == 0);
    fr_heap_keep();
    fr_log_requests_set(settings.log_requests);

    /* Blocked before any thread starts, so that only this thread takes them. */
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);

    code = start(&service, definition, &error);
    size_t left = 0;
    if (code == FR_OK) {
        left = serve(&service, &signals);
    } else {
        fprintf(stderr, "%s: %s\n", definition->program, error.message);
        left = service.server == NULL ? 0 : fr_server_drain(service.server, settings.drain_timeout_us);
    }
    if (left > 0) {
        /* Calls still run and use everything: nothing can be freed under them. */
        _exit(EXIT_FAILURE);
    }
    stop(&service, definition);
    return code == FR_OK ? EXIT_SUCCESS : code == FR_INVALID_ARGUMENT ? EXIT_USAGE : EXIT_FAILURE;
}
