import Glibc
import HTTP
import Logging
import NIOCore
import NIOPosix

/// The connection of a channel, and the calls that wait for it; loop-bound.
final class Connector {
    private let host: String
    private let port: Int
    private let eventLoop: any EventLoop
    private let logger: Logger
    private var connection: NIOLoopBound<HTTP2Client>?
    /// Each is awaited by a task, so there are no more of them than of those.
    private var waiting: [ClientCall] = []
    private var isConnecting = false
    private var backoff = ReconnectBackoff()
    private var lastFailure = Status(.unavailable, "there is no connection")

    init(host: String, port: Int, eventLoop: any EventLoop, logger: Logger) {
        self.host = host
        self.port = port
        self.eventLoop = eventLoop
        self.logger = logger
    }

    /// Makes a call on the present connection or on a new one; fails it when there is none to be had.
    func start(_ call: ClientCall) {
        call.onRefused = { [unowned call] in self.start(call) }
        if let client = connection?.value, client.isAvailable, call.begin(on: client) { return }
        guard isConnecting || backoff.permits(at: .now()) else { return call.finish(lastFailure) }
        waiting.append(call)
        if !isConnecting { connect() }
    }

    func close() -> EventLoopFuture<Void> {
        guard let client = connection?.value else { return eventLoop.makeSucceededVoidFuture() }
        connection = nil
        client.drain()
        return client.closeFuture
    }

    private func connect() {
        isConnecting = true
        HTTP2Client.connect(host: host, port: port, on: eventLoop).assumeIsolated().whenComplete { result in
            self.isConnecting = false
            let calls = self.waiting
            self.waiting = []
            switch result {
            case .success(let client): self.connected(client, calls)
            case .failure(let error): self.failed(error, calls)
            }
        }
    }

    private func connected(_ client: NIOLoopBound<HTTP2Client>, _ calls: [ClientCall]) {
        backoff.succeeded()
        connection = client
        for call in calls where !call.begin(on: client.value) {
            call.finish(Status(.unavailable, "the connection is closing"))
        }
    }

    private func failed(_ error: any Error, _ calls: [ClientCall]) {
        backoff.failed(at: .now(), chance: Double.random(in: 0...1))
        lastFailure = Status(.unavailable, "cannot connect to \(host):\(port): \(Self.reason(for: error))")
        logger.debug("connecting failed", metadata: ["error": "\(error)"])
        for call in calls { call.finish(lastFailure) }
    }

    /// What the system said, without NIO's account of the addresses that it tried.
    private static func reason(for error: any Error) -> String {
        switch error {
        case let error as NIOConnectionError:
            if let last = error.connectionErrors.last { return reason(for: last.error) }
            return error.dnsAError == nil && error.dnsAAAAError == nil
                ? "\(error)" : "the name of the host cannot be resolved"
        case let error as IOError: return String(cString: strerror(error.errnoCode))
        case ChannelError.connectTimeout: return "no answer"
        case _: return "\(error)"
        }
    }
}
