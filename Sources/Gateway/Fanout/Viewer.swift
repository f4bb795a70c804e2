internal import DequeModule
internal import Messages
internal import NIOCore
internal import Store

/// One client's stream of a thread's events: a cursor in the log, moved on as far as the sink takes events.
///
/// Back-log and live come from this one cursor, so there is no moment between them in which an event could be lost: the next event
/// is the one with the next number, be it in the feed's ring or in Redis. Owned by its ``ThreadFeed``; lives on the loop.
final class Viewer: EventSinkObserver {
    /// Where a stream begins and what it carries.
    struct Request: Sendable {
        var start: Start
        /// Only this run's events; the stream ends with its last.
        var run: RunPart? = nil
        var onGap = OnGap.snapshot

        enum Start: Sendable {
            case after(EventID)
            /// After the newest event there is.
            case newest
        }

        /// A run as a part of the thread's log.
        struct RunPart: Sendable {
            var id: String
            /// The place before its first event, and its last event once it has ended.
            var start: EventID
            var end: EventID?
            /// How many runs come before it, where its events begin.
            var ahead: Int
        }

        /// What is done where events are no longer kept.
        enum OnGap: Sendable {
            /// The viewer is told, and given the thread's runs in their stead.
            case snapshot
            case error
        }
    }

    /// How many events are read from Redis at once: at first few, which costs least and is often all.
    private static let firstPage = 16
    private static let pageSize = 64
    /// How long a stream may wait for Redis before it begins.
    private static let patience = TimeAmount.milliseconds(2500)

    private let request: Request
    private let sink: any EventSink
    private unowned let feed: ThreadFeed

    private var cursor: EventID
    /// The number of the event after the cursor; unknown until the first page.
    private var nextSeq: UInt64?
    /// The end of the log as far as this viewer's pages have shown it.
    private var knownLastSeq: UInt64 = 0
    /// Events up to this number may have been trimmed.
    private var trimmedSeq: UInt64 = 0
    /// Whether the runs are being read that stand for trimmed events; nothing is sent meanwhile.
    private var isBridging = false
    private var backlog = Deque<ThreadFeed.Entry>()
    private var isReading = false
    private var mustRead = true
    private var isPumping = false
    private var hasEnded = false
    private var progress: RunProgress
    private let start = NIODeadline.now()
    private var lastSent = NIODeadline.now()
    private var lastWaiting: NIODeadline?

    init(_ request: Request, sink: any EventSink, feed: ThreadFeed) {
        self.request = request
        self.sink = sink
        self.feed = feed
        progress = RunProgress(ahead: request.run?.ahead ?? 0, isWhole: request.startsAtOldest)
        if case .after(let id) = request.start { cursor = id } else { cursor = .zero }
        sink.observer = self
    }

    // MARK: Moving on

    /// Sends what can be sent. Called whenever there may be more: new events, a page, room in the sink.
    func pump() {
        guard !isPumping, !isBridging, !hasEnded, feed.isReady else { return }
        isPumping = true
        defer { isPumping = false }
        while !hasEnded, !isBridging, nextSeq == nil || sink.isWritable {
            if let entry = next() {
                deliver(entry)
            } else if isCaughtUp {
                // The run has ended, and its last event is not kept any more.
                if let end = request.run?.end, cursor >= end { return self.end(nil) }
                return sendWaiting(.now())
            } else {
                return readPage()
            }
        }
    }

    /// The connection over which new events come was lost for a while.
    func readAgain() {
        mustRead = true
        pump()
    }

    private func next() -> ThreadFeed.Entry? {
        if !backlog.isEmpty { return backlog.removeFirst() }
        return nextSeq.flatMap { feed.entry(seq: $0) }
    }

    private var isCaughtUp: Bool {
        guard let nextSeq, !mustRead else { return false }
        return nextSeq > max(knownLastSeq, feed.lastSeq)
    }

    private func deliver(_ entry: ThreadFeed.Entry) {
        if let nextSeq, entry.header.seq != nextSeq {
            guard entry.header.seq > nextSeq else { return }
            backlog.prepend(entry)
            return cross(from: nextSeq, to: entry.header.seq - 1, before: entry)
        }
        cursor = entry.id
        nextSeq = entry.header.seq + 1
        progress.observe(entry.header)
        guard request.run == nil || request.run?.id == entry.header.runID else { return }
        send(entry.item)
        if entry.header.isFinal, request.run != nil { end(nil) }
    }

