import Messages
import NIOCore

@testable import Gateway
@testable import Store

/// A sink that writes down what it is given and does what the test says.
final class RecordingSink: EventSink {
    var isWritable = true
    var isOver = false
    private(set) var hasBegun = false
    private(set) var items: [StreamItem] = []
    /// One entry for each call of `finish`.
    private(set) var ends: [StoreError?] = []
    /// Called within `send`, after the item was written down.
    var onSend: ((StreamItem) -> Void)?
    var observer: (any EventSinkObserver)?

    func begin() { hasBegun = true }

    func send(_ item: StreamItem) {
        items.append(item)
        onSend?(item)
    }

    func finish(_ error: StoreError?) { ends.append(error) }

    func becomeWritable() {
        isWritable = true
        observer?.sinkBecameWritable()
    }

    func close() { observer?.sinkClosed() }
    func drain() { observer?.sinkDrains() }

    /// Finished once, without an error.
    /// What the events that tell of trimmed ones say.
    var gaps: [StreamGap] {
        events.compactMap { if case .streamGap(let gap)? = $0.payload { gap } else { nil } }
    }
    var snapshots: [ThreadSnapshot] {
        events.compactMap { if case .streamSnapshot(let snapshot)? = $0.payload { snapshot } else { nil } }
    }
    private var events: [Event] {
        items.compactMap { try? Event(serialized: Array($0.grpcFrame.readableBytesView.dropFirst(5))) }
    }
    var endedWell: Bool { ends.count == 1 && ends.allSatisfy { $0 == nil } }
    var types: [String] { items.map(\.type) }
    /// The numbers of the stored events that were sent; the bench gives the event n the id n-0.
    var sent: [UInt64] { items.compactMap { $0.id.flatMap { EventID($0) }?.milliseconds } }
}

/// A log, its feed and its viewers, without Redis: the test says when a page is answered and when an event is announced.
final class ViewerBench {
    static let thread = "t"

    private(set) lazy var feed = ThreadFeed(thread: Self.thread, reader: reader) { [unowned self] in unwatched += 1 }
    private lazy var reader = ThreadFeed.Reader { [unowned self] cursor, count, completion in
        readCount += 1
        reads.append((cursor, count, completion))
    } state: { [unowned self] completion in
        stateReads.append(completion)
    }
    private(set) var log: [StoredEvent] = []
    private(set) var lastSeq: UInt64 = 0
    /// The reads that wait for an answer: cursor, count, completion.
    private(set) var reads: [(cursor: EventID, count: Int, answer: (Result<EventPage, StoreError>) -> Void)] = []
    private(set) var stateReads: [(Result<ThreadState, StoreError>) -> Void] = []
    private(set) var readCount = 0
    private var trimmedSeq: UInt64 = 0
    /// How often the last viewer has left.
    private(set) var unwatched = 0

    init(isReady: Bool = true) { if isReady { feed.becameReady() } }

    func watch(
        _ sink: RecordingSink = RecordingSink(),
        from start: Viewer.Request.Start = .after(.zero),
        run: String? = nil,
        runStart: EventID = .zero,
        runEnd: EventID? = nil,
        ahead: Int = 0,
        onGap: Viewer.Request.OnGap = .snapshot
    ) -> (Viewer, RecordingSink) {
        let part = run.map { Viewer.Request.RunPart(id: $0, start: runStart, end: runEnd, ahead: ahead) }
        return (feed.watch(Viewer.Request(start: start, run: part, onGap: onGap), sink: sink), sink)
    }

    // MARK: The log

    /// Appends events to the log without telling anyone.
    @discardableResult
    func store(
        _ count: Int = 1,
        type: String = "task_agent_execute",
        run: String = "r",
        final: Bool = false,
        bytes: Int = 0
    )
        -> [StoredEvent]
    {
        let events = (0..<count).map { _ in
            lastSeq += 1
            let text = MessageCompleted(text: String(repeating: "x", count: bytes))
            let event = Event(
                seq: lastSeq,
                threadID: Self.thread,
                runID: run,
                type: type,
                final: final,
                payload: bytes > 0 ? .messageCompleted(text) : nil
            )
            return StoredEvent(id: Self.id(lastSeq), bytes: ByteBuffer(bytes: event.serialized()))
        }
        log += events
        return events
    }

    /// Appends events and announces them.
    func emit(
        _ count: Int = 1,
        type: String = "task_agent_execute",
        run: String = "r",
        final: Bool = false,
        bytes: Int = 0
    ) {
        for event in store(count, type: type, run: run, final: final, bytes: bytes) { feed.announced([event]) }
    }

    /// Removes the oldest events for good.
    func trim(_ count: Int) {
        log.removeFirst(count)
        trimmedSeq = log.first.map { $0.id.milliseconds - 1 } ?? lastSeq
    }

    /// Removes deltas whose text a later event holds.
    func fold(_ seqs: ClosedRange<UInt64>) { log.removeAll { seqs.contains($0.id.milliseconds) } }

    static func id(_ seq: UInt64) -> EventID { EventID(milliseconds: seq, counter: 0) }

    // MARK: Answers

    /// The page as Redis would give it now.
    func page(after cursor: EventID, count: Int) -> EventPage {
        EventPage(
            events: Array(log.filter { $0.id > cursor }.prefix(count)),
            lastSeq: lastSeq,
            lastID: Self.id(lastSeq),
            trimmedSeq: trimmedSeq,
            passedSeq: log.last { $0.id <= cursor }?.id.milliseconds ?? 0
        )
    }

    /// Answers the oldest read of the thread's runs; each has its place before its first event.
    func answerState(_ runs: [(id: String, start: UInt64)]) {
        let placed = runs.map { run in
            ThreadState.PlacedRun(run: Run(runID: run.id, threadID: Self.thread, task: "t"), start: Self.id(run.start))
        }
        let state = ThreadState(lastSeq: lastSeq, lastID: Self.id(lastSeq), runs: placed, omittedRuns: 3)
        stateReads.removeFirst()(.success(state))
    }

    func failState(_ error: StoreError) { stateReads.removeFirst()(.failure(error)) }

    /// Answers the oldest read with the log as it is now, or with what the test says.
    func answer(_ result: Result<EventPage, StoreError>? = nil) {
        let read = reads.removeFirst()
        read.answer(result ?? .success(page(after: read.cursor, count: read.count)))
    }

    /// Answers reads until none is left.
    func settle() {
        while !reads.isEmpty { answer() }
    }
}

extension StreamIntervals {
    static let standard = StreamIntervals()
}

extension Viewer {
    func tick(after time: TimeAmount) {
        tick(.now() + time, .standard)
    }
}
