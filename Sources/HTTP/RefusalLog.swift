import Logging
import Metrics
import NIOCore

/// Why a peer did not get what it asked for; see ``HTTPLimits`` for the bounds.
enum Refusal: String, CaseIterable {
    /// A connection above the number of those that may be open.
    case connections
    /// A connection that did not begin to speak HTTP in time.
    case silence
    /// A handshake of TLS that failed.
    case handshake
    /// Bytes that break the protocol, or that could be understood in two ways.
    case malformed
    /// A header list, or a request line, that is too large.
    case headerSize = "header_size"
    /// A header that was not completed in time, or a body that came too slowly.
    case timeout
    /// A stream above the number of those that may be open.
    case streams
    /// A request whose body found no room among those that are not complete.
    case bodies
    /// Too many frames that serve no request.
    case flood
    /// A request or a response that the peer left standing.
    case stall
    /// Nothing came from the peer, not even the acknowledgement of a PING.
    case unresponsive
}

/// The counters of one port, `http_refusals_total` by reason.
final class RefusalCounters: Sendable {
    private let counters: [Counter]

    init(factory: any MetricsFactory = MetricsSystem.factory) {
        counters = Refusal.allCases.map { refusal in
            Counter(label: "http_refusals_total", dimensions: [("reason", refusal.rawValue)], factory: factory)
        }
    }

    func count(_ refusal: Refusal) {
        guard let index = Refusal.allCases.firstIndex(of: refusal) else { return }
        counters[index].increment()
    }
}

/// What one connection was refused: all of it is counted, and the first is told to the log, so that a peer cannot fill
/// the log by being refused.
struct RefusalLog {
    let counters: RefusalCounters
    let logger: Logger
    let peer: SocketAddress?
    private var hasLogged = false

    init(counters: RefusalCounters, logger: Logger, peer: SocketAddress?) {
        self.counters = counters
        self.logger = logger
        self.peer = peer
    }

    mutating func note(_ refusal: Refusal) {
        counters.count(refusal)
        guard !hasLogged else { return }
        hasLogged = true
        let peer = peer.map { "\($0)" } ?? "unknown"
        logger.notice("refused", metadata: ["reason": "\(refusal.rawValue)", "peer": "\(peer)"])
    }
}
