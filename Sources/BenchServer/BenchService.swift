import Messages
import NIOCore
import RPC

/// The methods that are measured. But for the health check their messages are plain bytes: a count in four bytes, most
/// significant first, is what they are asked for; 256 bytes are what they stream.
///
/// - `/bench.Bench/Stream`: as many messages as are asked for, each one made anew when it can leave.
/// - `/bench.Bench/Push`: the same, but made and queued as long as there is room for them.
/// - `/bench.Bench/Join`: becomes one of the audience.
/// - `/bench.Bench/FanOut`: sends everybody in the audience one shared message, as often as is asked for, and ends their
///   streams. It answers at once.
struct BenchService {
    let audience: NIOLoopBound<Audience>

    func register(in router: inout MethodRouter) {
        router.local(Method.healthV1Check.path) { message, _ in
            let service = try message.withUnsafeBytes { try HealthCheckRequest(serialized: $0) }.service
            guard service.isEmpty else { throw Status(.notFound, "there is no service \(service)") }
            return serving
        }
        register("Stream", in: &router) { count, stream in
            var count = count
            stream.pull { writer in
                while count > 0, writer.append(length: messageLength, fill) { count -= 1 }
                if count == 0 { stream.finish(.ok) }
            }
        }
        register("Push", in: &router) { count, stream in Pusher(stream, count: count).pump() }
        register("Join", in: &router) { _, stream in audience.value.join(stream) }
        register("FanOut", in: &router) { count, stream in
            audience.value.tell(times: count)
            stream.send(ByteBuffer())
            stream.finish(.ok)
        }
    }

    private func register(
        _ name: String,
        in router: inout MethodRouter,
        _ handler: @escaping @Sendable (_ count: Int, ServerStream) -> Void
    ) {
        router.serverStreaming("/bench.Bench/\(name)") { message, _, stream in
            guard let count = message.getInteger(at: message.readerIndex, as: UInt32.self) else {
                return stream.finish(Status(.invalidArgument, "a count in four bytes is wanted"))
            }
            handler(Int(count), stream)
        }
    }
}

/// The answer of the gateway's health service, which keeps it as bytes, too.
private let serving = ByteBuffer(bytes: HealthCheckResponse(status: .serving).serialized())

/// The messages that stream, in bytes, and what they consist of.
let messageLength = 256
let messageByte = UInt8(ascii: ".")

private func fill(_ message: UnsafeMutableRawBufferPointer) {
    message.initializeMemory(as: UInt8.self, repeating: messageByte)
}

/// One stream and the messages that it is still to push, as fast as its reader takes them; loop-bound.
private final class Pusher {
    private let stream: ServerStream
    private var count: Int

    init(_ stream: ServerStream, count: Int) {
        self.stream = stream
        self.count = count
        // Dropped when the stream has ended, and this with it.
        stream.onWritable = { self.pump() }
    }

    func pump() {
        var hasRoom = stream.isWritable
        while count > 0, hasRoom {
            count -= 1
            hasRoom = stream.send(ByteBuffer(repeating: messageByte, count: messageLength))
        }
        if count == 0 { stream.finish(.ok) }
    }
}
