// What Sources/BenchServer serves (its BenchService tells the methods), by gRPC C++: the generic callback service, so that messages
// are bytes here too, and gRPC's own health service.
//
//     server-cpp PORT
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>

#include <arpa/inet.h>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <mutex>
#include <string>
#include <unordered_set>

using grpc::ByteBuffer;
using grpc::GenericCallbackServerContext;
using grpc::ServerGenericBidiReactor;
using grpc::Status;

static const std::string text(256, '.');

static ByteBuffer message() {
    grpc::Slice slice(text);
    return ByteBuffer(&slice, 1);
}

static uint32_t count(const ByteBuffer &request) {
    grpc::Slice slice;
    uint32_t value = 0;
    if (request.DumpToSingleSlice(&slice).ok() && slice.size() == sizeof value) memcpy(&value, slice.begin(), sizeof value);
    return ntohl(value);
}

class Call : public ServerGenericBidiReactor {
public:
    Call() { StartRead(&request); }
    void OnDone() override { delete this; }

protected:
    ByteBuffer request;
};

// As many messages as are asked for, each one made anew. The hint lets the transport gather small ones.
class Stream final : public Call {
    void OnReadDone(bool ok) override {
        if (!ok) return Finish(Status(grpc::StatusCode::INVALID_ARGUMENT, "no message"));
        rest = count(request);
        StartSendInitialMetadata(); // by itself: behind the hint it would wait for the second message, and that for it
    }
    void OnSendInitialMetadataDone(bool ok) override { ok ? next() : Finish(Status::CANCELLED); }
    void OnWriteDone(bool ok) override { ok ? next() : Finish(Status::CANCELLED); }

    void next() {
        if (rest == 0) return Finish(Status::OK);
        response = message();
        grpc::WriteOptions options;
        if (--rest > 0) options.set_buffer_hint();
        StartWrite(&response, options);
    }

    ByteBuffer response;
    uint32_t rest = 0;
};

// One of the audience. A write may complete at once, within StartWrite, and on another thread than `tell` is called on.
class Member final : public Call {
public:
    static void tellAll(uint32_t rounds) {
        std::unordered_set<Member *> members;
        {
            std::lock_guard<std::mutex> hold(mutex);
            members.swap(audience);
        }
        for (uint32_t round = 0; round < rounds; round++)
            for (Member *member : members) member->owe();
        for (Member *member : members) member->end();
    }

private:
    void OnReadDone(bool ok) override {
        if (!ok) return Finish(Status(grpc::StatusCode::INVALID_ARGUMENT, "no message"));
        {
            std::lock_guard<std::mutex> hold(mutex);
            audience.insert(this); // first, for the headers tell the caller that it is one of them
        }
        StartSendInitialMetadata();
    }
    void OnCancel() override {
        std::lock_guard<std::mutex> hold(mutex);
        if (audience.erase(this) > 0) Finish(Status::CANCELLED);
    }
    void OnWriteDone(bool ok) override {
        std::unique_lock<std::mutex> hold(own);
        isWriting = false;
        if (!ok) owed = 0;
        pay(hold);
    }

    void owe() {
        std::unique_lock<std::mutex> hold(own);
        owed++;
        pay(hold);
    }
    void end() {
        std::unique_lock<std::mutex> hold(own);
        hasEnded = true;
        pay(hold);
    }
    void pay(std::unique_lock<std::mutex> &hold) {
        if (isWriting) return;
        bool writes = owed > 0, finishes = owed == 0 && hasEnded;
        isWriting = writes || finishes;
        grpc::WriteOptions options;
        if (writes && --owed > 0) options.set_buffer_hint();
        hold.unlock();
        if (writes) StartWrite(&shared, options);
        if (finishes) Finish(Status::OK);
    }

    static const ByteBuffer shared;
    static std::mutex mutex;
    static std::unordered_set<Member *> audience;

    std::mutex own;
    uint32_t owed = 0;
    bool isWriting = false, hasEnded = false;
};

const ByteBuffer Member::shared = message();
std::mutex Member::mutex;
std::unordered_set<Member *> Member::audience;

// Answers at once, then tells the audience.
class FanOut final : public Call {
    void OnReadDone(bool ok) override {
        if (!ok) return Finish(Status(grpc::StatusCode::INVALID_ARGUMENT, "no message"));
        StartWriteAndFinish(&response, grpc::WriteOptions(), Status::OK);
        Member::tellAll(count(request));
    }

    grpc::Slice nothing;
    ByteBuffer response{&nothing, 1};
};

class Unknown final : public Call {
    void OnReadDone(bool) override { Finish(Status(grpc::StatusCode::UNIMPLEMENTED, "no such method")); }
};

class Bench final : public grpc::CallbackGenericService {
    ServerGenericBidiReactor *CreateReactor(GenericCallbackServerContext *context) override {
        if (context->method() == "/bench.Bench/Stream") return new Stream;
        if (context->method() == "/bench.Bench/Join") return new Member;
        if (context->method() == "/bench.Bench/FanOut") return new FanOut;
        return new Unknown;
    }
};

int main(int argc, char **argv) {
    if (argc != 2) {
        std::cerr << "usage: server-cpp PORT\n";
        return 2;
    }
    Bench service;
    grpc::EnableDefaultHealthCheckService(true);
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:" + std::string(argv[1]), grpc::InsecureServerCredentials());
    builder.RegisterCallbackGenericService(&service);
    auto server = builder.BuildAndStart();
    if (!server) return 1;
    server->Wait();
}