    private func send(_ item: StreamItem) {
        lastSent = .now()
        sink.send(item)
    }

    // MARK: The log

    private func readPage() {
        guard !isReading else { return }
        isReading = true
        mustRead = false
        // A stream of new events only has no use for the first page but to learn where the log ends.
        let count = !isFirst ? Self.pageSize : request.startsAtNewest ? 1 : Self.firstPage
        feed.page(after: cursor, count: count) { [self] result in
            isReading = false
            guard !hasEnded else { return }
            switch result {
            case .success(let page): take(page)
            case .failure(let error):
                // An outage does not end a stream that has begun: the log is read again with the next tick.
                guard error.code == .unavailable, !isFirst else { return end(error) }
                mustRead = true
            }
        }
    }

    private var isFirst: Bool { nextSeq == nil }

    private func take(_ page: ThreadFeed.Page) {
        knownLastSeq = max(knownLastSeq, page.lastSeq)
        trimmedSeq = max(trimmedSeq, page.trimmedSeq)
        let next = nextSeq ?? page.passedSeq + 1
        if isFirst {
            guard cursor <= page.lastID else {
                let message = "is ahead of the log, which ends at \(page.lastID)"
                return end(StoreError(.invalid, message, field: "last_id"))
            }
            let kept = page.entries.first?.header.seq ?? page.lastSeq + 1
            if !request.startsAtNewest, next < kept, case .refuse = bridge(from: next, before: page.entries.first) {
                return end(.gone(from: next, to: kept - 1))
            }
            sink.begin()
            if request.startsAtNewest {
                cursor = page.lastID
                nextSeq = page.lastSeq + 1
                return pump()
            }
        }
        backlog.append(contentsOf: page.entries)
        nextSeq = next
        if page.entries.isEmpty, next <= page.lastSeq {
            cross(from: next, to: page.lastSeq, before: nil, last: page.lastID)
        } else {
            pump()
        }
    }

    // MARK: What is no longer kept

    /// How a viewer gets over events that are not there.
    private enum Bridge {
        case silence
        case folded
        case snapshot
        case refuse
    }

    private func bridge(from: UInt64, before entry: ThreadFeed.Entry?) -> Bridge {
        // What lies before a run's first event is no part of its stream.
        if let run = request.run, cursor == run.start, entry.isQueued, entry?.header.runID == run.id { return .silence }
        let isFolded = from > trimmedSeq
        guard request.onGap == .error else { return isFolded ? .folded : .snapshot }
        // Who asks for the oldest event means the oldest that is kept.
        return isFolded || cursor == .zero ? .silence : .refuse
    }

    /// Goes on behind events that are not there, and says so. `before` is the first that is kept; where none is, `last` is the newest
    /// event there was.
    private func cross(from: UInt64, to: UInt64, before entry: ThreadFeed.Entry?, last: EventID? = nil) {
        let place = entry?.id.predecessor ?? last ?? cursor
        switch bridge(from: from, before: entry) {
        case .silence:
            skip(to: to, place)
        case .folded:
            send(unstored: "stream_gap", .streamGap(StreamGap(from: from, to: to, folded: true)))
            skip(to: to, place)
        case .refuse:
            end(.gone(from: from, to: to))
        case .snapshot:
            isBridging = true
            feed.state { [self] result in
                isBridging = false
                guard !hasEnded else { return }
                switch result {
                case .success(let state):
                    let run = request.run?.id
                    let snapshot = state.snapshot(of: feed.thread, seq: to, before: entry, at: place, run: run)
                    send(unstored: "stream_gap", .streamGap(StreamGap(from: from, to: to)))
                    send(unstored: "stream_snapshot", .streamSnapshot(snapshot))
                    skip(to: to, place)
                    pump()
                case .failure(let error):
                    guard error.code == .unavailable else { return end(error) }
                    mustRead = true
                }
            }
        }
    }

    private func skip(to seq: UInt64, _ place: EventID) {
        nextSeq = seq + 1
        cursor = max(cursor, place)
    }

    // MARK: Events that are not stored

