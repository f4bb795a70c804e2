internal import CCurl
internal import Glibc
internal import Synchronization

/// What tasks ask of the transfer thread: a list of commands, and an eventfd that wakes the thread.
///
/// Bounded by the number of transfers: each has at most one start, one resume, and one cancel or discard in it.
final class TransferQueue: Sendable {
    enum Command: Sendable {
        case start(CurlRequest, ResponseChannel)
        case resume(ResponseChannel)
        case cancel(ResponseChannel)
        case discard(ResponseChannel)
    }

    private struct State {
        var commands: [Command] = []
        var transfers = 0
        var isStopping = false
        var isStopped = false
        var waiters: [CheckedContinuation<Void, Never>] = []
    }

    /// Readable while there may be commands.
    let eventDescriptor: Int32
    private let limit: Int
    private let state = Mutex(State())

    init(limit: Int) throws(CurlError) {
        eventDescriptor = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
        guard eventDescriptor >= 0 else { throw CurlError(.failed, "eventfd: errno \(errno)") }
        self.limit = limit
    }

    deinit { close(eventDescriptor) }

    // MARK: Any task

    func start(_ request: CurlRequest, _ channel: ResponseChannel) throws(CurlError) {
        let refusal = state.withLock { state -> CurlError? in
            if state.isStopping { return .shutdown }
            if state.transfers >= limit { return CurlError(.exhausted, "\(limit) transfers are under way already") }
            state.transfers += 1
            state.commands.append(.start(request, channel))
            return nil
        }
        if let refusal { throw refusal }
        wake()
    }

    func resume(_ channel: ResponseChannel) { add(.resume(channel)) }
    func cancel(_ channel: ResponseChannel) { add(.cancel(channel)) }
    func discard(_ channel: ResponseChannel) { add(.discard(channel)) }

    func stop() {
        state.withLock { $0.isStopping = true }
        wake()
    }

    /// Returns when all transfers have ended and the thread takes no more commands.
    func stopped() async {
        await withCheckedContinuation { continuation in
            let isStopped = state.withLock { state in
                if !state.isStopped { state.waiters.append(continuation) }
                return state.isStopped
            }
            if isStopped { continuation.resume() }
        }
    }

    private func add(_ command: Command) {
        let isRunning = state.withLock { state in
            if !state.isStopped { state.commands.append(command) }
            return !state.isStopped
        }
        if isRunning { wake() }
    }

    /// The write can only fail when the counter is full, and then the descriptor is readable anyway.
    private func wake() { _ = eventfd_write(eventDescriptor, 1) }

    // MARK: The transfer thread

    /// The commands since the last call, and whether the thread is to end.
    func take() -> (commands: [Command], isStopping: Bool) {
        var counter: eventfd_t = 0
        _ = eventfd_read(eventDescriptor, &counter)
        return state.withLock { state in
            let commands = state.commands
            state.commands = []
            return (commands, state.isStopping)
        }
    }

    func transferEnded() { state.withLock { $0.transfers -= 1 } }

    func threadEnded() {
        let waiters = state.withLock { state in
            state.isStopped = true
            state.commands = []
            let waiters = state.waiters
            state.waiters = []
            return waiters
        }
        for waiter in waiters { waiter.resume() }
    }
}
