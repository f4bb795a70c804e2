internal import NIOCore

/// Asks several servers the same at once, each on a connection of its own; the first answer that is of use counts.
///
/// So a server that hangs costs no time while another answers. Made and used on one event loop. Ends within the connect
/// timeout by calling `completion` exactly once, unless it is cancelled.
final class RedisQuery<Answer> {
    typealias Completion = (Result<Answer, RedisError>) -> Void

    /// Of a longer list so many are asked, drawn by lot.
    private static var width: Int { 5 }

    private let servers: [RedisAddress]
    private let command: RedisCommand
    private let configuration: RedisConfiguration
    private let loop: any EventLoop
    private let read: (RESPValue, _ server: RedisAddress) throws(RedisError) -> Answer
    private var completion: Completion?
    private var dials: [RedisDial] = []
    private var wires: [RedisWire] = []
    private var missing = 0
    private var timer: Scheduled<Void>?

    /// - Parameter read: throws for an answer that is of no use.
    init(
        _ command: RedisCommand,
        of servers: [RedisAddress],
        configuration: RedisConfiguration,
        loop: any EventLoop,
        read: @escaping (RESPValue, _ server: RedisAddress) throws(RedisError) -> Answer,
        completion: @escaping Completion
    ) {
        self.servers = Array(servers.shuffled().prefix(Self.width))
        self.command = command
        self.configuration = configuration
        self.loop = loop
        self.read = read
        self.completion = completion
    }

    func start() {
        missing = servers.count
        timer = loop.assumeIsolated().scheduleTask(in: TimeAmount(configuration.connectTimeout)) {
            self.finish(.failure(RedisError(.unavailable, "no answer from \(self.servers) in time")))
        }
        for server in servers {
            let dial = RedisDial(target: .server(server), configuration: configuration, loop: loop) {
                switch $0 {
                case .success(let wire): self.ask(server, on: wire)
                case .failure(let error): self.fail(error)
                }
            }
            dials.append(dial)
            dial.start()
        }
    }

    /// Gives up; `completion` is not called.
    func cancel() {
        completion = nil
        timer?.cancel()
        for dial in dials { dial.cancel() }
        for wire in wires { wire.close() }
        (dials, wires) = ([], [])
    }

    private func ask(_ server: RedisAddress, on wire: RedisWire) {
        guard completion != nil else { return wire.close() }
        wires.append(wire)
        wire.onLoss = { self.fail($0) }
        wire.onReply = { [unowned wire] reply in
            wire.close()
            do throws(RedisError) {
                if case .error(let text) = reply { throw RedisError(.server, text) }
                self.finish(.success(try self.read(reply, server)))
            } catch {
                self.fail(error)
            }
        }
        wire.send(command)
    }

    private func fail(_ error: RedisError) {
        missing -= 1
        if missing == 0 { finish(.failure(error)) }
    }

    private func finish(_ result: Result<Answer, RedisError>) {
        let completion = completion
        cancel()
        completion?(result)
    }
}
