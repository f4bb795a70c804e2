public import Logging
public import NIOCore
internal import Redis
public import ServiceLifecycle
public import Store
internal import Synchronization

/// The worker pool of one process: claims runs, holds their leases, carries them out, hands them back when it stops.
///
/// A service of the executable. Its tasks are structured: claimer, sweeper, heartbeat, who takes in what comes without the queue, and one
/// task for each run live and end within ``run()``. Any number of these, in any number of processes, share the queue.
public final class Modem: Service {
    /// This worker in its leases and in the list of workers.
    public let name: String

    private let store: Store
    private let handler: any RunHandler
    let configuration: ModemConfiguration
    private let loop: any EventLoop
    private let logger: Logger
    let slots: Slots
    let jobs = Mutex<[QueueEntry: Job]>([:])
    let hatch = Hatch()
    private let renewals = Mutex(Renewals())

    /// What this worker knows of its leases beside its jobs.
    private struct Renewals {
        /// When the last renewal that Redis has confirmed was asked for.
        var last = ContinuousClock.now
        /// Whether one has failed since.
        var hasFailed = false
        /// Until then the queue may hold something for this worker that it does not know of: an answer was lost, or a job has ended without
        /// one.
        var uncertainUntil = ContinuousClock.now
        /// Runs whose attempt was lost by this worker's own fault rather than for an outage.
        var charged: Set<QueueEntry> = []
    }

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
                runs.addTask { await self.receive() }
                store.offer(self)
                await withTaskCancellationOrGracefulShutdownHandler {
                    await self.work(&runs)
                } onCancelOrGracefulShutdown: {
                    // A claimer for which there is no room would otherwise sleep until a run has ended, and the grace with it.
                    self.slots.close()
                    self.hatch.close()
                    self.logger.info(
                        "no more runs are claimed",
                        metadata: ["in_hand": "\(self.jobs.withLock { $0.count })"]
                    )
                }
                store.withdraw(self)
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
            // Whoever waits in the queue is to have the next slot that gets free.
            if slots.areTaken { hatch.shut() }
            await slots.wait()
            guard !Task.isShuttingDownGracefully, !Task.isCancelled else { break }
            do {
                if try await !take(&runs), try await store.waitForRuns(upTo: wait, on: connection), slots.areTaken {
                    // They were given away meanwhile. Another worker may have one.
                    try await store.passOnWake()
                }
                pause = .milliseconds(100)
            } catch {
                hatch.shut()
                doubtLeases()
                logger.warning("no run can be claimed", metadata: ["error": "\(error)"])
                // The wait ends early when the task is cancelled, and the loop with it.
                try? await Task.sleep(for: pause)
                // What it holds without knowing is to be asked for well before others may have it.
                pause = min(pause * 2, .seconds(2), configuration.lease / 8)
            }
        }
        await connection.close()
    }

    /// Takes as many runs as there is room for. - Returns: whether there may be more.
    private func take(_ runs: inout DiscardingTaskGroup) async throws -> Bool {
        let taken = slots.takeMost()
        guard taken > 0 else { return true }
        let held = heldIfInDoubt()
        let shutCount = hatch.shutCount
        let entries: [QueueEntry]
        do {
            entries = try await store.take(
                for: name,
                count: taken,
                lease: configuration.lease,
                silence: configuration.silence,
                held: held
            )
        } catch {
            slots.give(taken)
            throw error
        }
        slots.give(taken - entries.count)
        if entries.count == taken {
            hatch.shut()
        } else if held == nil {
            hatch.open(ifShut: shutCount)
        }
        for entry in entries {
            let isCharged = renewals.withLock { $0.charged.remove(entry) != nil }
            let job = Job(entry: isCharged ? entry.countedAsLost() : entry)
            let before = jobs.withLock { $0[entry] }
            if let before, before.isHeld.load(ordering: .relaxed), !entry.isTaken(from: before.entry) {
                // Put into the queue twice, or once more while its job is in its last steps, or in one that decided before that the
                // run's turn had not come. Which of these does not show here. A lease that cannot be given back now runs out.
                try? await store.postpone(entry)
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

    /// Carries out what comes through the hatch, until nothing more can. Each run begins at once, on this task's thread: up to where it
    /// waits for the first time, those behind it wait for it.
    private func receive() async {
        await withDiscardingTaskGroup { runs in
            for await (job, run) in hatch.deliveries { runs.addImmediateTask { await self.carryOut(job, run()) } }
        }
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

    /// - Parameter started: the run, if it was taken up when it was accepted.
    private func carryOut(_ job: Job, _ started: ClaimedRun? = nil) async {
        defer { end(job) }
        var logger = logger
        logger[metadataKey: "thread"] = "\(job.entry.thread)"
        logger[metadataKey: "run"] = "\(job.entry.run)"
        do {
            var run = started
            if run == nil {
                run = try await store.claim(
                    job.entry,
                    maxAttempts: configuration.maxAttempts,
                    patience: configuration.lease / 2
                )
            }
            guard let run else { return }
            logger.debug("run taken up", metadata: ["attempt": "\(run.attempt)"])
            try await job.carryOut(handler, run: run, store: store, configuration: configuration, logger: logger)
        } catch {
            leave(job, because: error)
            logger.warning("the run was not carried out to its end here", metadata: ["error": "\(error)"])
        }
    }

    /// The job has ended, or does not begin.
    func end(_ job: Job) {
        jobs.withLock { if $0[job.entry] === job { $0[job.entry] = nil } }
        job.end()
        slots.give(1)
    }

    // MARK: Leases

    /// The entry stays among the leases. If it was Redis that failed it is asked for again as soon as there is Redis; otherwise another
    /// worker takes it up once the lease is over, and so it is if this one has ended by then.
    private func leave(_ job: Job, because error: any Error) {
        if (error as? StoreError)?.code == .unavailable {
            doubtLeases()
        } else {
            renewals.withLock { _ = $0.charged.insert(job.entry) }
        }
    }

    /// An answer was lost: for as long as a lease may last that this worker has got without knowing, it asks for what it holds.
    func doubtLeases() {
        renewals.withLock { $0.uncertainUntil = ContinuousClock.now + configuration.lease }
    }

    /// What is in hand, if the queue may think that it is more.
    private func heldIfInDoubt() -> [QueueEntry]? {
        let isInDoubt = renewals.withLock { renewals in
            if renewals.uncertainUntil > ContinuousClock.now { return true }
            renewals.charged = []
            return false
        }
        guard isInDoubt else { return nil }
        // What is expected by now is among the jobs, and nothing more comes until there is no doubt.
        hatch.shut()
        return jobs.withLock { $0.values.map(\.entry) }
    }

    /// Renews the leases until cancelled.
    private func beat() async {
        var pause = configuration.heartbeat
        while !Task.isCancelled {
            let held = stopOverdue().filter { $0.isHeld.load(ordering: .relaxed) }
            do {
                // Redis counts a lease from some moment after this one, so this worker never thinks that it has more time.
                let asked = ContinuousClock.now
                let lost = Set(
                    try await store.renew(
                        held.map(\.entry),
                        of: name,
                        lease: configuration.lease,
                        silence: configuration.silence
                    )
                )
                renewals.withLock { ($0.last, $0.hasFailed) = (asked, false) }
                for job in held where lost.contains(job.entry) { job.stop(.leaseLost) }
                // What the control channel may have missed.
                let cancelling = await store.cancelling(held.map(\.entry))
                for job in held { if let reason = cancelling[job.entry] { job.stop(.cancelled(reason)) } }
                pause = configuration.heartbeat
            } catch {
                renewals.withLock { $0.hasFailed = true }
                doubtLeases()
                logger.warning("leases could not be renewed", metadata: ["error": "\(error)"])
                // The first one after an outage tells the others that there was one.
                pause = min(configuration.heartbeat, .milliseconds(500))
            }
            do { try await Task.sleep(for: pause) } catch { break }
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
        let (isRenewed, isOutage) = renewals.withLock { ($0.last > oldest, $0.hasFailed) }
        let all = jobs.withLock { Array($0.values) }
        guard !isRenewed else { return all }
        let overdue = all.filter { $0.since <= oldest }
        for job in overdue { job.stop(.leaseLost) }
        if !overdue.isEmpty {
            doubtLeases()
            if !isOutage { renewals.withLock { $0.charged.formUnion(overdue.map(\.entry)) } }
        }
        return all.filter { $0.since > oldest }
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
