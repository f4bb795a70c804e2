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
        var run: String? = nil
        /// How many runs come before it, where its events begin.
        var ahead = 0

        enum Start: Sendable {
            case after(EventID)
            /// After the newest event there is.
            case newest
        }
    }

    /// Events that are read from Redis at once.
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
        progress = RunProgress(ahead: request.ahead, isWhole: request.startsAtOldest)
        if case .after(let id) = request.start { cursor = id } else { cursor = .zero }
        sink.observer = self
    }

    // MARK: Moving on

    /// Sends what can be sent. Called whenever there may be more: new events, a page, room in the sink.
    func pump() {
        guard !isPumping, !hasEnded, feed.isReady else { return }
        isPumping = true
        defer { isPumping = false }
        while !hasEnded, nextSeq == nil || sink.isWritable {
            if let entry = next() {
                deliver(entry)
            } else if isCaughtUp {
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
            return end(.gone(from: nextSeq, to: entry.header.seq - 1))
        }
        cursor = entry.id
        nextSeq = entry.header.seq + 1
        progress.observe(entry.header)
        guard request.run == nil || request.run == entry.header.runID else { return }
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
        let count = isFirst && request.startsAtNewest ? 1 : Self.pageSize
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
        if isFirst {
            guard cursor <= page.lastID else {
                let message = "is ahead of the log, which ends at \(page.lastID)"
                return end(StoreError(.invalid, message, field: "last_id"))
            }
            sink.begin()
            if request.startsAtNewest {
                cursor = page.lastID
                nextSeq = page.lastSeq + 1
                return pump()
            }
        }
        backlog.append(contentsOf: page.entries)
        nextSeq = nextSeq ?? backlog.first?.header.seq ?? page.lastSeq + 1
        if backlog.isEmpty, let next = nextSeq, next <= page.lastSeq {
            return end(.gone(from: next, to: page.lastSeq))
        }
        pump()
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
        guard let position = progress.position(of: request.run) else {
            lastWaiting = nil
            return
        }
        guard again || lastWaiting == nil else { return }
        lastWaiting = now
        let waiting = Waiting(position: UInt32(clamping: position))
        send(
            StreamItem(
                unstored: Event(
                    threadID: feed.thread,
                    runID: request.run ?? "",
                    type: "waiting",
                    time: .unixMilliseconds,
                    payload: .waiting(waiting)
                )
            )
        )
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