    /// Called now and then, see ``StreamIntervals/tick``.
    func tick(_ now: NIODeadline, _ intervals: StreamIntervals) {
        guard !hasEnded else { return }
        guard nextSeq != nil else {
            if !feed.isReady, now - start >= Self.patience {
                end(StoreError(.unavailable, "Redis is not available"))
            }
            return
        }
        // A viewer that is stalled costs its cursor; its page is read again when there is room.
        guard sink.isWritable else { return backlog.removeAll() }
        if mustRead { pump() }
        guard !hasEnded, sink.isWritable else { return }
        if let last = lastWaiting, now - last >= intervals.waiting { sendWaiting(now, again: true) }
        if now - lastSent >= intervals.keepAlive { send(feed.keepAlive()) }
    }

    private func sendWaiting(_ now: NIODeadline, again: Bool = false) {
        guard let position = progress.position(of: request.run?.id) else {
            lastWaiting = nil
            return
        }
        guard again || lastWaiting == nil else { return }
        lastWaiting = now
        send(unstored: "waiting", .waiting(Waiting(position: UInt32(clamping: position))))
    }

    private func send(unstored type: String, _ payload: Event.Payload) {
        let run = request.run?.id ?? ""
        let event = Event(threadID: feed.thread, runID: run, type: type, time: .unixMilliseconds, payload: payload)
        send(StreamItem(unstored: event))
    }

    // MARK: The end

    func sinkBecameWritable() { pump() }
    func sinkClosed() { leave() }
    func sinkDrains() { end(nil) }

    func end(_ error: StoreError?) {
        guard !hasEnded else { return }
        sink.finish(error)
        leave()
    }

    private func leave() {
        guard !hasEnded else { return }
        hasEnded = true
        backlog.removeAll()
        sink.observer = nil
        feed.remove(self)
    }
}

extension Viewer.Request {
    fileprivate var startsAtOldest: Bool {
        if case .after(.zero) = start { true } else { false }
    }

    fileprivate var startsAtNewest: Bool {
        if case .newest = start { true } else { false }
    }
}

extension ThreadFeed.Entry? {
    fileprivate var isQueued: Bool { self?.header.type == "run_queued" }
}

extension ThreadState {
    /// What stands for the events before `entry`, the first that is kept, or for all of them: the runs whose first event was among them.
    fileprivate func snapshot(
        of thread: String,
        seq: UInt64,
        before entry: ThreadFeed.Entry?,
        at place: EventID,
        run: String?
    ) -> ThreadSnapshot {
        let gone = runs.filter { placed in
            let isKept = entry.isQueued && entry?.header.runID == placed.run.runID
            return placed.start <= place && !isKept && (run == nil || run == placed.run.runID)
        }
        return ThreadSnapshot(
            threadID: thread,
            seq: seq,
            lastID: place.description,
            runs: gone.map(\.run),
            omittedRuns: run == nil ? UInt32(clamping: omittedRuns) : 0
        )
    }
}

extension StoreError {
    fileprivate static func gone(from first: UInt64, to last: UInt64) -> StoreError {
        StoreError(.gone, "events \(first) to \(last) are no longer kept", field: "last_id")
    }
}

/// Which runs of a thread wait and which are carried out, as far as the events that a viewer has passed tell.
private struct RunProgress {
    /// Runs that were queued before the first of these events, and of which nothing has been heard since.
    private var ahead: Int
    private var queued: [String] = []
    private var running: Set<String> = []
    private var hasSeenRun = false

    /// - Parameter isWhole: whether the events are those from the beginning, so that no run heard of means that there is none.
    init(ahead: Int, isWhole: Bool) {
        self.ahead = ahead
        hasSeenRun = !isWhole
    }

    mutating func observe(_ header: EventHeader) {
        guard !header.runID.isEmpty else { return }
        hasSeenRun = true
        let isNew = !queued.contains(header.runID) && !running.contains(header.runID)
        switch header.type {
        case "run_queued":
            running.remove(header.runID)
            if !queued.contains(header.runID) { queued.append(header.runID) }
        case "run_attempt_started":
            if isNew { ahead = max(0, ahead - 1) }
            queued.removeAll { $0 == header.runID }
            running.insert(header.runID)
        default:
            guard header.isFinal else { return }
            if isNew { ahead = max(0, ahead - 1) }
            queued.removeAll { $0 == header.runID }
            running.remove(header.runID)
        }
    }

    /// How many runs come before this one, or before the thread's next one; nil where nothing is waited for.
    func position(of run: String?) -> Int? {
        if let run { return queued.firstIndex(of: run).map { $0 + running.count + ahead } }
        guard running.isEmpty else { return nil }
        return hasSeenRun && queued.isEmpty ? nil : 0
    }
}
