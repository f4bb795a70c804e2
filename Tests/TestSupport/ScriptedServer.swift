import Glibc
public import HTTP
public import Logging
public import Messages
import NIOCore
import NIOPosix
public import RPC
import Synchronization

/// Discards everything.
public let quiet = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })

/// Serves what `methods` adds, on a free port of the loopback address, for the length of `body`.
public func withServer(
    methods: (inout MethodRouter) -> Void,
    _ body: (_ port: Int) async throws -> Void
) async throws {
    var router = MethodRouter(logger: quiet)
    methods(&router)
    let (server, port) = try await serve(router)
    do {
        try await body(port)
    } catch {
        await server.shutdown(grace: .zero)
        throw error
    }
    await server.shutdown(grace: .zero)
}

/// Begins to serve; port 0 stands for a free one, and the one it is comes back.
///
/// A port that was given up a moment ago may have been taken by a connection of another test; it is waited for.
public func serve(_ router: MethodRouter, port: Int = 0) async throws -> (server: HTTPServer, port: Int) {
    let configuration = HTTPServer.Configuration(port: port)
    var attempts = 0
    while true {
        let server = HTTPServer(configuration: configuration, group: .singleton, logger: quiet, router: router)
        do {
            return (server, try await server.start().port ?? 0)
        } catch let error as IOError where error.errnoCode == EADDRINUSE && port != 0 && attempts < 500 {
            attempts += 1
            try await Task.sleep(for: .milliseconds(20))
        }
    }
}

extension MethodRouter {
    /// A unary method in terms of its messages.
    public mutating func on<Request: Message, Response: Message>(
        _ method: Messages.Method,
        _ handler: @escaping @Sendable (Request, CallContext) async throws -> Response
    ) {
        unary(method.path) { bytes, context in
            ByteBuffer(bytes: try await handler(Request(bytes), context).serialized())
        }
    }

    /// StreamThread in terms of its messages.
    public mutating func onStream(_ handler: @escaping @Sendable (StreamThreadRequest, ServerStream) -> Void) {
        serverStreaming(Messages.Method.streamThread.path) { bytes, _, stream in
            do {
                handler(try StreamThreadRequest(bytes), stream)
            } catch {
                stream.finish(Status(.internal, "\(error)"))
            }
        }
    }
}

extension ServerStream {
    public func send(_ event: Event) {
        send(ByteBuffer(bytes: event.serialized()))
    }
}

extension Message {
    init(_ buffer: ByteBuffer) throws {
        self = try buffer.withUnsafeReadableBytes { try Self(serialized: $0) }
    }
}

/// What the server was asked, in order.
public final class Record<Entry: Sendable>: Sendable {
    private let state = Mutex<[Entry]>([])

    public init() {}

    public var entries: [Entry] { state.withLock { $0 } }

    /// Appends, and returns how many there are now.
    @discardableResult
    public func append(_ entry: Entry) -> Int {
        state.withLock { entries in
            entries.append(entry)
            return entries.count
        }
    }
}
