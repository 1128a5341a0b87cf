// SPDX-License-Identifier: MIT
//
// driver.cc - carries out vectors.json with the generated C++ client; scenario.proto says what a step is.
//
// usage: driver VECTORS SERVER=ADDRESS...
#include <google/protobuf/util/json_util.h>
#include <google/protobuf/util/message_differencer.h>

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <sstream>

#include "conformance/scenario.pb.h"
#include "probe/probe.freshet.hpp"

using namespace conformance::v1;
using probe::v1::Values;
using Clock = std::chrono::steady_clock;
using Call = std::function<freshet::Pending(const Values &, const freshet::CallOptions &, freshet::Done<Values>)>;

static std::map<std::string, Target> targets;
static std::map<std::string, std::string> servers;
static std::map<std::string, std::unique_ptr<freshet::Channel>> channels;

[[noreturn]] static void give_up(const std::string &why)
{
    std::cerr << "driver.cc: " << why << std::endl;
    std::exit(1);
}

static void say(const Outcome &outcome)
{
    std::string line;
    if (auto status = google::protobuf::util::MessageToJsonString(outcome, &line); !status.ok()) {
        give_up(status.ToString());
    }
    std::cout << line << std::endl;
}

static void ask(const std::string &what)
{
    std::string line;
    Outcome outcome;
    outcome.set_ask(what);
    say(outcome);
    if (!std::getline(std::cin, line) || line != "done") {
        give_up("nobody did " + what);
    }
}

static const freshet::Channel &channel_of(const std::string &name)
{
    auto &channel = channels[name];
    if (!channel) {
        const Target &target = targets.at(name);
        freshet::ChannelOptions options;
        options.connect_timeout = std::chrono::milliseconds(target.connect_timeout_ms());
        options.keepalive = std::chrono::milliseconds(target.keepalive_ms());
        channel = std::make_unique<freshet::Channel>(servers.at(target.server()), options);
    }
    return *channel;
}

template <class Client, class Method> static Call bind(const freshet::Channel &channel, Method method)
{
    return [client = Client(channel), method](const Values &request, const freshet::CallOptions &options,
                                              freshet::Done<Values> done) {
        return (client.*method)(request, options, std::move(done));
    };
}

// "Conformance/Echo" of the generated clients.
static Call method_of(const std::string &target, const std::string &name)
{
    using Method = Call (*)(const freshet::Channel &);
#define METHOD(service, method)                                                                          \
    {#service "/" #method, [](const freshet::Channel &channel) {                                         \
         return bind<probe::v1::service##Client>(channel, &probe::v1::service##Client::method##Async);   \
     }}
    static const std::map<std::string, Method> methods = {
        METHOD(Conformance, Echo),      METHOD(Conformance, Fail),
        METHOD(Conformance, Sleep),     METHOD(Conformance, Large),
        METHOD(Conformance, Shuffle),   METHOD(Conformance, Arrived),
        METHOD(Conformance, Over),      METHOD(Probe, Echo),
        METHOD(Probe, Forget),          METHOD(Probe, Late),
        METHOD(Probe, Overtaken),       METHOD(Probe, Ignore),
        METHOD(Probe, Strangers),       METHOD(Probe, WrongMessage),
        METHOD(Probe, Garbage),         METHOD(Probe, Truncated),
        METHOD(Probe, TooLarge),        METHOD(Probe, GarbagePayload),
        METHOD(Probe, GarbageMetadata), METHOD(Probe, Refuse),
        METHOD(Probe, TooLong),         METHOD(Probe, TooShort),
        METHOD(Probe, Break),           METHOD(Probe, Silence),
        METHOD(Probe, Drain),           METHOD(Probe, DrainForEver),
    };
#undef METHOD
    auto found = methods.find(name);
    if (found == methods.end()) {
        give_up("no method " + name);
    }
    return found->second(channel_of(target));
}

static Values request_of(const Step &step)
{
    Values request = step.request();
    if (step.has_fill()) {
        std::string &text = *request.mutable_text();
        text.clear();
        for (std::uint32_t i = 0; i < step.fill().times(); i++) {
            text += step.fill().pattern();
        }
    }
    return request;
}

