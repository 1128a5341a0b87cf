// SPDX-License-Identifier: MIT
//
// freshet.hpp - what generated C++ clients stand on: Freshet's C library, with protobuf's C++ messages. C++17.
//
// A Channel holds one connection to one server, connects in the background and reconnects by itself; see rpc/channel.h.
// Channels, clients and Pending may be used from many threads. A call that fails throws Error, or gives a Result to its
// callback.
#ifndef FRESHET_HPP
#define FRESHET_HPP

#include <google/protobuf/any.pb.h>
#include <google/protobuf/message_lite.h>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

extern "C" {
#include "freshet/rpc/channel.h"
}

namespace freshet {

// gRPC's status codes.
enum class Code : std::uint32_t {
    ok = 0,
    cancelled = 1,
    unknown = 2,
    invalid_argument = 3,
    deadline_exceeded = 4,
    not_found = 5,
    already_exists = 6,
    permission_denied = 7,
    resource_exhausted = 8,
    failed_precondition = 9,
    aborted = 10,
    out_of_range = 11,
    unimplemented = 12,
    internal = 13,
    unavailable = 14,
    data_loss = 15,
    unauthenticated = 16,
};

// "NOT_FOUND" for Code::not_found.
inline const char *name(Code code) { return fr_code_name(static_cast<unsigned>(code)); }

// Keys are lower case; values of keys that end in "-bin" are any bytes. A key may repeat.
using Metadata = std::vector<std::pair<std::string, std::string>>;

// What a call came to.
struct Status {
    Code code = Code::ok;
    std::string message;
    Metadata metadata;                          // of the answer, also of one that is no error
    std::vector<google::protobuf::Any> details; // what went wrong, for a program
    std::chrono::microseconds retry_after{0};   // the server asks for this pause before a retry; 0: it does not say
    bool not_sent = false;                      // the server certainly never started the call

    bool ok() const { return code == Code::ok; }
};

// A call that failed.
class Error : public std::runtime_error {
public:
    explicit Error(Status status)
        : std::runtime_error(std::string(name(status.code)) + ": " + status.message),
          status_(std::make_shared<const Status>(std::move(status)))
    {
    }

    Code code() const { return status_->code; }
    const std::string &message() const { return status_->message; }
    const Metadata &metadata() const { return status_->metadata; }
    const std::vector<google::protobuf::Any> &details() const { return status_->details; }
    const Status &status() const { return *status_; }

private:
    std::shared_ptr<const Status> status_; // shared, so that copying an exception cannot throw
};

// The answer, if status.ok().
template <class Response> struct Result {
    Status status;
    Response response;

    // The answer, or Error.
    Response value() &&
    {
        if (!status.ok()) {
            throw Error(std::move(status));
        }
        return std::move(response);
    }
};

// Runs exactly once, on a library thread or inside the function that it was given to. It must not block, throw, or
// destroy the channel.
template <class Response> using Done = std::function<void(Result<Response>)>;

struct CallOptions {
    std::chrono::microseconds timeout{0}; // 0: none. One deadline for all attempts
    Metadata metadata{};                  // sent with the request
    Metadata *answer = nullptr;           // of a blocking call: gets the metadata of the answer, also of an error
};

struct ChannelOptions {
    std::chrono::microseconds connect_timeout{0}; // 0: 1 s
    std::chrono::microseconds keepalive{0};       // 0: 20 s; a server that is silent for so long is taken for dead
    std::size_t max_waiting = 0;                  // calls that wait for the connection or for room; 0: 65536
    bool retry = false;                           // idempotent methods after UNAVAILABLE, as gRPC's A6
};

// A call under way. Letting go of it does not cancel it.
class Pending {
public:
    Pending() = default;
    explicit Pending(fr_pending *call) : call_(call, fr_pending_unref) {}

    // Ends the call as cancelled unless it has ended; not after the channel's end, nor at the same time.
    void cancel() const
    {
        if (call_) {
            fr_pending_cancel(call_.get());
        }
    }

private:
    std::shared_ptr<fr_pending> call_;
};

class Channel {
public:
    // target is "tcp://host:port". Does not wait for the connection. Error: target is not such an address.
    explicit Channel(const std::string &target, const ChannelOptions &options = {})
    {
        const fr_retry_policy policy{};
        fr_channel_options given{};
        given.connect_timeout_us = count(options.connect_timeout);
        given.keepalive_us = count(options.keepalive);
        given.max_waiting = options.max_waiting;
        given.retry = options.retry ? &policy : nullptr;
        fr_channel *channel = nullptr;
        fr_error error{};
        if (fr_channel_new(target.c_str(), &given, &channel, &error) != FR_OK) {
            Status status;
            status.code = static_cast<Code>(error.code);
            status.message = error.message;
            throw Error(std::move(status));
        }
        channel_.reset(channel);
    }

