/// The bytes of unfinished requests that one event loop's connections may hold together; loop-bound.
///
/// Each request is bounded by itself, but a client can leave as many unfinished as it has streams. Only what has to be
/// kept until the request is whole counts here; other bodies are bounded by what a peer may send ahead.
final class BodyBudget {
    private let limit: Int
    private(set) var held = 0

    init(limit: Int) {
        self.limit = limit
    }

    /// Whether there is room for so many bytes more, which then are held.
    func take(_ count: Int) -> Bool {
        guard count <= limit - held else { return false }
        held += count
        return true
    }

    func giveBack(_ count: Int) {
        held -= count
    }
}
