/* SPDX-License-Identifier: MIT */
/*
 * server_grpc.cc - GetUser by gRPC C++, in the ways a gRPC team would build it: with the callback API, or with
 * completion queues where the mode says so.
 *
 * usage: peer-server-grpc map|bytes|queue|redis|stream USERS [REDIS-PORT]
 *   map     a map of User objects; each answer is copied and serialized
 *   bytes   a map of serialized users, passed on without a copy (raw method)
 *   queue   as bytes, with a completion queue and its thread for each processor
 *   redis   serialized users in Redis, by pipelined GET; passed on as they are (raw method)
 *   stream  as bytes, over peers.UserStream/GetUsers
 * Prints its address. In the first two modes the id "hold" is answered once another call asks for "release".
 */
#include <grpcpp/grpcpp.h>
#include <hiredis/hiredis.h>
#include <signal.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/heap.h"
#include "peers.grpc.pb.h"
#include "peers/people.h"
#include "peers/redis_pipeline.h"
#include "users/v1/users.grpc.pb.h"

namespace
{

using users::v1::GetUserRequest;
using users::v1::User;

const char kRedisPrefix[] = "user:";
const int kAskedPerQueue = 512; /* calls that a completion queue takes at a time */

User MakeUser(uint64_t number)
{
    person person;
    person_make(number, &person);
    User user;
    user.set_id(person.id);
    user.set_name(person.name);
    user.set_email(person.email);
    user.set_preference(person.preference);
    user.set_version(person.version);
    user.mutable_create_time()->set_seconds(person.seconds);
    user.mutable_create_time()->set_nanos(person.nanos);
    *user.mutable_update_time() = user.create_time();
    return user;
}

bool Parse(const grpc::ByteBuffer *bytes, GetUserRequest *request)
{
    grpc::ByteBuffer copy(*bytes); /* shares the bytes; parsing takes its argument apart */
    return grpc::SerializationTraits<GetUserRequest>::Deserialize(&copy, request).ok();
}

grpc::ByteBuffer Bytes(const std::string &text)
{
    grpc::Slice slice(text.data(), text.size()); /* a copy */
    return grpc::ByteBuffer(&slice, 1);
}

grpc::ByteBuffer Unknown(const std::string &id)
{
    User user;
    user.set_id(id);
    return Bytes(user.SerializeAsString());
}

/* Calls that wait for "release". */
class Held
{
  public:
    grpc::ServerUnaryReactor *Answer(const std::string &id, grpc::ServerUnaryReactor *reactor)
    {
        std::lock_guard<std::mutex> lock(mu_);
        if (id == "hold") {
            reactors_.push_back(reactor);
            return reactor;
        }
        if (id != "release") {
            reactor->Finish(grpc::Status(grpc::StatusCode::NOT_FOUND, "no such user"));
            return reactor;
        }
        for (auto *waiting : reactors_) {
            waiting->Finish(grpc::Status::OK);
        }
        reactors_.clear();
        reactor->Finish(grpc::Status::OK);
        return reactor;
    }

  private:
    std::mutex mu_;
    std::vector<grpc::ServerUnaryReactor *> reactors_;
};

class MapService final : public users::v1::Users::CallbackService
{
  public:
    explicit MapService(uint64_t count)
    {
        for (uint64_t i = 0; i < count; i++) {
            User user = MakeUser(PEOPLE_FIRST + i);
            users_.emplace(user.id(), user);
        }
    }

    grpc::ServerUnaryReactor *GetUser(grpc::CallbackServerContext *context, const GetUserRequest *request,
                                      User *response) override
    {
        auto *reactor = context->DefaultReactor();
        auto found = users_.find(request->id());
        if (found == users_.end()) {
            response->set_id(request->id());
            return held_.Answer(request->id(), reactor);
        }
        *response = found->second;
        reactor->Finish(grpc::Status::OK);
        return reactor;
    }

  private:
    std::unordered_map<std::string, User> users_;
    Held held_;
};

std::unordered_map<std::string, grpc::ByteBuffer> SerializedUsers(uint64_t count)
{
    std::unordered_map<std::string, grpc::ByteBuffer> users;
    for (uint64_t i = 0; i < count; i++) {
        User user = MakeUser(PEOPLE_FIRST + i);
        users.emplace(user.id(), Bytes(user.SerializeAsString()));
    }
    return users;
}

using RawUsers = users::v1::Users::WithRawCallbackMethod_GetUser<users::v1::Users::Service>;

class BytesService final : public RawUsers
{
  public:
    explicit BytesService(uint64_t count) : users_(SerializedUsers(count))
    {
    }

