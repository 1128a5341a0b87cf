// SPDX-License-Identifier: MIT
//
// client.cc - the C++ client against freshet-api and tests/support/fake_server.py; tests/languages/test_cpp.py
// generates the stubs and runs this.
#include <atomic>
#include <cstdlib>
#include <iostream>
#include <set>
#include <thread>

#include "probe/probe.freshet.hpp"
#include "users/v1/users.freshet.hpp"

using namespace std::chrono_literals;
using freshet::Code;
using std::chrono::steady_clock;

#define CHECK(condition) check((condition), #condition, __LINE__)

static void check(bool condition, const char *text, int line)
{
    if (!condition) {
        std::cout << "client.cc:" << line << ": " << text << std::endl;
        std::_Exit(1);
    }
}

// Has test_cpp.py do something with the services.
static void ask(const char *what)
{
    std::string line;
    std::cout << "@" << what << std::endl;
    CHECK(std::getline(std::cin, line) && line == "done");
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

static probe::v1::Text text(const std::string &words, std::int64_t number = 0)
{
    probe::v1::Text message;
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

static void errors(const probe::v1::ProbeClient &client)
{
    for (std::uint32_t code = 1; code <= 20; code++) {
        probe::v1::Failure wish, detail;
        freshet::Metadata metadata;
        wish.set_code(code);
        wish.set_message("wörds");
        wish.set_retry_after_us(1500);
        freshet::CallOptions options{30s, {{"x-mine", "one"}, {"mine-bin", std::string("\0\xff", 2)}}, &metadata};
        auto status = status_of([&] { client.Fail(wish, options); });
        CHECK(status.code == (code <= 16 ? static_cast<Code>(code) : Code::unknown));
        CHECK(status.message == "wörds" && status.retry_after == 1500us && !status.not_sent);
        CHECK(status.details.size() == 1 && status.details[0].UnpackTo(&detail) && detail.message() == "wörds");
        CHECK(metadata.size() == 4 && metadata[1].second.size() == 256 && metadata[3].second == options.metadata[1].second);
    }
    CHECK(status_of([&] { client.Echo({}, {30s, {{"Upper", "x"}}}); }).code == Code::invalid_argument);
    CHECK(status_of([&] { client.Echo(text(std::string(4 << 20, 'x')), patient); }).code == Code::resource_exhausted);
    auto large = client.Echo(text(std::string(3 << 20, 'x'), INT64_MIN), patient);
    CHECK(large.text().size() == 3 << 20 && large.number() == INT64_MIN);
    CHECK(status_of([] { freshet::Channel("nonsense"); }).code == Code::invalid_argument);
}

static void a_thousand_calls(const users::v1::UsersClient &client)
{
    const char *const ids[] = {"user-123", "user-456", "user-789", "nobody"};
    std::vector<std::future<users::v1::User>> futures;
    for (int i = 0; i < 1000; i++) {
        futures.push_back(client.GetUserFuture(user(ids[i % 4]), patient));
    }
    for (int i = 0; i < 1000; i++) {
        auto status = status_of([&] { CHECK(futures[i].get().id() == ids[i % 4]); });
        CHECK(status.code == (i % 4 == 3 ? Code::not_found : Code::ok));
    }
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

static void out_of_order(const probe::v1::ProbeClient &client)
{
    auto slow = client.LateFuture(text("slow", 300), patient);
    std::vector<std::future<probe::v1::Text>> futures;
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

static void connecting(const std::string &silent)
{
    auto began = steady_clock::now();
    freshet::Channel mute(silent);
    auto status = status_of([&] { probe::v1::ProbeClient(mute).Echo({}, {100ms}); });
    CHECK(status.code == Code::deadline_exceeded && status.not_sent);
    CHECK(steady_clock::now() - began < 10s);
    freshet::Channel refused("tcp://127.0.0.1:1", {30s});
    CHECK(status_of([&] { probe::v1::ProbeClient(refused).Echo({}); }).code == Code::unavailable);
    CHECK(steady_clock::now() - began < 20s);
}

static void cancellation(const probe::v1::ProbeClient &client)
{
    std::promise<freshet::Status> ended;
    auto pending = client.LateAsync(text("", -1), {}, [&](freshet::Result<probe::v1::Text> result) {
        ended.set_value(result.status);
    });
    client.Late(text("", 20), patient);
    pending.cancel();
    pending.cancel();
    CHECK(ended.get_future().get().code == Code::cancelled);
    auto until = steady_clock::now() + 30s;
    while (client.Cancelled({}, patient).number() != 1) {
        CHECK(steady_clock::now() < until);
    }
}

static void malformed_replies(const probe::v1::ProbeClient &client)
{
    using Method = probe::v1::Text (probe::v1::ProbeClient::*)(const probe::v1::Text &,
                                                               const freshet::CallOptions &) const;
    using Client = probe::v1::ProbeClient;
    const std::pair<Method, Code> tests[] = {
        {&Client::Forget, Code::unavailable},       {&Client::Ignore, Code::internal},
        {&Client::Strangers, Code::ok},             {&Client::WrongMessage, Code::ok},
        {&Client::Garbage, Code::internal},         {&Client::GarbagePayload, Code::internal},
        {&Client::Refuse, Code::resource_exhausted}, {&Client::TooLong, Code::unavailable},
        {&Client::TooShort, Code::unavailable},     {&Client::Break, Code::unavailable},
    };
    for (const auto &[method, code] : tests) {
        auto status = status_of([&, method = method] { (client.*method)(text("x"), patient); });
        if (status.code != code) {
            std::cout << "test " << &code - &tests[0].second << ": " << freshet::name(status.code) << std::endl;
        }
        CHECK(status.code == code);
        CHECK(client.Echo(text("lives"), patient).text() == "lives");
    }
}

static void a_call_that_still_runs_ends_with_its_channel(const std::string &fake)
{
    std::atomic<int> cancelled{0};
    {
        freshet::Channel channel(fake);
        probe::v1::ProbeClient client(channel);
        for (int i = 0; i < 10; i++) {
            client.LateAsync(text("", -1), {}, [&](freshet::Result<probe::v1::Text> result) {
                cancelled += result.status.code == Code::cancelled;
            });
        }
        client.Echo({}, patient);
    }
    CHECK(cancelled == 10);
}

static void restart(const users::v1::UsersClient &client)
{
    ask("kill");
    auto request = user("user-123");
    CHECK(status_of([&] { client.GetUser(request, {5s}); }).code == Code::unavailable);
    ask("start");
    auto until = steady_clock::now() + 60s;
    while (!status_of([&] { client.GetUser(request, {5s}); }).ok()) {
        CHECK(steady_clock::now() < until);
    }
}

// On a connection of its own.
static void with_probe(const std::string &fake, void (*test)(const probe::v1::ProbeClient &))
{
    freshet::Channel channel(fake);
    test(probe::v1::ProbeClient(channel));
}

static void draining(const probe::v1::ProbeClient &client)
{
    CHECK(client.Drain(text("again"), patient).text() == "again");
}

int main()
{
    const std::string api = std::getenv("FRESHET_API"), fake = std::getenv("FRESHET_FAKE");
    {
        freshet::Channel channel(api);
        users::v1::UsersClient users(channel);
        reads_and_writes(users);
        a_thousand_calls(users);
        restart(users);
    }
    for (auto test : {errors, out_of_order, deadlines, cancellation, malformed_replies, draining}) {
        with_probe(fake, test);
    }
    connecting(std::getenv("FRESHET_SILENT"));
    a_call_that_still_runs_ends_with_its_channel(fake);
    std::cout << "passed" << std::endl;
    google::protobuf::ShutdownProtobufLibrary();
}
