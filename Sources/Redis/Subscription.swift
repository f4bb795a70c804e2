public import Logging
public import NIOCore

/// The Pub/Sub connection of one event loop: listens to channels and keeps listening through outages.
///
/// Pub/Sub delivers at most once and keeps nothing: what is published while the connection is down is lost. After a
/// reconnect each channel is subscribed again and `onGap` called for it, so that its owner reads what it missed from
/// where it is stored. Owned by whoever made it; created and used on its loop only, and every callback runs there.
public final class Subscription {
    private struct Listener {
        var onReady: (() -> Void)?
        let onMessage: (ByteBuffer) -> Void
    }

    private enum State {
        case idle
        case connecting(RedisDial)
        case ready(RedisWire)
        case waiting(Scheduled<Void>)
        case closed
    }

    /// Names in one SUBSCRIBE of a reconnect.
    private static let channelsPerCommand = 512

    private let configuration: RedisConfiguration
    private let loop: any EventLoop
    private let logger: Logger
    private let onGap: (String) -> Void
    private var state = State.idle
    private var backoff = Backoff()
    private var listeners: [String: Listener] = [:]
    /// SUBSCRIBEs of a channel that the server has not confirmed yet. A channel that was left and joined again is ready
    /// with the last of them; the first belongs to the subscription that has ended.
    private var unconfirmed: [String: Int] = [:]
    private var pingTimer: Scheduled<Void>?
    private var heardSincePing = true

    /// - Parameter onGap: called for a channel when it is subscribed again after a loss of the connection.
    public init(
        configuration: RedisConfiguration,
        loop: any EventLoop,
        logger: Logger,
        onGap: @escaping (_ channel: String) -> Void
    ) {
        loop.preconditionInEventLoop()
        self.configuration = configuration
        self.loop = loop
        self.logger = logger
        self.onGap = onGap
    }

    /// Listens to a channel. A channel has one listener; a new one takes the place of the old.
    ///
    /// - Parameters:
    ///   - onReady: called once, when every message published from then on will come. Without a server that is when it
    ///     is back; there is no time limit.
    ///   - onMessage: called for each message, possibly already before `onReady`.
    public func subscribe(
        _ channel: String,
        onReady: @escaping () -> Void,
        onMessage: @escaping (ByteBuffer) -> Void
    ) {
        loop.preconditionInEventLoop()
        listeners[channel] = Listener(onReady: onReady, onMessage: onMessage)
        switch state {
        case .idle: connect()
        case .ready(let wire): subscribe([channel], on: wire)
        case .connecting, .waiting: break
        case .closed: listeners[channel] = nil
        }
    }

    /// Stops listening; no callback of the channel is called after this.
    public func unsubscribe(_ channel: String) {
        loop.preconditionInEventLoop()
        guard listeners.removeValue(forKey: channel) != nil else { return }
        if case .ready(let wire) = state { wire.send(RedisCommand("UNSUBSCRIBE", RedisArgument(channel))) }
    }

    /// Ends the connection and forgets all listeners.
    public func close() {
        loop.preconditionInEventLoop()
        dropConnection()
        state = .closed
        listeners.removeAll()
    }

    private func subscribe(_ channels: some Collection<String>, on wire: RedisWire) {
        for channel in channels { unconfirmed[channel, default: 0] += 1 }
        wire.send(RedisCommand("SUBSCRIBE", channels.map { RedisArgument($0) }))
    }

    // MARK: Messages

    /// Everything comes as an array `[kind, channel, ...]`; only a PING without any channel is answered by a status.
    private func take(_ reply: RESPValue) {
        heardSincePing = true
        switch reply {
        case .array(let parts): take(parts)
        case .simple: break
        case .error(let text): lose(RedisError(.server, text))
        case .null, .bytes, .integer: lose(RedisError(.protocol, "unexpected reply in a subscription"))
        }
    }

    private func take(_ parts: [RESPValue]) {
        guard parts.count >= 2, let kind = parts[0].string, let channel = parts[1].string else {
            return lose(RedisError(.protocol, "unexpected reply in a subscription"))
        }
        switch kind {
        case "message":
            guard parts.count == 3, let payload = parts[2].bytes else { return }
            listeners[channel]?.onMessage(payload)
        case "subscribe":
            confirm(channel)
        default:
            break  // "unsubscribe" and "pong" change nothing here.
        }
    }

    private func confirm(_ channel: String) {
        let missing = (unconfirmed[channel] ?? 1) - 1
        unconfirmed[channel] = missing > 0 ? missing : nil
        guard missing == 0, let listener = listeners[channel] else { return }
        if let onReady = listener.onReady {
            listeners[channel]?.onReady = nil
            onReady()
        } else {
            onGap(channel)
        }
    }

    // MARK: Connecting and losing

    private func connect() {
        let dial = RedisDial(configuration: configuration, loop: loop) { [weak self] result in
            switch result {
            case .success(let wire): self?.becomeReady(wire)
            case .failure(let error): self?.lose(error)
            }
        }
        state = .connecting(dial)
        dial.start()
    }

    private func becomeReady(_ wire: RedisWire) {
        wire.onReply = { [weak self] in self?.take($0) }
        wire.onLoss = { [weak self] in self?.lose($0) }
        state = .ready(wire)
        backoff.reset()
        var channels = Array(listeners.keys)[...]
        while !channels.isEmpty {
            subscribe(channels.prefix(Self.channelsPerCommand), on: wire)
            channels = channels.dropFirst(Self.channelsPerCommand)
        }
        startPinging()
    }

    private func startPinging() {
        heardSincePing = true
        schedulePing()
    }

    private func schedulePing() {
        let interval = TimeAmount(configuration.pingInterval)
        pingTimer = loop.assumeIsolated().scheduleTask(in: interval) { [weak self] in self?.ping() }
    }

    private func ping() {
        guard case .ready(let wire) = state else { return }
        guard heardSincePing else { return lose(RedisError(.timeout, "no sign of life from the server")) }
        heardSincePing = false
        wire.send(RedisCommand("PING"))
        schedulePing()
    }

    private func lose(_ error: RedisError) {
        if case .closed = state { return }
        if backoff.isFirst {
            let metadata: Logger.Metadata = ["redis": "\(configuration.address)", "error": "\(error)"]
            logger.warning("lost the redis subscription", metadata: metadata)
        }
        dropConnection()
        state = .waiting(
            loop.assumeIsolated().scheduleTask(in: backoff.next()) { [weak self] in
                guard let self, case .waiting = self.state else { return }
                self.connect()
            }
        )
    }

    private func dropConnection() {
        switch state {
        case .ready(let wire): wire.close()
        case .connecting(let dial): dial.cancel()
        case .waiting(let timer): timer.cancel()
        case .idle, .closed: break
        }
        pingTimer?.cancel()
        pingTimer = nil
        unconfirmed.removeAll()
    }
}
