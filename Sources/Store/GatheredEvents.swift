internal import Messages

/// Events of one attempt that are not written yet, in the order in which they came.
struct GatheredEvents {
    private var events: [Event] = []
    /// What the model is saying, until it is an event: behind all the others.
    private var passage: Passage?
    /// What they take, about.
    private(set) var bytes = 0

    /// What an event takes beside its text, about.
    private static let eventBytes = 128

    /// Text of one kind, to which the model adds word by word.
    struct Passage {
        enum Kind {
            case text, reasoning
        }

        let kind: Kind
        /// When its first word came.
        let time: Int64
        var text: String

        fileprivate var content: EventContent {
            switch kind {
            case .text: .progress(.textDelta(TextDelta(text: text)))
            case .reasoning: .progress(.reasoningDelta(TextDelta(text: text)))
            }
        }
    }

    var isEmpty: Bool { events.isEmpty && passage == nil }

    mutating func append(_ content: EventContent, of run: ClaimedRun) {
        endPassage(of: run)
        events.append(Self.event(content, of: run, time: Store.now))
        bytes += Self.eventBytes
    }

    /// Joins text of the model to what it has said of this kind, if nothing else has come since.
    mutating func append(_ delta: String, _ kind: Passage.Kind, of run: ClaimedRun) {
        if passage?.kind == kind {
            passage?.text.append(delta)
        } else {
            endPassage(of: run)
            passage = Passage(kind: kind, time: Store.now, text: delta)
            bytes += Self.eventBytes
        }
        bytes += delta.utf8.count
    }

    /// All of them, to be written; none is left.
    mutating func take(of run: ClaimedRun) -> [Event] {
        endPassage(of: run)
        defer { (events, bytes) = ([], 0) }
        return events
    }

    /// What the model says next begins another event.
    private mutating func endPassage(of run: ClaimedRun) {
        guard let passage = passage.take() else { return }
        events.append(Self.event(passage.content, of: run, time: passage.time))
    }

    private static func event(_ content: EventContent, of run: ClaimedRun, time: Int64) -> Event {
        Event(
            threadID: run.threadID,
            runID: run.runID,
            attempt: run.attempt,
            type: content.type,
            time: time,
            payload: content.payload
        )
    }
}
