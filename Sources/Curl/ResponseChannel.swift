internal import Synchronization

/// Carries one response from the transfer thread to the task that awaits it.
///
/// The thread delivers (``deliver(head:)``, ``deliver(body:)``, ``finish(_:)``) and never waits; the task takes. In
/// between is one buffer of bounded size, so the transfer is paused while it is full and resumed when it has been
/// taken.
final class ResponseChannel: Sendable {
    /// Bytes kept for a reader that lags.
    static let capacity = 256 * 1024

    struct Head: Sendable {
        var status = 0
        var version = ""
        var headers = CurlHeaders()
    }

    private struct State {
        var head: Head?
        var buffer: [UInt8] = []
        var isPaused = false
        /// Nobody reads any more; what comes is dropped.
        var isDiscarding = false
        /// How it ended; the error is nil for a complete response.
        var end: CurlError??
        var waiter: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())
    private let queue: TransferQueue

    init(queue: TransferQueue) { self.queue = queue }

    // MARK: The transfer thread

    func deliver(head: Head) {
        change { $0.head = head }
    }

    /// - Returns: false if there is no room: the transfer is to be paused, and the same bytes to be delivered again
    ///   after a `resume`.
    func deliver(body bytes: UnsafeRawBufferPointer) -> Bool {
        change { state in
            if state.end != nil || state.isDiscarding { return true }
            guard bytes.count <= Self.capacity - state.buffer.count else {
                state.isPaused = true
                return false
            }
            state.buffer.append(contentsOf: bytes)
            return true
        }
    }

    /// The first end counts.
    func finish(_ error: CurlError?) {
        change { state in
            if state.end == nil { state.end = .some(error) }
        }
    }

    // MARK: The reading task

    func head() async throws(CurlError) -> Head {
        while true {
            let (head, end) = state.withLock { ($0.head, $0.end) }
            if let head, end != .some(.cancelled) { return head }
            if let end { throw end ?? CurlError(.protocol, "the response has no head") }
            await wait { $0.head != nil || $0.end != nil }
        }
    }

    func next() async throws(CurlError) -> [UInt8]? {
        while true {
            if let result = take() { return try result.get() }
            await wait { !$0.buffer.isEmpty || $0.end != nil }
        }
    }

    /// Leaves the rest of the body to the transfer thread.
    func discardRest() {
        let goesOn = change { state in
            guard state.end == nil, !state.isDiscarding else { return false }
            state.isDiscarding = true
            state.buffer = []
            return true
        }
        if goesOn { queue.discard(self) }
    }

    /// Ends the response for the reader at once, and the transfer soon. Does nothing after the end, or once the rest is
    /// discarded.
    func cancel() {
        let isFirst = change { state in
            guard state.end == nil, !state.isDiscarding else { return false }
            state.end = .some(.cancelled)
            state.buffer = []
            return true
        }
        if isFirst { queue.cancel(self) }
    }

    /// - Returns: nil if there is nothing to take yet.
    private func take() -> Result<[UInt8]?, CurlError>? {
        let (result, wasPaused) = state.withLock { state -> (Result<[UInt8]?, CurlError>?, Bool) in
            guard state.buffer.isEmpty else {
                let chunk = state.buffer
                let wasPaused = state.isPaused
                state.buffer = []
                state.isPaused = false
                return (.success(chunk), wasPaused)
            }
            guard let end = state.end else { return (nil, false) }
            return (end.map { .failure($0) } ?? .success(nil), false)
        }
        if wasPaused { queue.resume(self) }
        return result
    }

    private func wait(until isReady: @Sendable (borrowing State) -> Bool) async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isReady = state.withLock { state in
                    if isReady(state) { return true }
                    precondition(state.waiter == nil, "two tasks read one response")
                    state.waiter = continuation
                    return false
                }
                if isReady { continuation.resume() }
            }
        } onCancel: {
            cancel()
        }
    }

    /// Changes the state and wakes the reader, which looks again.
    private func change<Result>(_ body: (inout sending State) -> Result) -> Result {
        let (result, waiter) = state.withLock { state in
            let result = body(&state)
            return (result, state.waiter.take())
        }
        waiter?.resume()
        return result
    }
}
