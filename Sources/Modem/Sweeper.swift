public import Logging
public import ServiceLifecycle
public import Store

/// Lets go of what the store has kept for long enough, see ``Retention``; a service of the executable.
///
/// Any number of these share the work. An outage is waited out: what is late goes later.
public final class Sweeper: Service {
    private let store: Store
    private let retention: Retention
    private let interval: Duration
    private let logger: Logger

    public init(store: Store, retention: Retention, interval: Duration, logger: Logger) {
        self.store = store
        self.retention = retention
        self.interval = interval
        self.logger = logger
    }

    /// Sweeps now and then until the process is asked to stop.
    public func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                await self.sweep()
                // Ends early when the task is cancelled, and the loop with it. The processes are not to come all at once.
                try? await Task.sleep(for: self.interval * Double.random(in: 0.5...1))
            }
        }
    }

    private func sweep() async {
        do {
            var count = 0
            while !Task.isCancelled, case let some = try await store.sweep(retention), some > 0 { count += some }
            if count > 0 { logger.debug("threads were looked at for what is old", metadata: ["count": "\(count)"]) }
        } catch {
            logger.warning("old events could not be removed", metadata: ["error": "\(error)"])
        }
    }
}
