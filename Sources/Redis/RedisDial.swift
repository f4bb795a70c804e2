internal import NIOCore
internal import NIOPosix

/// One attempt to reach a server: socket, TLS if asked for, then the greeting (AUTH, SELECT, CLIENT SETNAME), within the connect timeout.
///
/// Made and used on one event loop. Ends by calling `completion` exactly once, unless it is cancelled.
final class RedisDial {
    private let configuration: RedisConfiguration
    private let loop: any EventLoop
    private let wire: RedisWire
    private var completion: ((Result<RedisWire, RedisError>) -> Void)?
    private var timer: Scheduled<Void>?
    private var repliesMissing = 0

    init(
        configuration: RedisConfiguration,
        loop: any EventLoop,
        completion: @escaping (Result<RedisWire, RedisError>) -> Void
    ) {
        self.configuration = configuration
        self.loop = loop
        self.completion = completion
        wire = RedisWire(configuration: configuration, loop: loop)
    }

    func start() {
        timer = loop.assumeIsolated().scheduleTask(in: TimeAmount(configuration.connectTimeout)) {
            self.fail(RedisError(.unavailable, "no answer from \(self.configuration.address) in time"))
        }
        connect().assumeIsolated().whenComplete { result in
            switch result {
            case .success: self.greet()
            case .failure(let error):
                self.fail(RedisError(.unavailable, "cannot connect to \(self.configuration.address)", cause: error))
            }
        }
    }

    /// Gives up; `completion` is not called.
    func cancel() {
        completion = nil
        timer?.cancel()
        wire.close()
    }

    private func connect() -> EventLoopFuture<any Channel> {
        let boundWire = NIOLoopBound(wire, eventLoop: loop)
        let tls = configuration.tls
        let address = configuration.address
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

    private func greet() {
        guard completion != nil else { return wire.close() }
        wire.onLoss = { self.fail($0) }
        wire.onReply = { self.take($0) }
        let commands = greeting()
        repliesMissing = commands.count
        for command in commands { wire.send(command) }
    }

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
        return commands
    }

    private func take(_ reply: RESPValue) {
        if case .error(let text) = reply { return fail(RedisError(.server, text)) }
        repliesMissing -= 1
        if repliesMissing == 0 { finish(.success(wire)) }
    }

    private func fail(_ error: RedisError) {
        wire.close()
        finish(.failure(error))
    }

    private func finish(_ result: Result<RedisWire, RedisError>) {
        timer?.cancel()
        timer = nil
        let completion = completion
        self.completion = nil
        completion?(result)
    }
}
