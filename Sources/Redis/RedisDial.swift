internal import NIOCore
internal import NIOPosix

/// One attempt to reach a server, within the connect timeout: who is the master, if it is for sentinels to say; socket, with
/// TLS if asked for; the greeting (AUTH, SELECT, CLIENT SETNAME, and for a master ROLE).
///
/// Made and used on one event loop. Ends by calling `completion` exactly once, unless it is cancelled.
final class RedisDial {
    private let target: RedisTarget
    private let configuration: RedisConfiguration
    private let loop: any EventLoop
    private let wire: RedisWire
    private var query: RedisQuery<RedisAddress>?
    private var completion: ((Result<RedisWire, RedisError>) -> Void)?
    private var timer: Scheduled<Void>?
    private var repliesMissing = 0

    init(
        target: RedisTarget,
        configuration: RedisConfiguration,
        loop: any EventLoop,
        completion: @escaping (Result<RedisWire, RedisError>) -> Void
    ) {
        self.target = target
        self.configuration = configuration
        self.loop = loop
        self.completion = completion
        wire = RedisWire(configuration: configuration, loop: loop)
    }

    func start() {
        timer = loop.assumeIsolated().scheduleTask(in: TimeAmount(configuration.connectTimeout)) {
            self.fail(RedisError(.unavailable, "no answer from \(self.target) in time"))
        }
        switch target {
        case .server(let address): connect(to: address)
        case .master(let name, let sentinels): locate(name, sentinels)
        }
    }

    /// Gives up; `completion` is not called.
    func cancel() {
        completion = nil
        timer?.cancel()
        query?.cancel()
        query = nil
        wire.close()
    }

    // MARK: The master

    private func locate(_ master: String, _ sentinels: [RedisAddress]) {
        let query = RedisQuery(
            RedisCommand("SENTINEL", "GET-MASTER-ADDR-BY-NAME", RedisArgument(master)),
            of: sentinels,
            configuration: configuration.forSentinels,
            loop: loop
        ) { reply, sentinel throws(RedisError) in
            guard let parts = reply.array, parts.count == 2, let host = parts[0].string, let port = parts[1].int else {
                throw RedisError(.unavailable, "the sentinel \(sentinel) knows no master \(master)")
            }
            return RedisAddress.tcp(host: host, port: Int(port))
        } completion: { result in
            self.query = nil
            switch result {
            case .success(let address): self.connect(to: address)
            case .failure(let error):
                self.fail(RedisError(.unavailable, "no sentinel tells the master \(master)", cause: error))
            }
        }
        self.query = query
        query.start()
    }

    /// A sentinel may name a server that has been replaced, or is not yet the master.
    private static func verify(role reply: RESPValue) throws(RedisError) {
        guard reply.array?.first?.string == "master" else {
            throw RedisError(.unavailable, "the server that the sentinels name is not a master")
        }
    }

    // MARK: The socket

    private func connect(to address: RedisAddress) {
        open(address).assumeIsolated().whenComplete { result in
            switch result {
            case .success: self.greet()
            case .failure(let error):
                self.fail(RedisError(.unavailable, "cannot connect to \(address)", cause: error))
            }
        }
    }

    private func open(_ address: RedisAddress) -> EventLoopFuture<any Channel> {
        let boundWire = NIOLoopBound(wire, eventLoop: loop)
        let tls = configuration.tls
        let bootstrap = ClientBootstrap(group: loop)
            .connectTimeout(TimeAmount(configuration.connectTimeout))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let tls, case .tcp(let host, _) = address {
                        try channel.pipeline.syncOperations.addHandler(tls.makeHandler(host: host))
                    }
                    try channel.pipeline.syncOperations.addHandler(boundWire.value)
                }
            }
        switch address {
        case .tcp(let host, let port):
            return bootstrap.channelOption(.tcpOption(.tcp_nodelay), value: 1).connect(host: host, port: port)
        case .unix(let path):
            return bootstrap.connect(unixDomainSocketPath: path)
        }
    }

    // MARK: The greeting

    private func greet() {
        guard completion != nil else { return wire.close() }
        wire.onLoss = { self.fail($0) }
        wire.onReply = { self.take($0) }
        let commands = greeting()
        repliesMissing = commands.count
        for command in commands { wire.send(command) }
    }

    /// The last one is ROLE, if it is a master that is to be reached.
    private func greeting() -> [RedisCommand] {
        var commands: [RedisCommand] = []
        if let password = configuration.password {
            let user = configuration.username.map { [RedisArgument($0)] } ?? []
            commands.append(RedisCommand("AUTH", user + [RedisArgument(password)]))
        }
        if configuration.database != 0 {
            commands.append(RedisCommand("SELECT", RedisArgument(configuration.database)))
        }
        commands.append(RedisCommand("CLIENT", "SETNAME", RedisArgument(configuration.clientName)))
        if case .master = target { commands.append(RedisCommand("ROLE")) }
        return commands
    }

    private func take(_ reply: RESPValue) {
        repliesMissing -= 1
        do throws(RedisError) {
            if case .error(let text) = reply { throw RedisError(.server, text) }
            guard repliesMissing == 0 else { return }
            if case .master = target { try Self.verify(role: reply) }
            finish(.success(wire))
        } catch {
            fail(error)
        }
    }

    private func fail(_ error: RedisError) {
        wire.close()
        finish(.failure(error))
    }

    private func finish(_ result: Result<RedisWire, RedisError>) {
        timer?.cancel()
        timer = nil
        query?.cancel()
        query = nil
        let completion = completion
        self.completion = nil
        completion?(result)
    }
}
