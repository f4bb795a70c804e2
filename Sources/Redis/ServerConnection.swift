internal import Logging
internal import NIOCore

/// A pipelined connection to one server that connects by itself, by callbacks on one event loop.
///
/// Owned by a ``RedisConnection`` or, for each node of a cluster, a ``ClusterConnection``; every member is used on that
/// loop only. It connects at the first command, and again, with back-off, after a loss. No command is ever sent twice.
///
/// What it does when something is wrong:
/// - No connection and waiting for the next attempt: a command fails at once, `.unavailable`.
/// - Connecting: commands wait, at most the connect timeout.
/// - Too many commands or bytes pending: a command fails at once, `.unavailable`.
/// - Connection lost: all pending commands fail with `.unavailable`, those already sent with `isInDoubt`.
/// - No reply in time: that command fails with `.timeout`, and the connection is given up with all behind it.
/// - The server is a replica by now: the command fails with `.unavailable`, having done nothing, and all behind it.
final class ServerConnection {
    typealias Completion = (Result<RESPValue, RedisError>) -> Void

    /// Names a command that was sent, for ``abandon(_:)``.
    struct Ticket: Hashable { fileprivate let number: UInt64 }

    private enum State {
        case idle
        /// Commands are encoded into `backlog` until the greeting is through.
        case connecting(RedisDial)
        case ready(RedisWire)
        case waiting(Scheduled<Void>, lastError: RedisError)
        case closed
    }

    private struct Pending {
        let ticket: Ticket
        let bytes: Int
        let deadline: NIODeadline
        let completion: Completion
    }

    /// Called when the connection is lost, and after each attempt in vain to have it back.
    var onLoss: () -> Void = {}

    private let target: RedisTarget
    private let configuration: RedisConfiguration
    private let loop: any EventLoop
    private let logger: Logger
    private var state = State.idle
    private var backoff = Backoff()
    private var pending = CircularBuffer<Pending>()
    private var pendingBytes = 0
    private var backlog = ByteBuffer()
    private var deadlineTimer: Scheduled<Void>?
    private var lastTicket: UInt64 = 0
    /// Digests of the scripts that this connection has sent in full.
    private var knownScripts: Set<String> = []

    init(target: RedisTarget, configuration: RedisConfiguration, loop: any EventLoop, logger: Logger) {
        self.target = target
        self.configuration = configuration
        self.loop = loop
        self.logger = logger
    }

    /// Whether no command waits for its reply.
    var isIdle: Bool { pending.isEmpty }

    // MARK: Commands

    /// Runs a script by its digest, and once more by its source if the server does not know it.
    ///
    /// The first run on a connection sends the source at once, so that scripts and commands sent behind each other
    /// keep their order. Only when a server forgets its scripts under an open connection (`SCRIPT FLUSH`) does the second
    /// attempt come behind commands that were sent meanwhile.
    ///
    /// - Parameter isAsking: as in ``send(_:isAsking:timeout:completion:)``.
    func run(
        _ script: RedisScript,
        keys: [String],
        arguments: [RedisArgument],
        isAsking: Bool = false,
        timeout: TimeAmount,
        completion: @escaping Completion
    ) {
        let isNew = knownScripts.insert(script.sha1).inserted
        guard !isNew else {
            let eval = script.eval(keys: keys, arguments: arguments)
            send(eval, isAsking: isAsking, timeout: timeout) { [weak self] result in
                // A server that is loading its data, say, has not learned it.
                if case .failure = result { self?.knownScripts.remove(script.sha1) }
                completion(result)
            }
            return
        }
        let deadline = NIODeadline.now() + timeout
        let evalsha = script.evalsha(keys: keys, arguments: arguments)
        send(evalsha, isAsking: isAsking, timeout: timeout) { [weak self] result in
            if let self, case .failure(let error) = result, error.prefix == "NOSCRIPT" {
                let eval = script.eval(keys: keys, arguments: arguments)
                self.send(eval, isAsking: isAsking, timeout: deadline - .now(), completion: completion)
            } else {
                completion(result)
            }
        }
    }

    /// Sends a command; all commands of one turn of the loop go out in one write.
    ///
    /// `completion` is called once, on the loop, never before this method has returned. A server's error reply is a
    /// failure with the code `.server`.
    ///
    /// - Parameter isAsking: for a key of a cluster's slot that is being moved to this server.
    /// - Parameter timeout: deadlines are looked at in the order of the commands, so one behind a slower one is late.
    @discardableResult
    func send(
        _ command: RedisCommand,
        isAsking: Bool = false,
        timeout: TimeAmount,
        completion: @escaping Completion
    ) -> Ticket? {
        loop.preconditionInEventLoop()
        if case .idle = state { connect() }
        if let refusal { return refuse(refusal, completion) }
        if isAsking { transmit(RedisCommand("ASKING"), timeout: timeout) { _ in } }
        return transmit(command, timeout: timeout, completion: completion)
    }

    /// Why no command can be taken on now.
    private var refusal: RedisError? {
        switch state {
        case .closed:
            return RedisError(.closed, "the client is closed")
        case .waiting(_, let lastError):
            return RedisError(.unavailable, "\(target) is not available", cause: lastError)
        case .idle, .connecting, .ready:
            guard pending.count < configuration.maxPendingCommands, pendingBytes < configuration.maxPendingBytes else {
                return RedisError(.unavailable, "too many commands wait for \(target)")
            }
            return nil
        }
    }

    @discardableResult
    private func transmit(
        _ command: RedisCommand,
        timeout: TimeAmount,
        completion: @escaping Completion
    ) -> Ticket {
        let bytes: Int
        switch state {
        case .ready(let wire):
            bytes = wire.send(command)
        case .idle, .connecting, .waiting, .closed:
            let before = backlog.writerIndex
            command.write(to: &backlog)
            bytes = backlog.writerIndex - before
        }
        return enqueue(bytes: bytes, deadline: .now() + timeout, completion)
    }