static freshet::CallOptions options_of(const Step &step)
{
    freshet::CallOptions options;
    options.timeout = std::chrono::milliseconds(step.timeout_ms());
    for (const Entry &entry : step.metadata()) {
        options.metadata.insert(options.metadata.end(), std::max(entry.times(), 1u),
                                {entry.key(), entry.text() + entry.data()});
    }
    return options;
}

static Outcome outcome_of(const freshet::Result<Values> &result)
{
    Outcome outcome;
    outcome.set_code(static_cast<Code>(result.status.code));
    outcome.set_message(result.status.message);
    outcome.set_retry_after_us(static_cast<std::uint64_t>(result.status.retry_after.count()));
    outcome.set_answer(result.response.SerializeAsString());
    for (const auto &[key, value] : result.status.metadata) {
        Entry &entry = *outcome.add_metadata();
        const bool bytes = key.size() > 4 && key.compare(key.size() - 4, 4, "-bin") == 0;
        entry.set_key(key);
        *(bytes ? entry.mutable_data() : entry.mutable_text()) = value;
    }
    for (const auto &from : result.status.details) {
        auto &detail = *outcome.add_details();
        detail.set_type_url(from.type_url());
        detail.set_value(from.value());
    }
    return outcome;
}

static Outcome call_once(const Step &step, const Values &request)
{
    std::promise<Outcome> ended;
    const auto pending = method_of(step.target(), step.method())(
        request, options_of(step), [&](const freshet::Result<Values> &result) { ended.set_value(outcome_of(result)); });
    if (!step.meanwhile().empty()) {
        probe::v1::ConformanceClient(channel_of(step.target())).Arrived(request);
        if (step.meanwhile() == "cancel") {
            pending.cancel();
        } else {
            ask(step.meanwhile());
        }
    }
    return ended.get_future().get();
}

static Outcome call_many(const Step &step, const Values &request)
{
    std::vector<Values> requests(step.times(), request);
    std::vector<std::promise<freshet::Result<Values>>> ended(step.times());
    const Call call = method_of(step.target(), step.method());
    Outcome outcome;
    for (std::uint32_t i = 0; i < step.times(); i++) {
        requests[i].set_number(i);
        call(requests[i], options_of(step),
             [&promise = ended[i]](freshet::Result<Values> result) { promise.set_value(std::move(result)); });
    }
    for (std::uint32_t i = 0; i < step.times(); i++) {
        const auto result = ended[i].get_future().get();
        if (!result.status.ok()) {
            outcome.set_code(static_cast<Code>(result.status.code));
        } else if (google::protobuf::util::MessageDifferencer::Equals(result.response, requests[i])) {
            outcome.set_right(outcome.right() + 1);
        }
    }
    return outcome;
}

static void run(const Step &step)
{
    const Values request = request_of(step);
    const auto began = Clock::now();
    Outcome outcome;
    do {
        outcome = step.times() > 0 ? call_many(step, request) : call_once(step, request);
        const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - began);
        outcome.set_took_ms(static_cast<std::uint32_t>(took.count()));
    } while (outcome.code() != OK && outcome.took_ms() < step.again_for_ms());
    outcome.set_name(step.name());
    say(outcome);
}

int main(int argc, char **argv)
{
    Scenario scenario;
    std::stringstream text;
    text << std::ifstream(argv[1]).rdbuf();
    if (auto status = google::protobuf::util::JsonStringToMessage(text.str(), &scenario); !status.ok()) {
        give_up(status.ToString());
    }
    for (int i = 2; i < argc; i++) {
        const std::string argument = argv[i];
        const auto equals = argument.find('=');
        servers[argument.substr(0, equals)] = argument.substr(equals + 1);
    }
    for (const Target &target : scenario.targets()) {
        targets[target.name()] = target;
    }
    for (const Step &step : scenario.steps()) {
        if (step.ask().empty()) {
            run(step);
        } else {
            ask(step.ask());
        }
    }
    channels.clear();
    google::protobuf::ShutdownProtobufLibrary();
}
