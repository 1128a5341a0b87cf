// SPDX-License-Identifier: MIT
//
// client.cc - the C++ client against freshet-api and tests/support/fake_server.py; tests/languages/test_cpp.py
// generates the stubs and runs this.
#include <atomic>
#include <cstdlib>
#include <iostream>
#include <thread>
#include <type_traits>

#include <google/protobuf/descriptor.pb.h>

#include "probe/probe.freshet.hpp"
#include "users/v1/users.freshet.hpp"

// A channel that ends with the expression would leave its client with nothing.
static_assert(!std::is_constructible<users::v1::UsersClient, freshet::Channel>::value, "takes a temporary channel");

using namespace std::chrono_literals;
using freshet::Code;

#define CHECK(condition) check((condition), #condition, __LINE__)

static void check(bool condition, const char *text, int line)
{
    if (!condition) {
        std::cout << "client.cc:" << line << ": " << text << std::endl;
        std::_Exit(1);
    }
}

template <class Call> static freshet::Status status_of(Call call)
{
    try {
        call();
    } catch (const freshet::Error &error) {
        return error.status();
    }
    return {};
}

static const freshet::CallOptions patient{30s};

static probe::v1::Values text(const std::string &words, std::int64_t number = 0)
{
    probe::v1::Values message;
    message.set_text(words);
    message.set_number(number);
    return message;
}

static users::v1::GetUserRequest user(const char *id)
{
    users::v1::GetUserRequest request;
    request.set_id(id);
    return request;
}

static void reads_and_writes(const users::v1::UsersClient &client)
{
    auto alice = client.GetUser(user("user-123"), patient);
    CHECK(alice.name() == "Alice");
    users::v1::UpdatePreferenceRequest request;
    request.set_id("user-123");
    request.set_preference("größer ☃");
    CHECK(client.UpdatePreferenceFuture(request, patient).get().version() > alice.version());
    freshet::Metadata metadata;
    auto options = patient;
    options.answer = &metadata;
    CHECK(client.GetUser(user("user-123"), options).preference() == "größer ☃");
    CHECK(!metadata.empty());
    CHECK(status_of([&] { client.GetUser(user("nobody"), patient); }).code == Code::not_found);
    CHECK(status_of([&] { client.GetUser({}, patient); }).code == Code::invalid_argument);
}

static void many_threads(const users::v1::UsersClient &client)
{
    const char *const ids[] = {"user-123", "user-456", "user-789"};
    std::vector<std::thread> threads;
    for (int i = 0; i < 16; i++) {
        threads.emplace_back([&client, id = ids[i % 3]] {
            for (int j = 0; j < 50; j++) {
                CHECK(client.GetUser(user(id), patient).id() == id);
            }
        });
    }
    for (auto &thread : threads) {
        thread.join();
    }
}

static void errors(const probe::v1::ProbeClient &client)
{
    CHECK(status_of([&] { client.Refuse({}, patient); }).not_sent);
    CHECK(!status_of([&] { client.Forget({}, patient); }).not_sent);
    CHECK(status_of([&] { client.Echo({}, {30s, {{"Upper", "x"}}}); }).not_sent);
    CHECK(status_of([] { freshet::Channel("nonsense"); }).code == Code::invalid_argument);
}

static void a_request_without_a_required_field(const freshet::Channel &channel)
{
    google::protobuf::UninterpretedOption::NamePart part;
    const freshet::Status status =
        status_of([&] { channel.call<probe::v1::Values>("probe.v1.Probe/Echo", part, patient, false); });
    CHECK(status.code == Code::internal);
    CHECK(status.message == "the request lacks a required field");
}

static void out_of_order(const probe::v1::ProbeClient &client)
{
    auto slow = client.LateFuture(text("slow", 300), patient);
    std::vector<std::future<probe::v1::Values>> futures;
    for (int i = 0; i < 100; i++) {
        futures.push_back(i % 3 == 0 ? client.LateFuture(text(std::to_string(i), 100 - i), patient)
                                     : client.EchoFuture(text(std::to_string(i)), patient));
    }
    for (int i = 0; i < 100; i++) {
        CHECK(futures[i].get().text() == std::to_string(i));
    }
    CHECK(slow.wait_for(0s) == std::future_status::timeout);
    CHECK(slow.get().text() == "slow");
}

static void deadlines(const probe::v1::ProbeClient &client)
{
    CHECK(status_of([&] { client.Late(text("", -1), {100ms}); }).code == Code::deadline_exceeded);
    CHECK(status_of([&] { client.Echo({}, {-1s}); }).code == Code::deadline_exceeded);
}

static void a_call_that_still_runs_ends_with_its_channel(const std::string &fake)
{
    std::atomic<int> cancelled{0};
    {
        freshet::Channel channel(fake);
        probe::v1::ProbeClient client(channel);
        for (int i = 0; i < 10; i++) {
            client.LateAsync(text("", -1), {}, [&](freshet::Result<probe::v1::Values> result) {
                cancelled += result.status.code == Code::cancelled;
            });
        }
        client.Echo({}, patient);
    }
    CHECK(cancelled == 10);
}

int main()
{
    const std::string api = std::getenv("FRESHET_API"), fake = std::getenv("FRESHET_FAKE");
    {
        freshet::Channel channel(api);
        users::v1::UsersClient users(channel);
        reads_and_writes(users);
        many_threads(users);
    }
    {
        freshet::Channel channel(fake);
        probe::v1::ProbeClient probe(channel);
        errors(probe);
        a_request_without_a_required_field(channel);
        out_of_order(probe);
        deadlines(probe);
    }
    a_call_that_still_runs_ends_with_its_channel(fake);
    std::cout << "passed" << std::endl;
    google::protobuf::ShutdownProtobufLibrary();
}
