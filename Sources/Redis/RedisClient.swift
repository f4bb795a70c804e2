public import Logging
public import NIOCore
public import NIOPosix

/// A client of a Redis deployment: for each event loop of a group one pipelined, lazily opened connection to the server,
/// or to each master of a cluster.
///
/// The async methods may be called from anywhere and choose a loop; code that lives on a loop takes that loop's
/// connection and its callbacks instead, which costs a third of an `await`. Cancelling a task does not interrupt a
/// command: the wait is bounded by the command timeout. For commands that block, see ``makeBlockingConnection(on:)``.
public final class RedisClient: Sendable {
    public let configuration: RedisConfiguration

    /// What a loop's connections share, and the one for pipelined commands.
    private struct Share {
        let route: RedisRoute
        let connection: RedisConnection
    }

    private let group: MultiThreadedEventLoopGroup
    private let logger: Logger
    private let shares: [ObjectIdentifier: NIOLoopBoundBox<Share>]
    /// With sentinels, who listens to them; on the loop beside it.
    private let watch: NIOLoopBoundBox<SentinelWatch?>
    private let watchLoop: any EventLoop

    /// - Parameter group: must live until ``close()`` has returned.
    public init(configuration: RedisConfiguration, group: MultiThreadedEventLoopGroup, logger: Logger) {
        self.configuration = configuration
        self.group = group
        self.logger = logger
        var shares: [ObjectIdentifier: NIOLoopBoundBox<Share>] = [:]
        for loop in group.makeIterator() {
            shares[ObjectIdentifier(loop)] = .makeBoxSendingValue(
                Self.makeShare(configuration, loop, logger),
                eventLoop: loop
            )
        }
        self.shares = shares
        watchLoop = group.next()
        watch = .makeEmptyBox(valueType: SentinelWatch.self, eventLoop: watchLoop)
        if case .sentinel(let sentinels, let master) = configuration.deployment {
            watchLoop.execute { self.startWatching(sentinels, master) }
        }
    }

    private static func makeShare(
        _ configuration: RedisConfiguration,
        _ loop: any EventLoop,
        _ logger: Logger
    ) -> sending Share {
        let route: RedisRoute =
            switch configuration.deployment {
            case .server(let address): .single(.server(address), Observers())
            case .sentinel(let sentinels, let master): .single(.master(master, sentinels: sentinels), Observers())
            case .cluster(let seeds):
                .cluster(ClusterTopology(seeds: seeds, configuration: configuration, loop: loop))
            }
        let connection = RedisConnection(route: route, configuration: configuration, loop: loop, logger: logger)
        return Share(route: route, connection: connection)
    }

    private func startWatching(_ sentinels: [RedisAddress], _ master: String) {
        watch.value = SentinelWatch(
            sentinels,
            master: master,
            configuration: configuration,
            loop: watchLoop,
            logger: logger
        ) { [group, shares] in
            for loop in group.makeIterator() {
                guard let share = shares[ObjectIdentifier(loop)] else { continue }
                loop.execute { share.value.route.observers.notify() }
            }
        }
    }

    /// The connection of `loop`, which must be one of the group's; call it on that loop.
    public func connection(on loop: any EventLoop) -> RedisConnection {
        share(of: loop).value.connection
    }

    /// A connection of its own for commands that make the server wait.
    public func makeBlockingConnection(on loop: any EventLoop) -> BlockingConnection {
        let share = share(of: loop)
        return BlockingConnection(loop: loop) { [configuration, logger] in
            RedisConnection(route: share.value.route, configuration: configuration, loop: loop, logger: logger)
        }
    }

    /// What listens to channels on a loop of the group; call it on that loop.
    ///
    /// - Parameter onGap: called for a channel when it is subscribed again after it was not for a time.
    public func makeSubscription(
        on loop: any EventLoop,
        onGap: @escaping (_ channel: String) -> Void
    ) -> Subscription {
        let route = share(of: loop).value.route
        return Subscription(route: route, configuration: configuration, loop: loop, logger: logger, onGap: onGap)
    }

