// SPDX-License-Identifier: MIT
// example.cc - reads a user, changes her preference and reads her again: example ADDRESS
#include <iostream>

#include "users/v1/users.freshet.hpp"

int main(int argc, char **argv)
{
    freshet::Channel channel(argc > 1 ? argv[1] : "tcp://127.0.0.1:7001");
    users::v1::UsersClient users(channel);
    const freshet::CallOptions options{std::chrono::seconds(10)};
    const auto print = [](const users::v1::User &user) {
        std::cout << user.name() << ": " << user.preference() << '\n';
    };

    users::v1::GetUserRequest get;
    get.set_id("user-123");
    users::v1::UpdatePreferenceRequest update;
    update.set_id("user-123");
    update.set_preference("light_mode");

    print(users.GetUser(get, options));
    print(users.UpdatePreference(update, options));
    print(users.GetUser(get, options));
}
