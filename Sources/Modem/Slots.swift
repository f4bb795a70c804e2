internal import Synchronization

/// How many more runs a worker may take on; waits when there is no room.
///
/// Waiting is for one task, the claimer; runs give their slot back when they have ended.
final class Slots: Sendable {
    private struct State {
        var free: Int
        var waiter: CheckedContinuation<Void, Never>?
        var isClosed = false
    }

    private let state: Mutex<State>

    init(_ count: Int) { state = Mutex(State(free: count)) }

    var areTaken: Bool { state.withLock { $0.free == 0 } }

    /// Takes slots, at most `limit`; none if there are none.
    func take(upTo limit: Int) -> Int {
        take { min(limit, $0) }
    }

    /// Takes three quarters of the free slots, and the last one: what the claimer asks the queue for, while the others are for runs that come
    /// without it.
    func takeMost() -> Int {
        take { ($0 * 3 + 3) / 4 }
    }

    private func take(_ share: (_ free: Int) -> Int) -> Int {
        state.withLock { state in
            let taken = share(state.free)
            state.free -= taken
            return taken
        }
    }

    func give(_ count: Int) {
        guard count > 0 else { return }
        let waiter = state.withLock { state in
            state.free += count
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume()
    }

    /// Returns when there is a free slot, or when nobody is to wait any more. For one task at a time.
    func wait() async {
        await withCheckedContinuation { continuation in
            let isOver = state.withLock { state in
                let isOver = state.free > 0 || state.isClosed
                if !isOver { state.waiter = continuation }
                return isOver
            }
            if isOver { continuation.resume() }
        }
    }

    /// The worker stops: ``wait()`` returns at once, now and later. Slots can still be given back.
    func close() {
        let waiter = state.withLock { state in
            state.isClosed = true
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume()
    }
}