    /// Sends one command.
    ///
    /// - Throws: `.server` for an error reply; `.unavailable` and `.timeout` without one, see ``RedisConnection``.
    public func send(_ command: RedisCommand) async throws(RedisError) -> RESPValue {
        let (loop, share) = ownShare
        let result = await withCheckedContinuation { continuation in
            loop.perform { share.value.connection.send(command) { continuation.resume(returning: $0) } }
        }
        return try result.get()
    }

    /// Sends commands that do not depend on each other, in one write to each server that is asked.
    ///
    /// - Returns: one result for each command, in order.
    public func send(batch: [RedisCommand]) async -> [Result<RESPValue, RedisError>] {
        await send(batch) { connection, completion in
            connection.send(batch: batch.map { .command($0) }, completion: completion)
        }
    }

    /// Sends commands and script calls that take effect in their order; they are not a transaction. They leave in one write;
    /// in a cluster, where the slot of one is not that of the call before it, it waits for the replies to those. If one of these is
    /// an error, whatever has become of that call, it is not sent: it fails with the same error, as do those behind it.
    ///
    /// - Returns: one result for each call, in order.
    public func send(pipeline: [RedisCall]) async -> [Result<RESPValue, RedisError>] {
        await send(pipeline) { $0.send(pipeline: pipeline, completion: $1) }
    }

    private func send(
        _ calls: [some Sendable],
        _ body: @escaping @Sendable (RedisConnection, @escaping ([Result<RESPValue, RedisError>]) -> Void) -> Void
    ) async -> [Result<RESPValue, RedisError>] {
        guard !calls.isEmpty else { return [] }
        let (loop, share) = ownShare
        return await withCheckedContinuation { continuation in
            loop.perform { body(share.value.connection) { continuation.resume(returning: $0) } }
        }
    }

    /// Runs a script by its digest, teaching it to the server when needed; see ``RedisConnection``.
    public func run(
        _ script: RedisScript,
        keys: [String],
        arguments: [RedisArgument] = []
    ) async throws(RedisError) -> RESPValue {
        let (loop, share) = ownShare
        let result = await withCheckedContinuation { continuation in
            loop.perform {
                share.value.connection.run(script, keys: keys, arguments: arguments) {
                    continuation.resume(returning: $0)
                }
            }
        }
        return try result.get()
    }

    /// Sends a command to every server that has keys of its own: the one, or each master of a cluster.
    func sendToMasters(_ command: RedisCommand) async throws(RedisError) -> [RESPValue] {
        let (loop, share) = ownShare
        let result = await withCheckedContinuation { continuation in
            loop.perform {
                share.value.connection.sendToMasters(command) { continuation.resume(returning: $0) }
            }
        }
        return try result.get()
    }

    /// Closes all connections; what is pending fails with `.closed`, as does every later command.
    ///
    /// Subscriptions and blocking connections are closed by who asked for them.
    public func close() async {
        for loop in group.makeIterator() {
            let share = share(of: loop)
            await withCheckedContinuation { continuation in
                loop.execute {
                    share.value.connection.close()
                    if case .cluster(let topology) = share.value.route { topology.close() }
                    continuation.resume()
                }
            }
        }
        await withCheckedContinuation { continuation in
            watchLoop.execute {
                self.watch.value?.close()
                self.watch.value = nil
                continuation.resume()
            }
        }
    }

    /// A loop of the group: that on which this is called, if it is one of them.
    public var anyLoop: any EventLoop { group.any() }

    /// The loop that this runs on, if it is one of the group, or else any, and what there is on it.
    private var ownShare: (loop: any EventLoop, share: NIOLoopBoundBox<Share>) {
        let loop = group.any()
        return (loop, share(of: loop))
    }

    private func share(of loop: any EventLoop) -> NIOLoopBoundBox<Share> {
        guard let share = shares[ObjectIdentifier(loop)] else {
            preconditionFailure("the event loop is not one of the client's group")
        }
        return share
    }
}

extension EventLoop {
    /// At once where this is the loop, which spares the call its way through the loop's queue.
    fileprivate func perform(_ body: @escaping @Sendable () -> Void) {
        if inEventLoop { body() } else { execute(body) }
    }
}
