import NIOCore

/// How a connection finds out that its peer is gone without a word, stopped or cut off: from which nothing has arrived
/// for a time, it is sent a PING (RFC 9113 section 6.7), and if nothing arrives after that either, the connection ends.
public struct KeepAlive: Sendable, Equatable {
    /// How long the peer may be silent before it is asked.
    public var time: Duration
    /// How long it may be silent after it was asked.
    public var timeout: Duration
    /// Whether it is asked also while no request is open. Many servers do not like that of clients.
    public var includesIdle: Bool

    public init(time: Duration, timeout: Duration = .seconds(20), includesIdle: Bool = false) {
        self.time = time
        self.timeout = timeout
        self.includesIdle = includesIdle
    }

    /// How often to look; both times are exact to this.
    var interval: TimeAmount { max(.milliseconds(10), min(.seconds(1), (min(time, timeout) / 2).timeAmount)) }
}

/// What one connection knows of its peer's silence; a value without I/O, to which time is given.
struct SilenceWatch {
    enum Action {
        case none
        case ping
        case close
    }

    private enum State {
        case silent(since: NIODeadline)
        case asked(at: NIODeadline)
    }

    let keepAlive: KeepAlive
    private var state: State?
    /// Whether something arrived since the last check; set for every read, which is not the place to read a clock.
    private var hasHeard = false

    init(_ keepAlive: KeepAlive) {
        self.keepAlive = keepAlive
    }

    mutating func heard() {
        hasHeard = true
    }

    /// - Parameter isIdle: whether no request is open.
    mutating func check(at now: NIODeadline, isIdle: Bool) -> Action {
        if hasHeard || (isIdle && !keepAlive.includesIdle) { state = nil }
        hasHeard = false
        switch state {
        case nil:
            state = .silent(since: now)
        case .silent(let since) where now - since >= keepAlive.time.timeAmount:
            state = .asked(at: now)
            return .ping
        case .asked(let time) where now - time >= keepAlive.timeout.timeAmount:
            return .close
        case .silent, .asked:
            break
        }
        return .none
    }
}