    // Starts a call of method, such as "users.v1.Users/GetUser"; generated clients do that.
    template <class Response>
    Pending start(const char *method, const google::protobuf::MessageLite &request, const CallOptions &options,
                  bool idempotent, Done<Response> done) const
    {
        auto finish = [](void *argument, const fr_result *result) noexcept {
            std::unique_ptr<Done<Response>> owned(static_cast<Done<Response> *>(argument));
            Result<Response> answer;
            read(*result, answer);
            (*owned)(std::move(answer));
        };
        fr_pending *pending = nullptr;
        start_raw(method, request, options, idempotent, finish, std::make_unique<Done<Response>>(std::move(done)),
                  &pending);
        return Pending(pending);
    }

    // The same as a blocking call; not from a Done.
    template <class Response>
    Response call(const char *method, const google::protobuf::MessageLite &request, const CallOptions &options,
                  bool idempotent) const
    {
        struct {
            std::mutex mutex;
            std::condition_variable changed;
            bool ended = false;
            Result<Response> result;
        } wait;
        start<Response>(method, request, options, idempotent, [&wait](Result<Response> result) {
            std::lock_guard<std::mutex> lock(wait.mutex);
            wait.result = std::move(result);
            wait.ended = true;
            wait.changed.notify_one(); /* with the lock: afterwards wait may be gone */
        });
        std::unique_lock<std::mutex> lock(wait.mutex);
        wait.changed.wait(lock, [&wait] { return wait.ended; });
        if (options.answer != nullptr) {
            *options.answer = wait.result.status.metadata;
        }
        return std::move(wait.result).value();
    }

    // The same as a future, which throws Error.
    template <class Response>
    std::future<Response> future(const char *method, const google::protobuf::MessageLite &request,
                                 const CallOptions &options, bool idempotent) const
    {
        auto promise = std::make_shared<std::promise<Response>>();
        std::future<Response> future = promise->get_future();
        start<Response>(method, request, options, idempotent, [promise](Result<Response> result) {
            if (result.status.ok()) {
                promise->set_value(std::move(result.response));
            } else {
                promise->set_exception(std::make_exception_ptr(Error(std::move(result.status))));
            }
        });
        return future;
    }

private:
    struct Free {
        void operator()(fr_channel *channel) const { fr_channel_free(channel); }
    };
    // Ends open calls as cancelled and waits until every Done has returned.
    std::unique_ptr<fr_channel, Free> channel_;

    static std::uint64_t count(std::chrono::microseconds time)
    {
        return time.count() > 0 ? static_cast<std::uint64_t>(time.count()) : 0;
    }

    static fr_bytes bytes(const std::string &text)
    {
        return fr_bytes{reinterpret_cast<const std::uint8_t *>(text.data()), text.size()};
    }

    static std::string text(fr_bytes bytes)
    {
        return std::string(reinterpret_cast<const char *>(bytes.data), bytes.data == nullptr ? 0 : bytes.size);
    }

    template <class Argument>
    void start_raw(const char *method, const google::protobuf::MessageLite &request, const CallOptions &options,
                   bool idempotent, fr_call_done *finish, std::unique_ptr<Argument> argument,
                   fr_pending **pending) const
    {
        std::string packed;
        std::vector<fr_metadata_entry> entries;
        for (const auto &[key, value] : options.metadata) {
            entries.push_back({bytes(key), bytes(value)});
        }
        fr_call_options given{};
        // A time that is over is not "none".
        given.timeout_us = options.timeout.count() < 0 ? 1 : count(options.timeout);
        given.metadata = {entries.data(), entries.size()};
        given.idempotent = idempotent;
        /* Asked first: SerializeToString ends the program over what is missing. */
        if (!request.IsInitialized() || !request.SerializePartialToString(&packed)) {
            fr_result result{};
            result.code = FR_INTERNAL;
            result.message = "the request lacks a required field";
            result.not_sent = true;
            finish(argument.release(), &result);
            return;
        }
        fr_channel_start(channel_.get(), method, bytes(packed), &given, finish, argument.release(), pending);
    }

    template <class Response> static void read(const fr_result &result, Result<Response> &answer)
    {
        Status &status = answer.status;
        status.code = static_cast<Code>(result.code);
        status.message = result.message == nullptr ? "" : result.message;
        status.retry_after = std::chrono::microseconds(result.retry_after_us);
        status.not_sent = result.not_sent;
        for (std::size_t i = 0; i < result.metadata.count; i++) {
            const fr_metadata_entry &entry = result.metadata.entries[i];
            status.metadata.emplace_back(text(entry.key), text(entry.value));
        }
        for (std::size_t i = 0; i < result.details.count; i++) {
            const fr_detail &detail = result.details.entries[i];
            status.details.emplace_back();
            status.details.back().set_type_url(text(detail.type_url));
            status.details.back().set_value(text(detail.value));
        }
        const fr_bytes payload = result.payload;
        if (status.ok() && !answer.response.ParseFromArray(payload.data, static_cast<int>(payload.size))) {
            status.code = Code::internal;
            status.message = "the answer cannot be decoded";
        }
    }
};

} // namespace freshet

#endif
