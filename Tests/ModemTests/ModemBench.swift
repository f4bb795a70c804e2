import Logging
import Messages
import Modem
import NIOCore
import NIOPosix
import Redis
import ServiceLifecycle
import ServiceLifecycleTestKit
import Store
import TestSupport

/// A handler that does what the test says.
struct ScriptedHandler: RunHandler {
    let body: @Sendable (ClaimedRun, RunLog) async throws -> RunEnd

    init(_ body: @escaping @Sendable (ClaimedRun, RunLog) async throws -> RunEnd) { self.body = body }

    func carryOut(_ run: ClaimedRun, log: RunLog) async throws -> RunEnd { try await body(run, log) }
}

/// Things that have happened, and those who wait for them; also when their own task is cancelled.
actor Signals {
    private var counts: [String: Int] = [:]
    private var waiters: [(name: String, count: Int, continuation: CheckedContinuation<Void, Never>)] = []

    func raise(_ name: String) {
        counts[name, default: 0] += 1
        let ready = waiters.filter { counts[$0.name, default: 0] >= $0.count }
        waiters.removeAll { counts[$0.name, default: 0] >= $0.count }
        for waiter in ready { waiter.continuation.resume() }
    }

    func count(_ name: String) -> Int { counts[name, default: 0] }

    /// Waits until it has happened so many times.
    func wait(_ name: String, count: Int = 1) async {
        guard counts[name, default: 0] < count else { return }
        await withCheckedContinuation { waiters.append((name, count, $0)) }
    }
}

/// Waits until the task is cancelled.
func untilCancelled() async {
    let (stream, _) = AsyncStream.makeStream(of: Void.self)
    for await _ in stream {}
}

/// A modem that runs, with a shutdown of its own.
struct RunningModem: Sendable {
    private let task: Task<Void, any Error>
    private let trigger: GracefulShutdownTestTrigger

    init(_ modem: Modem) async {
        let (triggers, continuation) = AsyncStream.makeStream(of: GracefulShutdownTestTrigger.self)
        task = Task {
            try await testGracefulShutdown { trigger in
                continuation.yield(trigger)
                try await modem.run()
            }
        }
        var iterator = triggers.makeAsyncIterator()
        guard let trigger = await iterator.next() else { preconditionFailure("the stream does not end") }
        self.trigger = trigger
    }

    /// As SIGTERM does.
    func shutDown() { trigger.triggerGracefulShutdown() }
    func cancel() { task.cancel() }
    func ended() async throws { try await task.value }
}

/// A store, and modems on it with leases of a second.
struct ModemBench: Sendable {
    let store: Store
    let redis: TestRedis
    let group: MultiThreadedEventLoopGroup
    let signals = Signals()

    static func with(appendOnly: Bool = false, _ body: @Sendable (ModemBench) async throws -> Void) async throws {
        try await withStore(appendOnly: appendOnly) { store, redis, group in
            try await body(ModemBench(store: store, redis: redis, group: group))
        }
    }

    func modem(
        _ name: String = "m",
        _ configure: (inout ModemConfiguration) -> Void = { _ in },
        _ handler: @escaping @Sendable (ClaimedRun, RunLog) async throws -> RunEnd
    ) async -> RunningModem {
        var configuration = ModemConfiguration()
        configuration.concurrency = 4
        configuration.lease = .seconds(1)
        configuration.heartbeat = .milliseconds(200)
        configuration.reaper = .milliseconds(200)
        configure(&configuration)
        return await RunningModem(
            Modem(
                name: name,
                store: store,
                handler: ScriptedHandler(handler),
                configuration: configuration,
                loop: group.next(),
                logger: .quiet
            )
        )
    }

    /// Lets a modem work while `body` runs, then ends it in good order.
    func working(
        _ configure: (inout ModemConfiguration) -> Void = { _ in },
        _ handler: @escaping @Sendable (ClaimedRun, RunLog) async throws -> RunEnd,
        while body: (RunningModem) async throws -> Void
    ) async throws {
        let modem = await modem("m", configure, handler)
        do { try await body(modem) } catch {
            modem.cancel()
            throw error
        }
        modem.shutDown()
        try await modem.ended()
    }

    // MARK: Runs

    /// A run on a thread of its own.
    func submit(_ task: String = "x") async throws -> Run {
        let thread = try await store.initiate(InitiateThreadRequest()).thread.threadID
        return try await store.execute(ExecuteRunRequest(threadID: thread, task: task)).run
    }

    /// Whether the run was taken up as it was accepted; while it goes on.
    func wasStartedNearby(_ run: Run) async throws -> Bool {
        let key = RedisArgument.key("thread:\(run.threadID):run:\(run.runID)")
        return try await store.redis.send(RedisCommand("HGET", key, "worker")).string?.hasSuffix(".0") == true
    }

    /// Returns when the worker has seen that the queue is empty. Its handler has to end the task `warm` at once.
    func untilNearby() async throws {
        while true {
            let run = try await submit("warm")
            let wasNearby = try await wasStartedNearby(run)
            _ = try await end(of: run)
            if wasNearby { return }
        }
    }

    func state(_ run: Run) async throws -> Run { try await store.run(run.threadID, run.runID) }

    /// The run when it is over, however long Redis cannot be asked.
    func end(of run: Run) async throws -> Run {
        var latest = run
        while !latest.hasEnded {
            try Task.checkCancellation()
            do { latest = try await state(run) } catch let error as StoreError where error.code == .unavailable {}
        }
        return latest
    }

    /// Whether it is over, as far as Redis can be asked just now.
    func ended(_ run: Run) async throws -> Bool {
        try Task.checkCancellation()
        do { return try await state(run).hasEnded } catch let error as StoreError where error.code == .unavailable {
            return false
        }
    }

    /// The whole log of a thread.
    func log(_ thread: String) async throws -> [Event] {
        let loop = group.next()
        let page = try await withCheckedThrowingContinuation { continuation in
            loop.execute {
                store.page(of: thread, after: .zero, count: 10_000, on: loop) { continuation.resume(with: $0) }
            }
        }
        return try page.events.map { try Event(serialized: Array($0.serialized().readableBytesView)) }
    }

    /// The log as soon as it holds so many events of a type.
    @discardableResult
    func log(_ thread: String, until type: String, count: Int = 1) async throws -> [Event] {
        let connection = store.blockingConnection(on: group.next())
        var events = try await log(thread)
        while events.count(where: { $0.type == type }) < count {
            let last = RedisArgument(events.last?.id ?? "0")
            let stream = RedisArgument("thread:\(thread):stream")
            _ = try await connection.send(
                RedisCommand("XREAD", "BLOCK", "0", "STREAMS", stream, last),
                timeout: .seconds(30)
            )
            events = try await log(thread)
        }
        await connection.close()
        return events
    }

    /// Takes a run up as a worker that will never be heard of again.
    func claimAndVanish(_ name: String = "lost") async throws -> ClaimedRun? {
        let run = try await store.claimNext(for: name)
        try await store.loseWorkers()
        return run
    }
}
