/// How long what a thread has gathered is kept. A duration of zero stands for ever.
public struct Retention: Sendable, Equatable {
    /// Deltas of text, after the end of their run; the whole text stays as `message_completed`.
    public var deltas: Duration
    /// Events, after the end of their run.
    public var events: Duration
    /// A thread with all that belongs to it, after its last event.
    public var thread: Duration
    /// What a thread's log may take of Redis' memory, in bytes; 0: no bound. What exceeds it goes, the oldest finished runs first: their
    /// deltas, then their events. The newest finished run and those that have not ended keep theirs, and a live run may write on.
    public var bytes: Int

    public init(
        deltas: Duration = .seconds(3600),
        events: Duration = .seconds(7 * 86_400),
        thread: Duration = .seconds(30 * 86_400),
        bytes: Int = 64 << 20
    ) {
        self.deltas = deltas
        self.events = events
        self.thread = thread
        self.bytes = bytes
    }

    /// When a time that began then is over; nil for one that never is.
    static func end(of duration: Duration, since start: Int64) -> Int64? {
        duration > .zero ? start + duration.components.seconds * 1000 : nil
    }
}
