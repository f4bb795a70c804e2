internal import Logging
internal import NIOCore

/// One event loop's way to Redis: a pipelined connection to the server, or one to each node of a cluster.
///
/// The hot path: callbacks, without an await. Owned by a ``RedisClient`` (one for each event loop) or a
/// ``BlockingConnection``; every member is used on its loop only. A command that may have taken effect is never sent twice;
/// what else happens when something is wrong is told at ``RedisError/Code``.
public final class RedisConnection {
    public typealias Completion = (Result<RESPValue, RedisError>) -> Void

    /// Names a command that was sent, for ``abandon(_:)``.
    enum Ticket {
        case server(ServerConnection.Ticket)
        case cluster(ClusterConnection.Errand)
    }

    private enum Way {
        case server(ServerConnection, Observers, Observers.Token)
        case cluster(ClusterConnection)
    }

    private let way: Way
    private let commandTimeout: TimeAmount

    init(route: RedisRoute, configuration: RedisConfiguration, loop: any EventLoop, logger: Logger) {
        commandTimeout = TimeAmount(configuration.commandTimeout)
        switch route {
        case .single(let target, let switches):
            let server = ServerConnection(target: target, configuration: configuration, loop: loop, logger: logger)
            let token = switches.add { [weak server] in server?.redial("another server became the master") }
            way = .server(server, switches, token)
        case .cluster(let topology):
            way = .cluster(
                ClusterConnection(topology: topology, configuration: configuration, loop: loop, logger: logger)
            )
        }
    }

    /// Sends a command; all commands of one turn of the loop go out in one write.
    ///
    /// In a cluster the command goes where its ``RedisArgument/key(_:)`` is. Commands keep their order on a server as long as
    /// no keys move to another.
    ///
    /// - Parameter completion: called once, on the loop, never before this method has returned. A server's error reply is
    ///   a failure with the code `.server`.
    public func send(_ command: RedisCommand, completion: @escaping Completion) {
        send(command, timeout: commandTimeout, completion: completion)
    }

    /// Runs a script by its digest, and once more by its source if the server does not know it.
    ///
    /// The first run on a connection sends the source at once, so that scripts and commands sent behind each other
    /// keep their order. Only when a server forgets its scripts under an open connection (`SCRIPT FLUSH`) does the second
    /// attempt come behind commands that were sent meanwhile.
    ///
    /// - Parameter keys: keys that it touches; in a cluster they must share a hash tag, as must those that it makes of them, and the
    ///   first decides where it runs.
    public func run(
        _ script: RedisScript,
        keys: [String],
        arguments: [RedisArgument],
        completion: @escaping Completion
    ) {
        send(.script(script, keys: keys, arguments: arguments), completion: completion)
    }

    /// Sends calls that do not depend on each other.
    func send(batch calls: [RedisCall], completion: @escaping ([Result<RESPValue, RedisError>]) -> Void) {
        let replies = ReplyCollector(count: calls.count, completion: completion)
        for (index, call) in calls.enumerated() { send(call) { replies.set(index, $0) } }
    }

    /// Sends calls that take effect in their order; see ``RedisClient/send(pipeline:)``.
    public func send(pipeline calls: [RedisCall], completion: @escaping ([Result<RESPValue, RedisError>]) -> Void) {
        sendNext(of: calls[...], ReplyCollector(count: calls.count, completion: completion))
    }

    /// Sends the calls at the front that are one server's, and when they have been answered the others.
    private func sendNext(of calls: ArraySlice<RedisCall>, _ replies: ReplyCollector) {
        guard let first = calls.first else { return }
        let together =
            switch way {
            case .server: calls
            case .cluster: calls.prefix { $0.slot == first.slot }
            }
        let rest = calls[together.endIndex...]
        var missing = together.count
        var failure: RedisError?
        for (index, call) in zip(together.indices, together) {
            send(call) { reply in
                if case .failure(let error) = reply { failure = failure ?? error }
                replies.set(index, reply)
                missing -= 1
                guard missing == 0 else { return }
                guard let failure else { return self.sendNext(of: rest, replies) }
                for index in rest.indices { replies.set(index, .failure(failure)) }
            }
        }
    }

    private func send(_ call: RedisCall, completion: @escaping Completion) {
        switch (way, call) {
        case (.cluster(let cluster), _):
            cluster.send(call, timeout: commandTimeout, completion: completion)
        case (.server(let server, _, _), .command(let command)):
            server.send(command, timeout: commandTimeout, completion: completion)
        case (.server(let server, _, _), .script(let script, let keys, let arguments)):
            server.run(script, keys: keys, arguments: arguments, timeout: commandTimeout, completion: completion)
        }
    }

    @discardableResult
    func send(_ command: RedisCommand, timeout: TimeAmount, completion: @escaping Completion) -> Ticket? {
        switch way {
        case .server(let server, _, _):
            server.send(command, timeout: timeout, completion: completion).map { .server($0) }
        case .cluster(let cluster):
            .cluster(cluster.send(.command(command), timeout: timeout, completion: completion))
        }
    }

    /// Gives up a command that is still pending, with `.cancelled`. Its connection is closed, as the reply would come out of
    /// step: what else is pending there fails with `.unavailable`. The next command connects again at once.
    func abandon(_ ticket: Ticket) {
        switch (way, ticket) {
        case (.server(let server, _, _), .server(let ticket)): server.abandon(ticket)
        case (.cluster(let cluster), .cluster(let errand)): cluster.abandon(errand)
        case (.server, .cluster), (.cluster, .server): preconditionFailure("the ticket is another connection's")
        }
    }

    /// Sends a command to every server that has keys of its own.
    func sendToMasters(_ command: RedisCommand, completion: @escaping (Result<[RESPValue], RedisError>) -> Void) {
        switch way {
        case .server(let server, _, _):
            server.send(command, timeout: commandTimeout) { completion($0.map { [$0] }) }
        case .cluster(let cluster):
            cluster.sendToMasters(command, timeout: commandTimeout, completion: completion)
        }
    }

    /// Fails what is pending with `.closed`, as everything from then on.
    func close() {
        switch way {
        case .server(let server, let switches, let token):
            switches.remove(token)
            server.close()
        case .cluster(let cluster):
            cluster.close()
        }
    }
}