    grpc::ServerUnaryReactor *GetUser(grpc::CallbackServerContext *context, const grpc::ByteBuffer *bytes,
                                      grpc::ByteBuffer *response) override
    {
        static thread_local GetUserRequest request;
        auto *reactor = context->DefaultReactor();
        if (!Parse(bytes, &request)) {
            reactor->Finish(grpc::Status(grpc::StatusCode::INTERNAL, "malformed"));
            return reactor;
        }
        auto found = users_.find(request.id());
        if (found == users_.end()) {
            *response = Unknown(request.id());
            return held_.Answer(request.id(), reactor);
        }
        *response = found->second;
        reactor->Finish(grpc::Status::OK);
        return reactor;
    }

  private:
    std::unordered_map<std::string, grpc::ByteBuffer> users_;
    Held held_;
};

/* Served by QueueCall. */
class QueueService final : public users::v1::Users::WithRawMethod_GetUser<users::v1::Users::Service>
{
  public:
    explicit QueueService(uint64_t count) : users(SerializedUsers(count))
    {
    }

    const std::unordered_map<std::string, grpc::ByteBuffer> users;
};

/* One call after the other: asks for the next one once its answer has left. */
class QueueCall
{
  public:
    QueueCall(QueueService *service, grpc::ServerCompletionQueue *queue) : service_(service), queue_(queue)
    {
        Ask();
    }

    /* false: the server is shutting down. */
    bool Step(bool ok)
    {
        if (!ok && !answering_) {
            return false;
        }
        if (answering_) {
            Ask();
            return true;
        }
        answering_ = true;
        static thread_local GetUserRequest request;
        if (!Parse(&bytes_, &request)) {
            writer_->FinishWithError(grpc::Status(grpc::StatusCode::INTERNAL, "malformed"), this);
            return true;
        }
        auto found = service_->users.find(request.id());
        writer_->Finish(found == service_->users.end() ? Unknown(request.id()) : found->second,
                        grpc::Status::OK, this);
        return true;
    }

  private:
    void Ask()
    {
        answering_ = false;
        writer_.reset();
        context_.emplace();
        writer_.emplace(&*context_);
        service_->RequestGetUser(&*context_, &bytes_, &*writer_, queue_, queue_, this);
    }

    QueueService *service_;
    grpc::ServerCompletionQueue *queue_;
    std::optional<grpc::ServerContext> context_;
    std::optional<grpc::ServerAsyncResponseWriter<grpc::ByteBuffer>> writer_;
    grpc::ByteBuffer bytes_;
    bool answering_ = false;
};

void ServeQueue(QueueService *service, grpc::ServerCompletionQueue *queue)
{
    void *tag;
    bool ok;
    for (int i = 0; i < kAskedPerQueue; i++) {
        new QueueCall(service, queue); /* until the process ends */
    }
    while (queue->Next(&tag, &ok) && static_cast<QueueCall *>(tag)->Step(ok)) {
    }
}

class RedisService final : public RawUsers
{
  public:
    grpc::ServerUnaryReactor *GetUser(grpc::CallbackServerContext *context, const grpc::ByteBuffer *bytes,
                                      grpc::ByteBuffer *response) override
    {
        static thread_local GetUserRequest request;
        auto *reactor = context->DefaultReactor();
        if (!Parse(bytes, &request)) {
            reactor->Finish(grpc::Status(grpc::StatusCode::INTERNAL, "malformed"));
            return reactor;
        }
        auto *get = new Get(reactor, response);
        get->key.append(kRedisPrefix).append(request.id());
        RedisPipelineGet(get);
        return reactor;
    }

  private:
    class Get final : public RedisGet
    {
      public:
        Get(grpc::ServerUnaryReactor *reactor, grpc::ByteBuffer *response)
            : reactor_(reactor), response_(response)
        {
        }

        void Done(const char *data, size_t size) override
        {
            if (data == nullptr) {
                reactor_->Finish(grpc::Status(grpc::StatusCode::NOT_FOUND, "no such user"));
            } else {
                grpc::Slice slice(data, size);
                *response_ = grpc::ByteBuffer(&slice, 1);
                reactor_->Finish(grpc::Status::OK);
            }
            delete this;
        }

