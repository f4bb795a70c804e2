import Messages

/// What one run of a load showed, and whether its events came as they should.
struct LoadSample: Sendable {
    let begin: ContinuousClock.Instant
    /// From the call to its answer: the run is stored.
    private(set) var accepted: Duration?
    /// From the call to the first text of the model.
    private(set) var firstText: Duration?
    /// From the call to the final event.
    private(set) var whole: Duration?
    private(set) var events = 0
    /// What was wrong with the run, if anything was.
    private(set) var fault: String?
    private var lastSeq: UInt64?

    init(begin: ContinuousClock.Instant = .now) {
        self.begin = begin
    }

    mutating func accept(at time: ContinuousClock.Instant = .now) {
        accepted = time - begin
    }

    mutating func fail(_ reason: String) {
        if fault == nil { fault = reason }
    }

    mutating func record(_ event: Event, at time: ContinuousClock.Instant = .now) {
        guard event.seq > 0 else { return }
        events += 1
        if whole != nil { fail("an event came after the final one") }
        if let lastSeq, event.seq != lastSeq + 1 { fail("event \(event.seq) came after event \(lastSeq)") }
        lastSeq = event.seq
        if firstText == nil, case .taskAgentExecute(let progress) = event.payload, case .textDelta = progress.progress {
            firstText = time - begin
        }
        guard event.final else { return }
        whole = time - begin
        if event.type != "run_completed" { fail("it ended with \(event.type)") }
    }

    /// The stream of its events has ended.
    mutating func end() {
        if whole == nil { fail("its events ended without a final one") }
    }
}
