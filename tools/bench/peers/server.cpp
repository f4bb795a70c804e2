// What Sources/BenchServer serves (its BenchService tells the methods), by gRPC C++: the generic asynchronous service, so that
// messages are bytes here too, with one thread on its completion queue, and gRPC's own health service. The callback API took
// longer, most of all for the fan-out. But a thread that waits on a queue slows the health service down, which uses that API;
// so that is served alone when it is measured.
//
//     server-cpp [--health] PORT
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>

#include <arpa/inet.h>
#include <cstring>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

using grpc::ByteBuffer;
using grpc::Status;

static const std::string text(256, '.');

static ByteBuffer message() {
    grpc::Slice slice(text);
    return ByteBuffer(&slice, 1);
}

static const ByteBuffer shared = message();
static grpc::AsyncGenericService service;
static std::unique_ptr<grpc::ServerCompletionQueue> queue;

// A call; everything happens on the one thread of the queue. What is done next when an operation has ended is its tag.
class Call {
public:
    struct Step {
        Call *call;
        void (Call::*next)(bool ok);
    };

    static void accept() {
        Call *call = new Call;
        service.RequestCall(&call->context, &call->stream, queue.get(), queue.get(), &call->accepted);
    }

private:
    void wasAccepted(bool ok) {
        if (!ok) return;
        accept();
        stream.Read(&request, &read);
    }

    void wasRead(bool ok) {
        if (!ok) return finish(Status(grpc::StatusCode::INVALID_ARGUMENT, "no message"));
        if (context.method() == "/bench.Bench/FanOut") return fanOut();
        isMember = context.method() == "/bench.Bench/Join";
        if (isMember) audience.push_back(this); // first, for the headers tell the caller that it is one of them
        if (context.method() == "/bench.Bench/Stream") owed = count();
        hasEnded = !isMember;
        // By themselves: behind the hint of `pay` they would wait for the second message, and that for them.
        isWriting = true;
        stream.SendInitialMetadata(&written);
    }

    // Answers, then tells the audience.
    void fanOut() {
        std::vector<Call *> members;
        members.swap(audience);
        grpc::Slice nothing;
        stream.WriteAndFinish(ByteBuffer(&nothing, 1), grpc::WriteOptions(), Status::OK, &finished);
        for (uint32_t rounds = count(); rounds > 0; rounds--)
            for (Call *member : members) {
                member->owed++;
                member->pay();
            }
        for (Call *member : members) {
            member->hasEnded = true;
            member->pay();
        }
    }

    void wasWritten(bool ok) {
        isWriting = false;
        if (!ok) owed = 0;
        pay();
    }

    // Sends the next message that is owed. The hint lets the transport gather small ones.
    void pay() {
        if (isWriting) return;
        if (owed == 0) return hasEnded ? finish(Status::OK) : void();
        isWriting = true;
        grpc::WriteOptions options;
        if (--owed > 0) options.set_buffer_hint();
        stream.Write(isMember ? shared : message(), options, &written);
    }

    void finish(const Status &status) {
        isWriting = true;
        stream.Finish(status, &finished);
    }

    void wasFinished(bool) { delete this; }

    uint32_t count() const {
        grpc::Slice slice;
        uint32_t value = 0;
        if (request.DumpToSingleSlice(&slice).ok() && slice.size() == sizeof value) memcpy(&value, slice.begin(), sizeof value);
        return ntohl(value);
    }

    static std::vector<Call *> audience;

    grpc::GenericServerContext context;
    grpc::GenericServerAsyncReaderWriter stream{&context};
    ByteBuffer request;
    Step accepted{this, &Call::wasAccepted}, read{this, &Call::wasRead};
    Step written{this, &Call::wasWritten}, finished{this, &Call::wasFinished};
    uint32_t owed = 0;
    bool isMember = false, isWriting = false, hasEnded = false;
};

std::vector<Call *> Call::audience;

int main(int argc, char **argv) {
    bool isHealthOnly = argc == 3 && std::string(argv[1]) == "--health";
    if (argc != 2 && !isHealthOnly) {
        std::cerr << "usage: server-cpp [--health] PORT\n";
        return 2;
    }
    grpc::EnableDefaultHealthCheckService(true);
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:" + std::string(argv[argc - 1]), grpc::InsecureServerCredentials());
    grpc::CallbackGenericService unimplemented; // makes gRPC run threads of its own for the health service
    if (isHealthOnly) {
        builder.RegisterCallbackGenericService(&unimplemented);
    } else {
        builder.RegisterAsyncGenericService(&service);
        queue = builder.AddCompletionQueue();
    }
    auto server = builder.BuildAndStart();
    if (!server) return 1;
    if (isHealthOnly) server->Wait();
    Call::accept();
    void *tag;
    bool ok;
    while (queue->Next(&tag, &ok)) {
        auto step = static_cast<Call::Step *>(tag);
        (step->call->*step->next)(ok);
    }
}
