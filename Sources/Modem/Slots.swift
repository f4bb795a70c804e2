internal import Synchronization

/// How many more runs a worker may take on; waits when there is no room.
///
/// Waiting is for one task, the claimer; runs give their slot back when they have ended.
final class Slots: Sendable {
    private struct State {
        var free: Int
        var waiter: CheckedContinuation<Void, Never>?
    }

    private let state: Mutex<State>

    init(_ count: Int) { state = Mutex(State(free: count)) }

    /// Takes slots, at most `limit`; none if there are none.
    func take(upTo limit: Int) -> Int {
        state.withLock { state in
            let taken = min(limit, state.free)
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

    /// Returns when there is a free slot. For one task at a time.
    func wait() async {
        await withCheckedContinuation { continuation in
            let isFree = state.withLock { state in
                if state.free == 0 { state.waiter = continuation }
                return state.free > 0
            }
            if isFree { continuation.resume() }
        }
    }
}
