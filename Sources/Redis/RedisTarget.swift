/// What one connection is to reach.
enum RedisTarget: Sendable, Hashable, CustomStringConvertible {
    case server(RedisAddress)
    /// Whichever server these sentinels name as the master at the time of connecting.
    case master(String, sentinels: [RedisAddress])

    var description: String {
        switch self {
        case .server(let address): "\(address)"
        case .master(let name, _): "master \(name)"
        }
    }
}

/// How the connections of one event loop find the server for a command, and learn that another has taken its place.
enum RedisRoute {
    /// One server has all keys; the observers are told when a sentinel has made another one the master.
    case single(RedisTarget, Observers)
    case cluster(ClusterTopology)

    var observers: Observers {
        switch self {
        case .single(_, let observers): observers
        case .cluster(let topology): topology.observers
        }
    }
}

/// Who wants to be told of a change, on one event loop.
final class Observers {
    struct Token: Hashable { fileprivate let number: Int }

    private var handlers: [Token: () -> Void] = [:]
    private var count = 0

    func add(_ handler: @escaping () -> Void) -> Token {
        count += 1
        let token = Token(number: count)
        handlers[token] = handler
        return token
    }

    func remove(_ token: Token) { handlers[token] = nil }

    func notify() {
        // A handler may add or remove one.
        for handler in Array(handlers.values) { handler() }
    }
}
