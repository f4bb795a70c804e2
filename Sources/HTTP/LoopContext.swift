import NIOCore

/// A server's connection of either version, as its loop keeps it.
protocol ServerConnection: AnyObject {
    /// Applies the limits that are times; called once a second.
    func sweep(now: NIODeadline)
    /// Finishes what was accepted, accepts no more, then closes.
    func drain()
    func close()
}

/// What the connections of one event loop share; loop-bound.
final class LoopContext {
    let eventLoop: any EventLoop
    let sendScratch = SendScratch()
    let readScratch = ReadScratch()
    let memory = SessionMemory()
    let bodies: BodyBudget
    private var connections: [ObjectIdentifier: any ServerConnection] = [:]
    private var nextSweep: Scheduled<Void>?
    private var isDraining = false

    init(eventLoop: any EventLoop, limits: HTTPLimits) {
        self.eventLoop = eventLoop
        bodies = BodyBudget(limit: limits.maxUnfinishedBytes)
    }

    /// One timer for all connections: no timer per request, and a limit is exact to a second.
    func start() {
        nextSweep = eventLoop.assumeIsolated().scheduleTask(in: .seconds(1)) {
            let now = NIODeadline.now()
            for connection in Array(self.connections.values) { connection.sweep(now: now) }
            self.start()
        }
    }

    func add(_ connection: any ServerConnection) {
        connections[ObjectIdentifier(connection)] = connection
        if isDraining { connection.drain() }
    }

    func remove(_ connection: any ServerConnection) {
        connections[ObjectIdentifier(connection)] = nil
    }

    func drain() {
        isDraining = true
        for connection in Array(connections.values) { connection.drain() }
    }

    func stop() {
        nextSweep?.cancel()
        for connection in Array(connections.values) { connection.close() }
    }
}

extension Duration {
    /// As NIO measures time; a value beyond 292 years is cut to that.
    var timeAmount: TimeAmount {
        let (seconds, attoseconds) = components
        let (nanoseconds, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        guard !overflow else { return .nanoseconds(seconds < 0 ? .min : .max) }
        return .nanoseconds(nanoseconds &+ attoseconds / 1_000_000_000)
    }
}
