/// The end of a server's connection in good order (RFC 9113 section 6.8); a value without I/O.
///
/// A first GOAWAY names no stream. A PING follows it, and the peer that answers it has seen the GOAWAY: everything it will ever
/// send has been sent. Then a second one names the last stream accepted. A peer that does not answer gets a sweep or two.
struct GracefulShutdown {
    private enum State { case none, noticed, probed, final }

    private var state = State.none
    private var isProbeDue = false
    private var isEndDue = false
    private var hasAged = false

    /// Whether the last GOAWAY is on its way: what it does not name must not be processed.
    var isFinal: Bool { state == .final }

    /// Begins; false if it has begun before.
    mutating func begin() -> Bool {
        guard state == .none else { return false }
        state = .noticed
        return true
    }

    /// A GOAWAY has left. The PING must follow the first one: nghttp2 would send it ahead, which would prove nothing.
    mutating func sentGoAway() {
        isProbeDue = state == .noticed
    }

    /// Whether to send the PING now; it counts as sent.
    mutating func takeProbe() -> Bool {
        guard isProbeDue else { return false }
        (isProbeDue, state) = (false, .probed)
        return true
    }

    /// The peer has acknowledged a PING.
    ///
    /// - Parameter open: how many it has not.
    mutating func acknowledged(open: Int) {
        isEndDue = state == .probed && open == 0
    }

    /// A sweep has come by.
    mutating func sweep() {
        guard state == .noticed || state == .probed else { return }
        isEndDue = hasAged
        hasAged = true
    }

    /// Whether to send the last GOAWAY now, because the peer has seen the first one or had the time to; it counts as sent.
    mutating func takeEnd() -> Bool {
        guard isEndDue else { return false }
        isEndDue = false
        return end()
    }

    /// Goes on to the last GOAWAY at once; false if it is not to be sent, or has been.
    mutating func end() -> Bool {
        guard state == .noticed || state == .probed else { return false }
        state = .final
        return true
    }
}
