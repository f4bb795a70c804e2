import HTTP
import Logging
import NIOCore
import NIOPosix
import RPC
import Synchronization

let quiet = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })

/// Serves the methods on a free port for the length of `body`; what is no call gets 404.
func withServer(
    limits: HTTPLimits = HTTPLimits(),
    maxMessageBytes: Int = 4 * 1024 * 1024,
    tls: TLSFiles? = nil,
    methods: (inout MethodRouter) -> Void,
    _ body: (_ port: Int, _ server: HTTPServer) async throws -> Void
) async throws {
    var router = MethodRouter(logger: quiet, maxMessageBytes: maxMessageBytes)
    methods(&router)
    var configuration = HTTPServer.Configuration(port: 0)
    configuration.limits = limits
    configuration.tls = tls
    let server = HTTPServer(configuration: configuration, group: .singleton, logger: quiet, router: router)
    let address = try await server.start()
    do {
        try await body(address.port ?? 0, server)
    } catch {
        await server.shutdown(grace: .zero)
        throw error
    }
    await server.shutdown(grace: .zero)
}

/// Serves the methods to a channel of their own.
func withChannel(
    maxMessageBytes: Int = 4 * 1024 * 1024,
    methods: (inout MethodRouter) -> Void,
    _ body: (RPCChannel) async throws -> Void
) async throws {
    try await withServer(maxMessageBytes: maxMessageBytes, methods: methods) { port, _ in
        let channel = testChannel(port: port)
        try await body(channel)
        await channel.close()
    }
}

func testChannel(port: Int, compression: Compression? = nil, keepAlive: KeepAlive? = nil) -> RPCChannel {
    RPCChannel(
        host: "127.0.0.1",
        port: port,
        keepAlive: keepAlive,
        group: MultiThreadedEventLoopGroup.singleton,
        logger: quiet,
        compression: compression
    )
}

/// Counts from any thread.
final class Counter: Sendable {
    private let count = Mutex(0)
    var value: Int { count.withLock { $0 } }

    /// - Returns: the count before.
    @discardableResult
    func increment() -> Int {
        count.withLock { count in
            defer { count += 1 }
            return count
        }
    }
}

/// What came of one HTTP/2 request that is put together by hand.
struct RawResponse: Sendable {
    var status = 0
    var headers = HTTPHeaders()
    var body = ByteBuffer()
    var trailers = HTTPHeaders()
    var reason = CloseReason.disconnected

    /// The `grpc-status`, wherever it stands.
    var code: String? { trailers["grpc-status"] ?? headers["grpc-status"] }
}

/// Sends one request on a connection of its own; with `endsStream` false, the request is left open, with `reads` false
/// the response gets no more than the 64 KiB of its first window.
func rawCall(
    port: Int,
    _ path: String,
    method: String = "POST",
    headers: HTTPHeaders = ["content-type": "application/grpc", "te": "trailers"],
    body: [UInt8],
    endsStream: Bool = true,
    reads: Bool = true
) async throws -> RawResponse {
    let loop = MultiThreadedEventLoopGroup.singleton.next()
    let client = try await HTTP2Client.connect(host: "127.0.0.1", port: port, on: loop).get()
    let response: EventLoopFuture<RawResponse> = loop.flatSubmit {
        let promise = loop.makePromise(of: RawResponse.self)
        var response = RawResponse()
        let head = RequestHead(method: method, path: path, authority: "test", headers: headers)
        let exchange = client.value.send(head) { exchange in
            exchange.onHead = { (response.status, response.headers) = ($0.status, $0.headers) }
            exchange.onData = { [unowned exchange] bytes in
                response.body.writeImmutableBuffer(bytes)
                if reads { exchange.consume(bytes.readableBytes) }
            }
            exchange.onEnd = { response.trailers = $0 ?? HTTPHeaders() }
            exchange.onClose = { reason in
                response.reason = reason
                promise.succeed(response)
            }
        }
        exchange?.write(ByteBuffer(bytes: body))
        if endsStream { exchange?.finish() }
        if exchange == nil { promise.fail(ChannelError.ioOnClosedChannel) }
        return promise.futureResult
    }
    let result = try await response.get()
    loop.execute { client.value.close() }
    return result
}

/// A message of so many bytes with its prefix.
func framed(_ count: Int, announced: Int? = nil, flag: UInt8 = 0) -> [UInt8] {
    let length = UInt32(announced ?? count)
    return [flag] + withUnsafeBytes(of: length.bigEndian, Array.init) + [UInt8](repeating: 7, count: count)
}

extension ByteBuffer {
    init(copying span: RawSpan) {
        self = span.withUnsafeBytes { ByteBuffer(bytes: $0) }
    }
}
