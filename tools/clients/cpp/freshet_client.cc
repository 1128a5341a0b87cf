/* SPDX-License-Identifier: MIT */
/*
 * freshet_client.cc - the load over Freshet's C++ client, each call with a function that runs at its end; the loop and
 * what it prints are those of tools/peers/load.h.
 */
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "peers/load.h"
#include "users/v1/users.freshet.hpp"

namespace
{

struct Client {
    explicit Client(const char *address) : channel(address), users(channel)
    {
    }

    freshet::Channel channel;
    users::v1::UsersClient users;
};

std::vector<std::unique_ptr<Client>> clients;

bool open(const char *address, const char *, size_t count, size_t)
try {
    users::v1::GetUserRequest request;
    request.set_id("user-1000");
    for (size_t i = 0; i < count; i++) {
        clients.push_back(std::make_unique<Client>(address));
        clients.back()->users.GetUser(request, {std::chrono::seconds(3)});
    }
    return true;
} catch (const freshet::Error &error) {
    std::fprintf(stderr, "client-freshet-cpp: %s\n", error.what());
    return false;
}

void start(size_t slot)
{
    users::v1::GetUserRequest request;
    size_t length;
    const char *id = load_id(slot, &length);
    request.set_id(id, length);
    clients[load_channel(slot)]->users.GetUserAsync(
        request, {}, [slot](freshet::Result<users::v1::User> result) {
            if (result.status.ok()) {
                load_done(slot, result.response.id().data(), result.response.id().size());
            } else {
                load_failed(slot, result.status.message.c_str());
            }
        });
}

void close()
{
    clients.clear();
}

} // namespace

int main(int argc, char **argv)
{
    static load_client client = {};
    client.program = "client-freshet-cpp";
    client.summary = "Asks a Freshet server for users; ADDRESS is tcp://host:port.";
    client.open = open;
    client.start = start;
    client.close = close;
    return load_main(&client, argc, argv);
}
