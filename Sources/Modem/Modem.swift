public import Logging
public import NIOCore
internal import Redis
public import ServiceLifecycle
public import Store
internal import Synchronization

/// The worker pool of one process: claims runs, holds their leases, carries them out, hands them back when it stops.
///
/// A service of the executable. Its tasks are structured: claimer, sweeper, heartbeat and one task for each run live and end within
/// ``run()``. Any number of these, in any number of processes, share the queue.
public final class Modem: Service {
    /// This worker in the consumer group and in the list of workers.
    public let name: String

    private let store: Store
    private let handler: any RunHandler
    private let configuration: ModemConfiguration
    private let loop: any EventLoop
    private let logger: Logger
    private let slots: Slots
    private let jobs = Mutex<[QueueEntry: Job]>([:])
    /// When the last renewal that Redis has confirmed was asked for.
    private let lastRenewal = Mutex(ContinuousClock.now)

    /// How long a claim waits for a run before the claimer looks whether it is to stop.
    private static let claimWait = Duration.seconds(1)

    public init(
        name: String,
        store: Store,
        handler: any RunHandler,
        configuration: ModemConfiguration,
        loop: any EventLoop,
        logger: Logger
    ) {
        self.name = name
        self.store = store
        self.handler = handler
        self.configuration = configuration
        self.loop = loop
        self.logger = logger
        slots = Slots(configuration.concurrency)
    }

    /// Works until the process is asked to stop, then lets the runs end within the grace and hands back the rest.
    public func run() async throws {
        let control = await watchCancels()
        await withTaskGroup(of: Void.self) { background in
            background.addTask { await self.beat() }
            background.addTask { await self.watchLeases() }
            background.addTask { await self.sweep() }
            await withDiscardingTaskGroup { runs in
                await withTaskCancellationOrGracefulShutdownHandler {
                    await self.work(&runs)
                } onCancelOrGracefulShutdown: {
                    // A claimer for which there is no room would otherwise sleep until a run has ended, and the grace with it.
                    self.slots.close()
                    self.logger.info(
                        "no more runs are claimed",
                        metadata: ["in_hand": "\(self.jobs.withLock { $0.count })"]
                    )
                }
                // The group ends when all runs have; those that are not done by then are handed back.
                background.addTask { await self.handBackAfterGrace() }
            }
            background.cancelAll()
        }
        await close(control)
    }

    // MARK: Claiming

    /// The claimer feeds the group that carries the runs out.
    private func work(_ runs: inout DiscardingTaskGroup) async {
        let connection = store.blockingConnection(on: loop)
        let wait = min(Self.claimWait, configuration.reaper)
        var pause = Duration.milliseconds(100)
        while true {
            await slots.wait()
            guard !Task.isShuttingDownGracefully, !Task.isCancelled else { break }
            do {
                if try await !take(&runs) { try await store.waitForRuns(upTo: wait, on: connection) }
                pause = .milliseconds(100)
            } catch {
                logger.warning("no run can be claimed", metadata: ["error": "\(error)"])
                // The wait ends early when the task is cancelled, and the loop with it.
                try? await Task.sleep(for: pause)
                pause = min(pause * 2, .seconds(2))
            }
        }
        await connection.close()
    }

    /// Takes as many runs as there is room for. - Returns: whether there were any.
    private func take(_ runs: inout DiscardingTaskGroup) async throws -> Bool {
        let taken = slots.take(upTo: configuration.concurrency)
        let entries: [QueueEntry]
        do {
            entries = try await store.take(for: name, count: taken, lease: configuration.lease)
        } catch {
            slots.give(taken)
            throw error
        }
        slots.give(taken - entries.count)
        for entry in entries {
            let job = Job(entry: entry)
            let before = jobs.withLock { $0[entry] }
            // A run that was put into the queue twice is in hand already.
            guard before == nil || entry.wasLost else {
                slots.give(1)
                continue
            }
            // One of our own that comes back as lost is still in hand: its lease has run out, and so has that attempt.
            before?.stop(.leaseLost)
            jobs.withLock { $0[entry] = job }
            runs.addTask {
                await before?.waitForEnd()
                await self.carryOut(job)
            }
        }
        return !entries.isEmpty
    }

