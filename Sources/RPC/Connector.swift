import DequeModule
import HTTP
import Logging
import NIOCore

/// The connection of a channel, and the calls that wait for it; loop-bound.
///
/// Calls begin in the order in which they were made. They wait while a connection is being made and while the server
/// takes no more streams at once (RFC 9113 section 5.1.2); those that wait for a ready server also between attempts to
/// connect. There are at most ``maxWaiting`` of them. When the server goes away (GOAWAY), calls begin on a new
/// connection from then on, and the old one ends with the calls that it has.
final class Connector {
    private let host: String
    private let port: Int
    private let tls: ClientTLS?
    private let keepAlive: KeepAlive?
    private let eventLoop: any EventLoop
    private let logger: Logger
    private var connection: NIOLoopBound<HTTP2Client>?
    private var waiting = Deque<ClientCall>()
    /// The end of the attempt to connect that is under way.
    private var attempt: EventLoopFuture<Void>?
    private var nextAttempt: Scheduled<Void>?
    private var backoff = ReconnectBackoff()
    /// Connections, since the last good one, that the server gave up as soon as they were made.
    private var fruitless = 0
    private var lastFailure = Status(.unavailable, "there is no connection")

    static let maxWaiting = 10_000
    private static let maxFruitless = 3

    init(
        host: String,
        port: Int,
        tls: ClientTLS?,
        keepAlive: KeepAlive?,
        eventLoop: any EventLoop,
        logger: Logger
    ) {
        self.host = host
        self.port = port
        self.tls = tls
        self.keepAlive = keepAlive
        self.eventLoop = eventLoop
        self.logger = logger
    }

    /// Makes a call as soon as there is a connection that takes it; fails it when there is none to be had.
    func start(_ call: ClientCall) {
        call.onRefused = { [unowned call] in self.start(call) }
        if waiting.count >= Self.maxWaiting { waiting.removeAll { $0.hasEnded } }
        guard waiting.count < Self.maxWaiting else {
            return call.finish(Status(.resourceExhausted, "too many calls wait for the server"))
        }
        waiting.append(call)
        advance()
    }

    /// Ends the connection when its calls have ended. Calls that wait for it fail.
    func close() -> EventLoopFuture<Void> {
        failWaiting(Status(.unavailable, "the channel was closed"))
        if let attempt { return attempt.assumeIsolated().flatMap { self.close() }.nonisolated() }
        guard let client = connection?.value else { return eventLoop.makeSucceededVoidFuture() }
        connection = nil
        client.drain()
        return client.closeFuture
    }

    /// Lets waiting calls begin, or sees to a connection for them.
    private func advance() {
        if let client = connection?.value, client.isAvailable {
            while client.hasRoom, let call = waiting.popFirst() {
                if !call.begin(on: client) { waiting.prepend(call) }
            }
            if client.isAvailable { return }
        }
        connection = nil
        guard !waiting.isEmpty, attempt == nil else { return }
        if backoff.permits(at: .now()) { connect() } else { waitToConnect() }
    }
}

// MARK: - Connecting

extension Connector {
    private func connect() {
        let promise = eventLoop.makePromise(of: Void.self)
        attempt = promise.futureResult
        let connected = HTTP2Client.connect(host: host, port: port, tls: tls, keepAlive: keepAlive, on: eventLoop)
        connected.assumeIsolated().whenComplete { result in
            self.attempt = nil
            switch result {
            case .success(let client): self.connected(client)
            case .failure(let error): self.failed("\(error)")
            }
            promise.succeed()
        }
    }

    private func connected(_ client: NIOLoopBound<HTTP2Client>) {
        // A server that is stopping may accept a connection only to go away; the one that takes its place is near.
        if client.value.isAvailable {
            fruitless = 0
            backoff.succeeded()
        } else {
            fruitless += 1
            guard fruitless < Self.maxFruitless else { return failed("the server is going away") }
        }
        connection = client
        client.value.onChange = { self.advance() }
        advance()
    }

    private func failed(_ reason: String) {
        backoff.failed(at: .now(), chance: Double.random(in: 0...1))
        lastFailure = Status(.unavailable, "cannot connect to \(host):\(port): \(reason)")
        logger.debug("connecting failed", metadata: ["error": "\(reason)"])
        advance()
    }

    /// Lets the calls wait on that want to, and connects when it is time.
    private func waitToConnect() {
        failWaiting(lastFailure) { !$0.waitsForReady }
        guard !waiting.isEmpty, nextAttempt == nil, let time = backoff.notBefore else { return }
        nextAttempt = eventLoop.assumeIsolated().scheduleTask(deadline: time) {
            self.nextAttempt = nil
            self.advance()
        }
    }

    private func failWaiting(_ status: Status, where condition: (ClientCall) -> Bool = { _ in true }) {
        let calls = waiting
        waiting = []
        for call in calls {
            if call.hasEnded { continue }
            if condition(call) { call.finish(status) } else { waiting.append(call) }
        }
    }
}
