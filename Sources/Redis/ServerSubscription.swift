internal import Logging
internal import NIOCore

/// The Pub/Sub connection to one server: keeps its channels subscribed through outages.
///
/// It connects with the first channel, and again, with back-off, after a loss. Owned by a ``Subscription`` or a
/// ``SentinelWatch``; created and used on its loop only, and every callback runs there.
final class ServerSubscription {
    private enum State {
        case idle
        case connecting(RedisDial)
        case ready(RedisWire)
        case waiting(Scheduled<Void>)
        case closed
    }

    /// A channel is subscribed: every message published from then on will come.
    var onReady: (_ channel: String) -> Void = { _ in }
    var onMessage: (_ channel: String, ByteBuffer) -> Void = { _, _ in }
    /// The server has ended the subscription, as the channel's slot is another's.
    var onRemoved: (_ channel: String) -> Void = { _ in }
    /// The server has not taken up channels of this slot, as they are another's.
    var onMoved: (_ slot: Int, RedisAddress) -> Void = { _, _ in }
    /// The connection is lost, or could not be had back.
    var onLoss: () -> Void = {}

    private let configuration: RedisConfiguration
    private let loop: any EventLoop
    private let logger: Logger
    private let nextTarget: () -> RedisTarget
    private var target: RedisTarget
    private var state = State.idle
    private var backoff = Backoff()
    /// Whether each channel is sharded.
    private var channels: [String: Bool] = [:]
    /// SUBSCRIBEs of a channel that the server has not confirmed yet. A channel that was left and joined again is ready
    /// with the last of them; the first belongs to the subscription that has ended.
    private var unconfirmed: [String: Int] = [:]
    private var pingTimer: Scheduled<Void>?
    private var heardSincePing = true

    /// - Parameter target: asked for before each attempt to connect.
    init(
        configuration: RedisConfiguration,
        loop: any EventLoop,
        logger: Logger,
        target: @escaping () -> RedisTarget
    ) {
        self.configuration = configuration
        self.loop = loop
        self.logger = logger
        nextTarget = target
        self.target = target()
    }

    var isEmpty: Bool { channels.isEmpty }

    /// - Parameter isSharded: whether it is a channel of SPUBLISH, which belongs to a slot as a key does.
    func subscribe(_ channel: String, isSharded: Bool) {
        channels[channel] = isSharded
        switch state {
        case .idle: connect()
        case .ready(let wire): subscribe(channel, isSharded, on: wire)
        case .connecting, .waiting: break
        case .closed: channels[channel] = nil
        }
    }

    func unsubscribe(_ channel: String) {
        guard let isSharded = channels.removeValue(forKey: channel) else { return }
        guard case .ready(let wire) = state else { return }
        wire.send(RedisCommand(isSharded ? "SUNSUBSCRIBE" : "UNSUBSCRIBE", .key(channel)))
    }

    /// Gives the server up for the one that has taken its place.
    func redial() {
        switch state {
        case .idle, .closed: break
        case .connecting, .ready, .waiting:
            dropConnection()
            backoff.reset()
            connect()
        }
    }

    /// Ends the connection for ever; no callback is called any more.
    func close() {
        dropConnection()
        state = .closed
        channels.removeAll()
    }

    private func subscribe(_ channel: String, _ isSharded: Bool, on wire: RedisWire) {
        unconfirmed[channel, default: 0] += 1
        wire.send(RedisCommand(isSharded ? "SSUBSCRIBE" : "SUBSCRIBE", .key(channel)))
    }

    // MARK: Messages

    /// Everything comes as an array `[kind, channel, ...]`; only a PING without any channel is answered by a status.
    private func take(_ reply: RESPValue) {
        heardSincePing = true
        switch reply {
        case .array(let parts): take(parts)
        case .simple: break
        case .error(let text): refused(RedisError(.server, text))
        case .null, .bytes, .integer: lose(RedisError(.protocol, "unexpected reply in a subscription"))
        }
    }

    private func take(_ parts: [RESPValue]) {
        guard parts.count >= 2, let kind = parts[0].string else {
            return lose(RedisError(.protocol, "unexpected reply in a subscription"))
        }
        let channel = parts[1].string ?? ""
        switch kind {
        case "message", "smessage":
            guard parts.count == 3, let payload = parts[2].bytes, channels[channel] != nil else { return }
            onMessage(channel, payload)
        case "subscribe", "ssubscribe":
            confirm(channel)
        case "sunsubscribe":
            // Not asked for, as nothing is under way: the slot has been moved to another node.
            guard channels[channel] != nil, unconfirmed[channel] == nil else { return }
            channels[channel] = nil
            onRemoved(channel)
        default:
            break  // "unsubscribe" and "pong" change nothing here.
        }
    }

    private func confirm(_ channel: String) {
        let missing = (unconfirmed[channel] ?? 1) - 1
        unconfirmed[channel] = missing > 0 ? missing : nil
        guard missing == 0, channels[channel] != nil else { return }
        onReady(channel)
    }

    private func refused(_ error: RedisError) {
        guard case .server(let address) = target,
            case .moved(let slot, let server) = ClusterRedirection(error, from: address)
        else { return lose(error) }
        for (channel, isSharded) in channels where isSharded && HashSlot.of(channel) == slot {
            channels[channel] = nil
            unconfirmed[channel] = nil
        }
        onMoved(slot, server)
    }

    // MARK: Connecting and losing

    private func connect() {
        target = nextTarget()
        let dial = RedisDial(target: target, configuration: configuration, loop: loop) { [weak self] result in
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
        for (channel, isSharded) in channels { subscribe(channel, isSharded, on: wire) }
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
            logger.warning("lost the redis subscription", metadata: ["redis": "\(target)", "error": "\(error)"])
        }
        dropConnection()
        state = .waiting(
            loop.assumeIsolated().scheduleTask(in: backoff.next()) { [weak self] in
                guard let self, case .waiting = self.state else { return }
                self.connect()
            }
        )
        onLoss()
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
