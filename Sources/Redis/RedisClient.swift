public import Logging
public import NIOCore
public import NIOPosix

/// A client of one Redis server: one pipelined, lazily opened connection for each event loop of a group.
///
/// The async methods may be called from anywhere and choose a loop; code that lives on a loop takes that loop's
/// connection and its callbacks instead, which costs a third of an `await`. Cancelling a task does not interrupt a
/// command: the wait is bounded by the command timeout. For commands that block, see ``BlockingConnection``.
public final class RedisClient: Sendable {
    public let configuration: RedisConfiguration

    private let group: MultiThreadedEventLoopGroup
    private let connections: [ObjectIdentifier: NIOLoopBoundBox<RedisConnection>]

    /// - Parameter group: must live until ``close()`` has returned.
    public init(configuration: RedisConfiguration, group: MultiThreadedEventLoopGroup, logger: Logger) {
        self.configuration = configuration
        self.group = group
        var connections: [ObjectIdentifier: NIOLoopBoundBox<RedisConnection>] = [:]
        for loop in group.makeIterator() {
            let connection = RedisConnection(configuration: configuration, loop: loop, logger: logger)
            connections[ObjectIdentifier(loop)] = .makeBoxSendingValue(connection, eventLoop: loop)
        }
        self.connections = connections
    }

    /// The connection of `loop`, which must be one of the group's; call it on that loop.
    public func connection(on loop: any EventLoop) -> RedisConnection {
        box(of: loop).value
    }

    /// Sends one command.
    ///
    /// - Throws: `.server` for an error reply; `.unavailable` and `.timeout` without one, see ``RedisConnection``.
    public func send(_ command: RedisCommand) async throws(RedisError) -> RESPValue {
        let loop = group.any()
        let box = box(of: loop)
        let result = await withCheckedContinuation { continuation in
            loop.execute { box.value.send(command) { continuation.resume(returning: $0) } }
        }
        return try result.get()
    }

    /// Sends commands behind each other in one write; they are not a transaction.
    ///
    /// - Returns: one result for each command, in order.
    public func send(batch: [RedisCommand]) async -> [Result<RESPValue, RedisError>] {
        await send(pipeline: batch.map { .command($0) })
    }

    /// Sends commands and script calls behind each other in one write: they take effect in their order, and are not a transaction.
    ///
    /// - Returns: one result for each call, in order.
    public func send(pipeline: [RedisCall]) async -> [Result<RESPValue, RedisError>] {
        guard !pipeline.isEmpty else { return [] }
        let loop = group.any()
        let box = box(of: loop)
        return await withCheckedContinuation { continuation in
            loop.execute {
                let connection = box.value
                let replies = BatchReplies(count: pipeline.count) { continuation.resume(returning: $0) }
                for (index, call) in pipeline.enumerated() {
                    switch call {
                    case .command(let command):
                        connection.send(command) { replies.set(index, $0) }
                    case .script(let script, let keys, let arguments):
                        connection.run(script, keys: keys, arguments: arguments) { replies.set(index, $0) }
                    }
                }
            }
        }
    }

    /// Runs a script by its digest, teaching it to the server when needed; see ``RedisConnection``.
    public func run(
        _ script: RedisScript,
        keys: [String],
        arguments: [RedisArgument] = []
    ) async throws(RedisError) -> RESPValue {
        let loop = group.any()
        let box = box(of: loop)
        let result = await withCheckedContinuation { continuation in
            loop.execute {
                box.value.run(script, keys: keys, arguments: arguments) { continuation.resume(returning: $0) }
            }
        }
        return try result.get()
    }

    /// Whether the server answers; a server that is still loading its data is not available.
    public func ping() async throws(RedisError) {
        _ = try await send(RedisCommand("PING"))
    }

    /// Makes sure that the server would rather refuse a write than throw stored data away.
    ///
    /// - Throws: `.configuration`, with how to mend it, for a `maxmemory-policy` that evicts.
    public func requireNoEviction() async throws(RedisError) {
        let info = try await send(RedisCommand("INFO", "memory")).string ?? ""
        let field = "maxmemory_policy:"
        guard let line = info.split(whereSeparator: \.isNewline).first(where: { $0.hasPrefix(field) }) else {
            throw RedisError(.configuration, "\(configuration.address) does not tell its maxmemory-policy")
        }
        let policy = line.dropFirst(field.count)
        guard policy == "noeviction" else {
            throw RedisError(
                .configuration,
                "\(configuration.address) would evict data (maxmemory-policy \(policy)): "
                    + "set it by CONFIG SET maxmemory-policy noeviction, and in redis.conf"
            )
        }
    }

    /// Closes all connections; what is pending fails with `.closed`, as does every later command.
    public func close() async {
        for loop in group.makeIterator() {
            let box = box(of: loop)
            await withCheckedContinuation { continuation in
                loop.execute {
                    box.value.close()
                    continuation.resume()
                }
            }
        }
    }

    private func box(of loop: any EventLoop) -> NIOLoopBoundBox<RedisConnection> {
        guard let box = connections[ObjectIdentifier(loop)] else {
            preconditionFailure("the event loop is not one of the client's group")
        }
        return box
    }
}

/// What ``RedisClient/send(pipeline:)`` sends.
public enum RedisCall: Sendable {
    case command(RedisCommand)
    case script(RedisScript, keys: [String], arguments: [RedisArgument])
}

/// Gathers the replies of a batch, on one loop.
private final class BatchReplies {
    private var results: [Result<RESPValue, RedisError>?]
    private var missing: Int
    private let completion: ([Result<RESPValue, RedisError>]) -> Void

    init(count: Int, completion: @escaping ([Result<RESPValue, RedisError>]) -> Void) {
        results = Array(repeating: nil, count: count)
        missing = count
        self.completion = completion
    }

    func set(_ index: Int, _ result: Result<RESPValue, RedisError>) {
        results[index] = result
        missing -= 1
        if missing == 0 { completion(results.compactMap { $0 }) }
    }
}
