/* SPDX-License-Identifier: MIT */
/*
 * redis_server.c - start, kill, restart and pause a private redis-server.
 */
#include "support/redis_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"

#define START_TIMEOUT_US (20 * FR_SECOND_US)
#define START_ATTEMPTS   20 /* another program may take the port between our look and Redis's bind */

static uint16_t free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    FR_ASSERT(fd >= 0 && bind(fd, (struct sockaddr *)&address, size) == 0);
    FR_ASSERT(getsockname(fd, (struct sockaddr *)&address, &size) == 0);
    close(fd);
    return ntohs(address.sin_port);
}

_Noreturn static void become_redis(const struct fr_redis_server *self, int output, pid_t parent)
{
    char port[8];
    snprintf(port, sizeof port, "%u", self->port);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) {
        _exit(1);
    }
    dup2(output, STDOUT_FILENO);
    execlp("redis-server", "redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "",
           "--appendonly", "no", "--dir", self->folder, "--enable-debug-command", "yes", "--requirepass",
           self->password, (char *)NULL);
    _exit(127);
}

/* Reads what Redis prints until it says that it is ready; false: it ended before. */
static bool wait_until_ready(int output)
{
    char text[8192] = "";
    size_t size = 0;
    uint64_t deadline_us = fr_clock_now_us() + START_TIMEOUT_US;
    while (strstr(text, "Ready to accept connections") == NULL) {
        uint64_t now_us = fr_clock_now_us();
        struct pollfd ready = {.fd = output, .events = POLLIN};
        FR_ASSERT(now_us < deadline_us);
        if (poll(&ready, 1, (int)((deadline_us - now_us) / FR_MILLISECOND_US) + 1) <= 0) {
            continue;
        }
        FR_ASSERT(size + 1 < sizeof text);
        ssize_t got = read(output, text + size, sizeof text - 1 - size);
        if (got <= 0) {
            return false;
        }
        size += (size_t)got;
        text[size] = '\0';
    }
    return true;
}

static bool try_start(struct fr_redis_server *self)
{
    int output[2];
    pid_t parent = getpid();
    FR_ASSERT(pipe2(output, O_CLOEXEC) == 0);
    self->pid = fork();
    FR_ASSERT(self->pid >= 0);
    if (self->pid == 0) {
        become_redis(self, output[1], parent);
    }
    close(output[1]);
    bool ready = wait_until_ready(output[0]);
    close(output[0]); /* what Redis prints from now on goes nowhere; it ignores SIGPIPE */
    if (!ready) {
        fr_redis_server_kill(self);
    }
    return ready;
}

void fr_redis_server_start(struct fr_redis_server *self, const char *password)
{
    *self = (struct fr_redis_server){.pid = 0};
    snprintf(self->folder, sizeof self->folder, "%s", "/tmp/freshet-redis-XXXXXX");
    FR_ASSERT(mkdtemp(self->folder) != NULL);
    snprintf(self->password, sizeof self->password, "%s", password != NULL ? password : "");
    bool ready = false;
    for (unsigned i = 0; !ready && i < START_ATTEMPTS; i++) {
        self->port = free_port();
        ready = try_start(self);
    }
    FR_ASSERT(ready);
    snprintf(self->url, sizeof self->url,
             self->password[0] != '\0' ? "redis://:%s@127.0.0.1:%u" : "redis://%s127.0.0.1:%u",
             self->password, self->port);
}

void fr_redis_server_restart(struct fr_redis_server *self)
{
    FR_ASSERT(self->pid == 0);
    bool ready = false;
    for (unsigned i = 0; !ready && i < START_ATTEMPTS; i++) {
        ready = try_start(self);
    }
    FR_ASSERT(ready);
}

void fr_redis_server_kill(struct fr_redis_server *self)
{
    if (self->pid == 0) {
        return;
    }
    kill(self->pid, SIGKILL);
    while (waitpid(self->pid, NULL, 0) < 0 && errno == EINTR) {
    }
    self->pid = 0;
}

void fr_redis_server_pause(struct fr_redis_server *self)
{
    int status;
    FR_ASSERT(kill(self->pid, SIGSTOP) == 0);
    FR_ASSERT(waitpid(self->pid, &status, WUNTRACED) == self->pid && WIFSTOPPED(status));
}

void fr_redis_server_resume(struct fr_redis_server *self)
{
    FR_ASSERT(kill(self->pid, SIGCONT) == 0);
}

void fr_redis_server_stop(struct fr_redis_server *self)
{
    fr_redis_server_kill(self);
    if (self->folder[0] != '\0') {
        rmdir(self->folder);
        self->folder[0] = '\0';
    }
}
