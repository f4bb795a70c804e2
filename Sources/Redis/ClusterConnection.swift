internal import Logging
internal import NIOCore

/// One event loop's connections to the masters of a cluster: sends each command to the one that serves its key.
///
/// Owned by a ``RedisConnection`` and used on its loop only. A command is sent again only when a node has answered that it did
/// nothing with it: after MOVED and ASK at once, at most five times; after TRYAGAIN and CLUSTERDOWN after a pause; all
/// within the command's time limit. When a connection is lost its commands fail as those of a single server do, and the
/// map of the cluster is asked for anew.
final class ClusterConnection {
    typealias Completion = (Result<RESPValue, RedisError>) -> Void

    /// A command on its way, which may lead over several nodes.
    final class Errand {
        fileprivate let call: RedisCall
        fileprivate let slot: Int?
        fileprivate let deadline: NIODeadline
        fileprivate var completion: Completion?
        fileprivate var redirections = 0
        fileprivate var backoff = Backoff()
        /// Where it waits for its reply.
        fileprivate var place: (server: ServerConnection, ticket: ServerConnection.Ticket)?

        fileprivate init(_ call: RedisCall, deadline: NIODeadline, completion: @escaping Completion) {
            self.call = call
            slot = call.slot
            self.deadline = deadline
            self.completion = completion
        }

        fileprivate var timeLeft: TimeAmount { deadline - .now() }

        fileprivate func finish(_ result: Result<RESPValue, RedisError>) {
            place = nil
            completion.take()?(result)
        }
    }

    private static let maxRedirections = 5

    private let topology: ClusterTopology
    private let configuration: RedisConfiguration
    private let loop: any EventLoop
    private let logger: Logger
    private var servers: [RedisAddress: ServerConnection] = [:]
    private var token: Observers.Token?
    private var isClosed = false

    init(topology: ClusterTopology, configuration: RedisConfiguration, loop: any EventLoop, logger: Logger) {
        self.topology = topology
        self.configuration = configuration
        self.loop = loop
        self.logger = logger
        token = topology.observers.add { [weak self] in self?.dropFormerMasters() }
    }

    /// Sends a call to the master of its key's slot, one without a key to any.
    ///
    /// `completion` is called once, never before this method has returned.
    @discardableResult
    func send(_ call: RedisCall, timeout: TimeAmount, completion: @escaping Completion) -> Errand {
        loop.preconditionInEventLoop()
        let errand = Errand(call, deadline: .now() + timeout, completion: completion)
        dispatch(errand)
        return errand
    }

    func sendToMasters(
        _ command: RedisCommand,
        timeout: TimeAmount,
        completion: @escaping (Result<[RESPValue], RedisError>) -> Void
    ) {
        topology.withMap { result in
            guard case .success(let map) = result else { return completion(result.map { _ in [] }) }
            let replies = ReplyCollector(count: map.masters.count) { completion(Self.all($0)) }
            for (index, address) in map.masters.enumerated() {
                self.server(at: address).send(command, timeout: timeout) { replies.set(index, $0) }
            }
        }
    }

    /// The replies, or the first error.
    private static func all(_ results: [Result<RESPValue, RedisError>]) -> Result<[RESPValue], RedisError> {
        var replies: [RESPValue] = []
        for result in results {
            switch result {
            case .success(let reply): replies.append(reply)
            case .failure(let error): return .failure(error)
            }
        }
        return .success(replies)
    }

    /// See ``RedisConnection/abandon(_:)``.
    func abandon(_ errand: Errand) {
        if let place = errand.place {
            place.server.abandon(place.ticket)
        } else {
            errand.finish(.failure(RedisError(.cancelled, "the command was cancelled")))
        }
    }

    func close() {
        isClosed = true
        if let token { topology.observers.remove(token) }
        for server in servers.values { server.close() }
        servers = [:]
    }

    // MARK: On the way

    private func dispatch(_ errand: Errand) {
        topology.withMap { result in
            switch result {
            case .success(let map):
                guard let address = errand.slot.map(map.master(of:)) ?? map.masters.randomElement() else {
                    return self.sendLater(errand, RedisError(.unavailable, "no node of the cluster serves the slot"))
                }
                self.transmit(errand, to: address)
            case .failure(let error):
                self.loop.assumeIsolated().execute { errand.finish(.failure(error)) }
            }
        }
    }

    private func transmit(_ errand: Errand, to address: RedisAddress, isAsking: Bool = false) {
        guard errand.completion != nil else { return }
        let server = server(at: address)
        let receive: Completion = { self.receive($0, for: errand, from: address) }
        switch errand.call {
        case .command(let command):
            let ticket = server.send(command, isAsking: isAsking, timeout: errand.timeLeft, completion: receive)
            errand.place = ticket.map { (server, $0) }
        case .script(let script, let keys, let arguments):
            server.run(
                script,
                keys: keys,
                arguments: arguments,
                isAsking: isAsking,
                timeout: errand.timeLeft,
                completion: receive
            )
        }
    }

    private func receive(_ result: Result<RESPValue, RedisError>, for errand: Errand, from address: RedisAddress) {
        guard case .failure(let error) = result, let redirection = ClusterRedirection(error, from: address) else {
            return errand.finish(result)
        }
        errand.place = nil
        switch redirection {
        case .moved(let slot, let target):
            // A command that was sent at random learns nothing about the map from not having hit.
            if errand.slot != nil { topology.learn(slot, isServedBy: target) }
            redirect(errand, to: target, error)
        case .ask(let target):
            redirect(errand, to: target, isAsking: true, error)
        case .later:
            sendLater(errand, error)
        }
    }

    private func redirect(_ errand: Errand, to target: RedisAddress, isAsking: Bool = false, _ error: RedisError) {
        errand.redirections += 1
        guard errand.redirections <= Self.maxRedirections, errand.timeLeft > .zero else {
            return errand.finish(.failure(RedisError(.unavailable, "the cluster redirects without end", cause: error)))
        }
        transmit(errand, to: target, isAsking: isAsking)
    }

    private func sendLater(_ errand: Errand, _ error: RedisError) {
        topology.refresh()
        let pause = errand.backoff.next()
        guard pause < errand.timeLeft else {
            return loop.assumeIsolated().execute { errand.finish(.failure(error)) }
        }
        loop.assumeIsolated().scheduleTask(in: pause) {
            guard errand.completion != nil else { return }
            self.dispatch(errand)
        }
    }

    // MARK: Nodes

    private func server(at address: RedisAddress) -> ServerConnection {
        if let server = servers[address] { return server }
        let server = ServerConnection(
            target: .server(address),
            configuration: configuration,
            loop: loop,
            logger: logger
        )
        server.onLoss = { [weak self] in self?.topology.refresh() }
        if isClosed { server.close() } else { servers[address] = server }
        return server
    }

    /// After a query: a connection to a node without slots ends, once nothing is pending on it.
    private func dropFormerMasters() {
        guard let map = topology.map else { return }
        for (address, server) in servers where server.isIdle && !map.masters.contains(address) {
            server.close()
            servers[address] = nil
        }
    }
}
