internal import Logging
public import NIOCore

/// What one event loop listens to: channels of Pub/Sub, kept through outages, failovers and moves within a cluster.
///
/// Pub/Sub delivers at most once and keeps nothing: what is published while the connection is down is lost. After a
/// reconnect each channel is subscribed again and `onGap` called for it, so that its owner reads what it missed from
/// where it is stored. Made by ``RedisClient/makeSubscription(on:onGap:)`` and owned by who asked for it; used on its loop
/// only, and every callback runs there.
public final class Subscription {
    private struct Listener {
        let isSharded: Bool
        let slot: Int
        /// Who has the channel; `nil` while that is not known.
        var server: RedisTarget?
        /// How often it was sent on to another node since it was last confirmed.
        var redirections = 0
        var onReady: (() -> Void)?
        let onMessage: (ByteBuffer) -> Void
    }

    private static let maxRedirections = 5

    private let route: RedisRoute
    private let configuration: RedisConfiguration
    private let loop: any EventLoop
    private let logger: Logger
    private let onGap: (String) -> Void
    private var listeners: [String: Listener] = [:]
    /// In a cluster those nodes that channels are on.
    private var servers: [RedisTarget: ServerSubscription] = [:]
    private var token: Observers.Token?
    private var isClosed = false

    init(
        route: RedisRoute,
        configuration: RedisConfiguration,
        loop: any EventLoop,
        logger: Logger,
        onGap: @escaping (_ channel: String) -> Void
    ) {
        self.route = route
        self.configuration = configuration
        self.loop = loop
        self.logger = logger
        self.onGap = onGap
        token = route.observers.add { [weak self] in self?.serversChanged() }
    }

    /// Listens to a channel. A channel has one listener; a new one takes the place of the old.
    ///
    /// - Parameters:
    ///   - isSharded: for what is published by `SPUBLISH`. In a cluster such a channel belongs to a slot, as a key does, and
    ///     what is published stays within that slot's servers; that of `PUBLISH` goes to all nodes.
    ///   - onReady: called once, when every message published from then on will come. Without a server that is when it
    ///     is back; there is no time limit.
    ///   - onMessage: called for each message, possibly already before `onReady`.
    public func subscribe(
        _ channel: String,
        isSharded: Bool = false,
        onReady: @escaping () -> Void,
        onMessage: @escaping (ByteBuffer) -> Void
    ) {
        loop.preconditionInEventLoop()
        guard !isClosed else { return }
        if let former = listeners[channel], former.isSharded != isSharded { unsubscribe(channel) }
        let server = listeners[channel]?.server
        listeners[channel] = Listener(
            isSharded: isSharded,
            slot: HashSlot.of(channel),
            server: server,
            onReady: onReady,
            onMessage: onMessage
        )
        if let server {
            subscribe(channel, isSharded: isSharded, at: server)
        } else {
            place(channel)
        }
    }

    /// Stops listening; no callback of the channel is called after this.
    public func unsubscribe(_ channel: String) {
        loop.preconditionInEventLoop()
        guard let server = listeners.removeValue(forKey: channel)?.server else { return }
        servers[server]?.unsubscribe(channel)
    }

    /// Ends the connections and forgets all listeners.
    public func close() {
        loop.preconditionInEventLoop()
        isClosed = true
        if let token { route.observers.remove(token) }
        for server in servers.values { server.close() }
        servers.removeAll()
        listeners.removeAll()
    }

    // MARK: Servers

    /// Another master, or a map of the cluster that may be another one.
    private func serversChanged() {
        switch route {
        case .single(let target, _):
            servers[target]?.redial()
        case .cluster(let topology):
            for channel in Array(listeners.keys) { place(channel) }
            for (target, server) in servers where server.isEmpty {
                server.close()
                servers[target] = nil
            }
            if listeners.values.contains(where: { $0.server == nil }) { topology.refresh() }
        }
    }

    /// Takes a channel to the server that is to have it. In a cluster that goes by its name, even if it is not sharded and
    /// could be on any node; while it is nobody's the map is asked for, and when that has come each channel is looked at.
    private func place(_ channel: String) {
        guard let listener = listeners[channel] else { return }
        let target: RedisTarget?
        switch route {
        case .single(let only, _): target = only
        case .cluster(let topology):
            target = topology.map?.master(of: listener.slot).map { .server($0) }
            if target == nil { topology.refresh() }
        }
        guard target != listener.server else { return }
        if let former = listener.server { servers[former]?.unsubscribe(channel) }
        listeners[channel]?.server = target
        if let target { subscribe(channel, isSharded: listener.isSharded, at: target) }
    }

    private func subscribe(_ channel: String, isSharded: Bool, at target: RedisTarget) {
        let server = servers[target] ?? makeServer(at: target)
        servers[target] = server
        server.subscribe(channel, isSharded: isSharded)
    }

    private func makeServer(at target: RedisTarget) -> ServerSubscription {
        let server = ServerSubscription(configuration: configuration, loop: loop, logger: logger) { target }
        server.onReady = { [weak self] in self?.confirm($0) }
        server.onMessage = { [weak self] in self?.listeners[$0]?.onMessage($1) }
        guard case .cluster(let topology) = route else { return server }
        server.onLoss = { topology.refresh() }
        server.onMoved = { [weak self] slot, address in self?.moved(slot, to: address, topology) }
        server.onRemoved = { [weak self] channel in
            self?.listeners[channel]?.server = nil
            topology.refresh()
        }
        return server
    }

    private func confirm(_ channel: String) {
        guard let listener = listeners[channel] else { return }
        listeners[channel]?.redirections = 0
        if let onReady = listener.onReady {
            listeners[channel]?.onReady = nil
            onReady()
        } else {
            onGap(channel)
        }
    }

    /// A node names another for the channels of a slot: it is tried at once, but not for ever without a look at the map.
    private func moved(_ slot: Int, to address: RedisAddress, _ topology: ClusterTopology) {
        topology.learn(slot, isServedBy: address)
        topology.refresh()
        for (channel, listener) in listeners where listener.isSharded && listener.slot == slot {
            listeners[channel]?.server = nil
            listeners[channel]?.redirections += 1
            if listener.redirections < Self.maxRedirections { place(channel) }
        }
    }
}