      private:
        grpc::ServerUnaryReactor *reactor_;
        grpc::ByteBuffer *response_;
    };
};

class StreamService final
    : public peers::UserStream::WithRawCallbackMethod_GetUsers<peers::UserStream::Service>
{
  public:
    explicit StreamService(uint64_t count) : users_(SerializedUsers(count))
    {
    }

    grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> *
    GetUsers(grpc::CallbackServerContext *) override
    {
        return new Reactor(users_);
    }

  private:
    /* Reads and writes run side by side; answers that wait behind a write leave together. */
    class Reactor final : public grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>
    {
      public:
        explicit Reactor(const std::unordered_map<std::string, grpc::ByteBuffer> &users) : users_(users)
        {
            StartRead(&request_bytes_);
        }

        void OnReadDone(bool ok) override
        {
            std::lock_guard<std::mutex> lock(mu_);
            if (!ok || !Parse(&request_bytes_, &request_)) {
                reading_ = false;
                FinishIfIdleLocked();
                return;
            }
            auto found = users_.find(request_.id());
            waiting_.push_back(found == users_.end() ? Unknown(request_.id()) : found->second);
            if (!writing_) {
                WriteNextLocked();
            }
            StartRead(&request_bytes_);
        }

        void OnWriteDone(bool ok) override
        {
            std::lock_guard<std::mutex> lock(mu_);
            writing_ = false;
            if (!ok) {
                waiting_.clear();
            }
            if (!waiting_.empty()) {
                WriteNextLocked();
            }
            FinishIfIdleLocked();
        }

        void OnDone() override
        {
            delete this;
        }

      private:
        void WriteNextLocked()
        {
            answer_ = std::move(waiting_.front());
            waiting_.pop_front();
            writing_ = true;
            grpc::WriteOptions options;
            if (!waiting_.empty()) {
                options.set_buffer_hint();
            }
            StartWrite(&answer_, options);
        }

        void FinishIfIdleLocked()
        {
            if (!reading_ && !writing_ && waiting_.empty()) {
                Finish(grpc::Status::OK);
            }
        }

        const std::unordered_map<std::string, grpc::ByteBuffer> &users_;
        std::mutex mu_;
        grpc::ByteBuffer request_bytes_, answer_;
        GetUserRequest request_;
        std::deque<grpc::ByteBuffer> waiting_;
        bool reading_ = true, writing_ = false;
    };

    std::unordered_map<std::string, grpc::ByteBuffer> users_;
};

bool FillRedis(int port, uint64_t count)
{
    redisContext *redis = redisConnect("127.0.0.1", port);
    bool good = redis != nullptr && redis->err == 0;
    for (uint64_t i = 0; i < count && good; i++) {
        User user = MakeUser(PEOPLE_FIRST + i);
        std::string key = kRedisPrefix + user.id(), value = user.SerializeAsString();
        auto *reply = static_cast<redisReply *>(
            redisCommand(redis, "SET %b %b", key.data(), key.size(), value.data(), value.size()));
        good = reply != nullptr && reply->type == REDIS_REPLY_STATUS;
        freeReplyObject(reply);
    }
    redisFree(redis);
    return good;
}

std::unique_ptr<grpc::Service> MakeService(const std::string &mode, uint64_t count, int redis_port)
{
    if (mode == "map") {
        return std::make_unique<MapService>(count);
    }
    if (mode == "bytes") {
        return std::make_unique<BytesService>(count);
    }
    if (mode == "queue") {
        return std::make_unique<QueueService>(count);
    }
    if (mode == "stream") {
        return std::make_unique<StreamService>(count);
    }
    if (mode == "redis" && FillRedis(redis_port, count) && RedisPipelineStart(redis_port)) {
        return std::make_unique<RedisService>();
    }
    return nullptr;
}

} // namespace

int main(int argc, char **argv)
{
    sigset_t set;
    int port = 0, number;
    fr_heap_keep(); // as Freshet's
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &set, nullptr);
    auto service = argc < 3 ? nullptr
                            : MakeService(argv[1], std::strtoull(argv[2], nullptr, 10),
                                          argc > 3 ? std::atoi(argv[3]) : 0);
    if (service == nullptr) {
        std::fprintf(stderr, "usage: peer-server-grpc map|bytes|queue|redis|stream USERS [REDIS-PORT]\n");
        return 2;
    }
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(service.get());
    std::vector<std::unique_ptr<grpc::ServerCompletionQueue>> queues;
    auto *queue_service = dynamic_cast<QueueService *>(service.get());
    for (unsigned i = 0; queue_service != nullptr && i < std::max(1u, std::thread::hardware_concurrency());
         i++) {
        queues.push_back(builder.AddCompletionQueue());
    }
    auto server = builder.BuildAndStart();
    if (server == nullptr) {
        std::fprintf(stderr, "peer-server-grpc: cannot listen\n");
        return 1;
    }
    for (auto &queue : queues) {
        std::thread(ServeQueue, queue_service, queue.get()).detach();
    }
    std::printf("127.0.0.1:%d\n", port);
    std::fflush(stdout);
    sigwait(&set, &number);
    std::_Exit(0); /* Redis's thread goes on until the end, so nothing is torn down */
}