    /// Gives up a command that is still pending: the connection is closed, as its reply would come out of step.
    ///
    /// Its completion is called with `.cancelled`, those of all other pending commands with `.unavailable`. The next
    /// command connects again at once.
    func abandon(_ ticket: Ticket) {
        guard pending.contains(where: { $0.ticket == ticket }) else { return }
        let error = RedisError(.unavailable, "the connection was closed for a cancelled command")
        dropConnection(becoming: .idle, error, except: [ticket: RedisError(.cancelled, "the command was cancelled")])
    }

    /// Gives the server up for the one that has taken its place: the next command connects, to whichever that is.
    func redial(_ reason: String) {
        if case .closed = state { return }
        backoff.reset()
        dropConnection(becoming: .idle, RedisError(.unavailable, reason))
    }

    /// Fails what is pending with `.closed` and closes the socket.
    func close() {
        loop.preconditionInEventLoop()
        dropConnection(becoming: .closed, RedisError(.closed, "the client was closed"))
    }

    private func refuse(_ error: RedisError, _ completion: @escaping Completion) -> Ticket? {
        loop.assumeIsolated().execute { completion(.failure(error)) }
        return nil
    }

    private func enqueue(bytes: Int, deadline: NIODeadline, _ completion: @escaping Completion) -> Ticket {
        lastTicket += 1
        let ticket = Ticket(number: lastTicket)
        pending.append(Pending(ticket: ticket, bytes: bytes, deadline: deadline, completion: completion))
        pendingBytes += bytes
        if deadlineTimer == nil { armDeadlineTimer(deadline) }
        return ticket
    }

    // MARK: Replies and deadlines

    private func take(_ reply: RESPValue) {
        guard let first = pending.popFirst() else {
            return lose(RedisError(.protocol, "a reply came that belongs to no command"))
        }
        pendingBytes -= first.bytes
        guard case .error(let text) = reply else { return first.completion(.success(reply)) }
        let error = RedisError(.server, text)
        guard Self.demotions.contains(error.prefix ?? "") else { return first.completion(.failure(error)) }
        // Before the completion, which may send anew.
        redial("\(target) is no master any more")
        onLoss()
        first.completion(.failure(RedisError(.unavailable, "\(target) is no master any more: \(text)")))
    }

    /// What a replica answers to a write, and a master that becomes one to a command that blocks.
    private static let demotions: Set<String> = ["READONLY", "UNBLOCKED"]

    /// One timer for all commands: it is set for the oldest, and again when it finds that one answered.
    private func armDeadlineTimer(_ deadline: NIODeadline) {
        deadlineTimer = loop.assumeIsolated().scheduleTask(deadline: deadline) { [weak self] in self?.checkDeadline() }
    }

    private func checkDeadline() {
        deadlineTimer = nil
        guard let first = pending.first else { return }
        guard first.deadline <= .now() else { return armDeadlineTimer(first.deadline) }
        lose(RedisError(.timeout, "no reply from \(target) in time"))
    }

    // MARK: Connecting and losing

    private func connect() {
        knownScripts.removeAll()
        let dial = RedisDial(target: target, configuration: configuration, loop: loop) { [weak self] result in
            switch result {
            case .success(let wire): self?.becomeReady(wire)
            case .failure(let error): self?.lose(error)
            }
        }
        state = .connecting(dial)
        dial.start()
    }

    private func becomeReady(_ wire: RedisWire) {
        wire.onReply = { [weak self] in self?.take($0) }
        wire.onLoss = { [weak self] in self?.lose($0) }
        state = .ready(wire)
        backoff.reset()
        logger.debug("connected to redis", metadata: ["redis": "\(target)"])
        if backlog.readableBytes > 0 { wire.send(encoded: backlog) }
        backlog = ByteBuffer()
    }

    /// The connection is gone or of no use: everything pending fails, and the next attempt is set for later.
    private func lose(_ error: RedisError) {
        if case .closed = state { return }
        if backoff.isFirst {
            logger.warning("lost redis", metadata: ["redis": "\(target)", "error": "\(error)"])
        }
        let timer = loop.assumeIsolated().scheduleTask(in: backoff.next()) { [weak self] in
            guard let self, case .waiting = self.state else { return }
            self.connect()
        }
        let now = NIODeadline.now()
        var expired: [Ticket: RedisError] = [:]
        if error.code == .timeout {
            for command in pending where command.deadline <= now { expired[command.ticket] = error }
        }
        let others = RedisError(error.code == .timeout ? .unavailable : error.code, error.message, cause: error.cause)
        dropConnection(becoming: .waiting(timer, lastError: error), others, except: expired)
        onLoss()
    }

    private func dropConnection(becoming next: State, _ error: RedisError, except: [Ticket: RedisError] = [:]) {
        let wasSent: Bool
        switch state {
        case .ready(let wire):
            wasSent = true
            wire.close()
        case .connecting(let dial):
            wasSent = false
            dial.cancel()
        case .waiting(let timer, _):
            wasSent = false
            timer.cancel()
        case .idle, .closed: wasSent = false
        }
        state = next
        backlog = ByteBuffer()
        deadlineTimer?.cancel()
        deadlineTimer = nil
        // The completions may send anew: what they see is the new state.
        let failed = pending
        pending = []
        pendingBytes = 0
        for command in failed {
            var failure = except[command.ticket] ?? error
            failure.isInDoubt = wasSent
            command.completion(.failure(failure))
        }
    }
}