    /// Looks after what is due, until cancelled.
    private func sweep() async {
        while !Task.isCancelled {
            var wait = configuration.reaper
            do {
                wait = try await store.sweep(every: configuration.reaper)
            } catch {
                logger.warning("what is due could not be looked after", metadata: ["error": "\(error)"])
            }
            do { try await Task.sleep(for: wait) } catch { return }
        }
    }

    private func carryOut(_ job: Job) async {
        defer {
            jobs.withLock { if $0[job.entry] === job { $0[job.entry] = nil } }
            job.end()
            slots.give(1)
        }
        var logger = logger
        logger[metadataKey: "thread"] = "\(job.entry.thread)"
        logger[metadataKey: "run"] = "\(job.entry.run)"
        do {
            guard let run = try await store.claim(job.entry, for: name, maxAttempts: configuration.maxAttempts) else {
                return
            }
            logger.debug("run taken up", metadata: ["attempt": "\(run.attempt)"])
            await job.carryOut(handler, run: run, store: store, configuration: configuration, logger: logger)
        } catch {
            // The entry stays pending; once its lease is over a worker takes it up again.
            logger.warning("the run could not be taken up", metadata: ["error": "\(error)"])
        }
    }

    // MARK: Leases

    /// Renews the leases until cancelled.
    private func beat() async {
        while !Task.isCancelled {
            let held = stopOverdue()
            do {
                // Redis counts a lease from some moment after this one, so this worker never thinks that it has more time.
                let asked = ContinuousClock.now
                let lost = Set(try await store.renew(held.map(\.entry), of: name, lease: configuration.lease))
                lastRenewal.withLock { $0 = asked }
                for job in held where lost.contains(job.entry) { job.stop(.leaseLost) }
                // What the control channel may have missed.
                let cancelling = try await store.cancelling(held.map(\.entry))
                for job in held { if let reason = cancelling[job.entry] { job.stop(.cancelled(reason)) } }
            } catch {
                logger.warning("leases could not be renewed", metadata: ["error": "\(error)"])
            }
            do { try await Task.sleep(for: configuration.heartbeat) } catch { break }
        }
        do {
            try await store.forget(name)
        } catch {
            logger.debug("the worker could not sign off; it will be forgotten", metadata: ["error": "\(error)"])
        }
    }

    /// Stops the runs whose lease runs out, whatever a renewal that is under way is waiting for: before another worker may have them.
    private func watchLeases() async {
        while true {
            do { try await Task.sleep(for: leaseMargin) } catch { return }
            _ = stopOverdue()
        }
    }

    /// How long before its end a lease is taken for over.
    private var leaseMargin: Duration { configuration.heartbeat / 4 }

    /// Stops the jobs whose leases have run out by this worker's clock. Their leases must not be renewed: a process that stood still finds
    /// its entries where they were, and would keep the runs that it has just stopped from others for another lease.
    ///
    /// - Returns: the other jobs.
    private func stopOverdue() -> [Job] {
        let oldest = ContinuousClock.now - configuration.lease + leaseMargin
        let isRenewed = lastRenewal.withLock { $0 } > oldest
        let all = jobs.withLock { Array($0.values) }
        for job in all where !isRenewed && job.since <= oldest { job.stop(.leaseLost) }
        return all.filter { isRenewed || $0.since > oldest }
    }

    private func watchCancels() async -> NIOLoopBound<Subscriptions>? {
        let store = store
        let loop = loop
        let logger = logger
        let subscribed = loop.submit {
            let control = Subscriptions(store: store, loop: loop, logger: logger)
            control.watchCancels { [weak self] thread, run, reason in
                guard let self else { return }
                let job = self.jobs.withLock { $0.values.first { $0.entry.run == run && $0.entry.thread == thread } }
                job?.stop(.cancelled(reason))
            }
            return NIOLoopBound(control, eventLoop: loop)
        }
        do { return try await subscribed.get() } catch { return nil }
    }

    private func close(_ control: NIOLoopBound<Subscriptions>?) async {
        guard let control else { return }
        await withCheckedContinuation { continuation in
            loop.execute {
                control.value.close()
                continuation.resume()
            }
        }
    }

    // MARK: Stopping

    private func handBackAfterGrace() async {
        do { try await Task.sleep(for: configuration.grace) } catch { return }
        let held = jobs.withLock { Array($0.values) }
        logger.notice("runs are handed back", metadata: ["count": "\(held.count)"])
        for job in held { job.stop(.shutdown) }
    }
}
