/* SPDX-License-Identifier: MIT */
/*
 * client_grpc.cc - the load over gRPC C++.
 *
 * Mode "unary" (the default) makes a call for each user with the callback API, mode "queue" the same with completion
 * queues, one and its thread for each processor. Mode "stream" opens one bidirectional stream per channel and
 * pairs answers with requests by their order; a write that others wait behind carries the buffer hint, so that they
 * leave together.
 */
#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <condition_variable>
#include <cstdio>
#include <cstring>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "peers.grpc.pb.h"
#include "peers/load.h"
#include "users/v1/users.grpc.pb.h"

namespace
{

struct UnaryCall {
    std::optional<grpc::ClientContext> context;
    users::v1::GetUserRequest request;
    users::v1::User user;
};

class Stream final : public grpc::ClientBidiReactor<users::v1::GetUserRequest, users::v1::User>
{
  public:
    explicit Stream(const std::shared_ptr<grpc::Channel> &channel)
        : stub_(peers::UserStream::NewStub(channel))
    {
        stub_->async()->GetUsers(&context_, this);
        AddHold(); /* writes start from outside the reactions */
        StartRead(&user_);
        StartCall();
    }

    void Send(size_t slot)
    {
        std::lock_guard<std::mutex> lock(mu_);
        waiting_.push_back(slot);
        if (!writing_) {
            WriteNextLocked();
        }
    }

    void OnWriteDone(bool ok) override
    {
        std::lock_guard<std::mutex> lock(mu_);
        writing_ = false;
        if (ok && !waiting_.empty()) {
            WriteNextLocked();
        }
    }

    void OnReadDone(bool ok) override
    {
        if (!ok) {
            return;
        }
        size_t slot;
        {
            std::lock_guard<std::mutex> lock(mu_);
            slot = sent_.front();
            sent_.pop_front();
        }
        /* The next answer may be read only after this one was looked at: both use user_. */
        load_done(slot, user_.id().data(), user_.id().size());
        StartRead(&user_);
    }

    void OnDone(const grpc::Status &status) override
    {
        std::deque<size_t> open;
        {
            std::lock_guard<std::mutex> lock(mu_);
            open.swap(sent_);
            open.insert(open.end(), waiting_.begin(), waiting_.end());
            waiting_.clear();
            writing_ = true; /* nothing more leaves */
        }
        for (size_t slot : open) {
            load_failed(slot, status.error_message().c_str());
        }
        std::lock_guard<std::mutex> lock(mu_);
        done_ = true;
        over_.notify_all();
    }

    void Close()
    {
        StartWritesDone();
        RemoveHold();
        std::unique_lock<std::mutex> lock(mu_);
        over_.wait(lock, [this] { return done_; });
    }

  private:
    void WriteNextLocked()
    {
        size_t length;
        const char *id = load_id(waiting_.front(), &length);
        request_.set_id(id, length);
        sent_.push_back(waiting_.front());
        waiting_.pop_front();
        writing_ = true;
        grpc::WriteOptions options;
        if (!waiting_.empty()) {
            options.set_buffer_hint();
        }
        StartWrite(&request_, options);
    }

    std::unique_ptr<peers::UserStream::Stub> stub_;
    grpc::ClientContext context_;
    users::v1::GetUserRequest request_;
    users::v1::User user_;
    std::mutex mu_;
    std::condition_variable over_;
    std::deque<size_t> waiting_, sent_;
    bool writing_ = false, done_ = false;
};

struct QueueCall {
    std::optional<grpc::ClientContext> context;
    std::unique_ptr<grpc::ClientAsyncResponseReader<users::v1::User>> reader;
    users::v1::GetUserRequest request;
    users::v1::User user;
    grpc::Status status;
};

std::vector<QueueCall> queue_calls;

class Queue
{
  public:
    Queue() : thread_([this] { Run(); })
    {
    }

    ~Queue()
    {
        queue_.Shutdown();
        thread_.join();
    }

    void Start(size_t slot, users::v1::Users::Stub &stub)
    {
        QueueCall &call = queue_calls[slot];
        size_t length;
        const char *id = load_id(slot, &length);
        call.reader.reset(); /* it lies in the context's memory */
        call.context.emplace();
        call.request.set_id(id, length);
        call.reader = stub.AsyncGetUser(&*call.context, call.request, &queue_);
        call.reader->Finish(&call.user, &call.status, reinterpret_cast<void *>(slot));
    }

  private:
    void Run()
    {
        void *tag;
        bool ok;
        while (queue_.Next(&tag, &ok)) {
            auto slot = reinterpret_cast<size_t>(tag);
            const QueueCall &call = queue_calls[slot];
            if (call.status.ok()) {
                load_done(slot, call.user.id().data(), call.user.id().size());
            } else {
                load_failed(slot, call.status.error_message().c_str());
            }
        }
    }

    grpc::CompletionQueue queue_;
    std::thread thread_;
};

std::vector<std::unique_ptr<Queue>> queues;
std::vector<std::unique_ptr<users::v1::Users::Stub>> stubs;
std::vector<std::unique_ptr<Stream>> streams;
std::vector<UnaryCall> calls;

bool Open(const char *address, const char *mode, size_t channels, size_t slots)
{
    bool streaming = std::strcmp(mode, "stream") == 0;
    for (size_t i = 0; i < channels; i++) {
        grpc::ChannelArguments arguments;
        /* Channels to the same address share a connection otherwise. */
        arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
        auto channel = grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
        if (!channel->WaitForConnected(gpr_time_from_seconds(3, GPR_TIMESPAN))) {
            std::fprintf(stderr, "peer-client-grpc: cannot connect to %s\n", address);
            return false;
        }
        if (streaming) {
            streams.push_back(std::make_unique<Stream>(channel));
        } else {
            stubs.push_back(users::v1::Users::NewStub(channel));
        }
    }
    if (std::strcmp(mode, "queue") == 0) {
        queue_calls = std::vector<QueueCall>(slots);
        for (unsigned i = 0; i < std::max(1u, std::thread::hardware_concurrency()); i++) {
            queues.push_back(std::make_unique<Queue>());
        }
    } else if (!streaming) {
        calls = std::vector<UnaryCall>(slots);
    }
    return true;
}

void Start(size_t slot)
{
    if (!streams.empty()) {
        streams[load_channel(slot)]->Send(slot);
        return;
    }
    if (!queues.empty()) {
        queues[slot % queues.size()]->Start(slot, *stubs[load_channel(slot)]);
        return;
    }
    UnaryCall &call = calls[slot];
    size_t length;
    const char *id = load_id(slot, &length);
    call.context.emplace();
    call.request.set_id(id, length);
    stubs[load_channel(slot)]->async()->GetUser(
        &*call.context, &call.request, &call.user, [slot, &call](const grpc::Status &status) {
            if (status.ok()) {
                load_done(slot, call.user.id().data(), call.user.id().size());
            } else {
                load_failed(slot, status.error_message().c_str());
            }
        });
}

void Close()
{
    for (auto &stream : streams) {
        stream->Close();
    }
    streams.clear();
    queues.clear();
    queue_calls.clear();
    calls.clear();
    stubs.clear();
}

} // namespace

int main(int argc, char **argv)
{
    static load_client client = {};
    client.program = "peer-client-grpc";
    client.summary =
        "Asks a gRPC server for users; ADDRESS is 127.0.0.1:port, the modes are unary, queue and stream.";
    client.open = Open;
    client.start = Start;
    client.close = Close;
    return load_main(&client, argc, argv);
}
