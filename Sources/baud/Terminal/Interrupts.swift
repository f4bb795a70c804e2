import Dispatch
import Glibc
import Synchronization

/// SIGINT, which a terminal sends for Ctrl-C, as something to wait for: as long as this exists, the signal does not end
/// the process.
///
/// Dispatch reads the signal from a descriptor; what happens here happens on a queue, not in a signal handler.
final class Interrupts: Sendable {
    /// A dispatch source may be used from any thread, which its protocol does not declare; it is never replaced.
    private nonisolated(unsafe) let source: any DispatchSourceSignal
    private let signals: AsyncStream<Void>
    private let received = Atomic(false)

    /// Returns when the signal has been taken over.
    init() async {
        // Two are of interest: the one that asks, and the one that insists.
        let (signals, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingOldest(2))
        self.signals = signals
        source = DispatchSource.makeSignalSource(signal: SIGINT, queue: .global())
        source.setEventHandler { [weak self] in
            self?.received.store(true, ordering: .relaxed)
            continuation.yield()
        }
        await withCheckedContinuation { continuation in
            source.setRegistrationHandler { continuation.resume() }
            source.resume()
        }
    }

    deinit {
        source.cancel()
    }

    /// Whether there was one since the beginning.
    var hasCome: Bool { received.load(ordering: .relaxed) }

    /// Waits for the next one, by one task at a time; false when the task was cancelled before.
    func next() async -> Bool {
        for await _ in signals { return true }
        return false
    }
}
