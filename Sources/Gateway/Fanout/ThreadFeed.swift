internal import DequeModule
internal import Messages
internal import NIOCore
internal import Store

/// A thread's new events on one event loop: the last of them in a ring, those who watch, and what they read of the log.
///
/// Owned by the ``Fanout`` of its loop for as long as someone watches. A viewer is a cursor into the log: while it keeps up it is
/// served from the ring, and a slow one falls out of it and reads from Redis. Those who read at one place share one answer.
final class ThreadFeed {
    /// An event, with what viewers ask of it.
    struct Entry {
        let id: EventID
        let header: EventHeader
        let item: StreamItem
    }

    /// Some of the log, and where it ends.
    struct Page {
        let entries: [Entry]
        let lastSeq: UInt64
        let lastID: EventID
        let trimmedSeq: UInt64
        let passedSeq: UInt64
    }

    /// What a feed asks the store for; both call back on the loop.
    struct Reader {
        /// At most so many events after a cursor.
        let page: (EventID, Int, @escaping (Result<EventPage, StoreError>) -> Void) -> Void
        /// The thread's runs, for viewers who cannot have its events.
        let state: (@escaping (Result<ThreadState, StoreError>) -> Void) -> Void
    }

    /// A read that is under way. One from before a gap may not know what was missed, so that none joins it after the gap.
    private struct Read: Hashable {
        let cursor: EventID
        let count: Int
        let gaps: Int
    }

    /// The ring's bounds; what is older is read from Redis.
    private static let entryLimit = 512
    private static let byteLimit = 1 << 20

    let thread: String
    /// Whether every event from now on is announced to this feed.
    private(set) var isReady = false
    private(set) var viewers: [ObjectIdentifier: Viewer] = [:]
    private let reader: Reader
    private let onUnwatched: () -> Void
    private var reads: [Read: [(Result<Page, StoreError>) -> Void]] = [:]
    private var stateReads: [(Result<ThreadState, StoreError>) -> Void] = []
    private var gaps = 0
    private var ring = Deque<Entry>()
    private var ringSizes = Deque<Int>()
    private var ringBytes = 0
    /// The `keep_alive` of this tick, for all who get one.
    private var keepAliveItem: StreamItem?

    /// - Parameter onUnwatched: called when the last viewer has left.
    init(thread: String, reader: Reader, onUnwatched: @escaping () -> Void) {
        self.thread = thread
        self.reader = reader
        self.onUnwatched = onUnwatched
    }

    /// The number of the newest event that was announced; 0 before the first.
    var lastSeq: UInt64 { ring.last?.header.seq ?? 0 }

    /// The event of this number, if it is in the ring.
    func entry(seq: UInt64) -> Entry? {
        guard let first = ring.first?.header.seq, seq >= first, seq - first < UInt64(ring.count) else { return nil }
        return ring[Int(seq - first)]
    }

    // MARK: Those who watch

    func watch(_ request: Viewer.Request, sink: any EventSink) -> Viewer {
        let viewer = Viewer(request, sink: sink, feed: self)
        viewers[ObjectIdentifier(viewer)] = viewer
        viewer.pump()
        return viewer
    }

    func remove(_ viewer: Viewer) {
        viewers[ObjectIdentifier(viewer)] = nil
        if viewers.isEmpty { onUnwatched() }
    }

    func tick(_ now: NIODeadline, _ intervals: StreamIntervals) {
        keepAliveItem = nil
        for viewer in viewers.values { viewer.tick(now, intervals) }
    }

    /// What a viewer is sent on whose stream nothing happens.
    func keepAlive() -> StreamItem {
        if let keepAliveItem { return keepAliveItem }
        let event = Event(threadID: thread, type: "keep_alive", time: .unixMilliseconds)
        let item = StreamItem(unstored: event)
        keepAliveItem = item
        return item
    }

    // MARK: The log

    /// Reads at most so many events after a cursor.
    func page(after cursor: EventID, count: Int, completion: @escaping (Result<Page, StoreError>) -> Void) {
        let place = Read(cursor: cursor, count: count, gaps: gaps)
        guard reads[place] == nil else {
            reads[place]?.append(completion)
            return
        }
        reads[place] = [completion]
        reader.page(cursor, count) { [self] result in
            let page = result.map { Page($0) }
            for completion in reads.removeValue(forKey: place) ?? [] { completion(page) }
        }
    }

    /// Reads the thread's runs.
    func state(completion: @escaping (Result<ThreadState, StoreError>) -> Void) {
        stateReads.append(completion)
        guard stateReads.count == 1 else { return }
        reader.state { [self] state in
            let waiting = stateReads
            stateReads = []
            for completion in waiting { completion(state) }
        }
    }

    // MARK: What is announced

    func becameReady() {
        isReady = true
        for viewer in viewers.values { viewer.pump() }
    }

    /// Events were lost on the way, perhaps: all viewers look into the log.
    func mayHaveMissed() {
        gaps += 1
        for viewer in viewers.values { viewer.readAgain() }
    }

    func announced(_ events: [StoredEvent]) {
        guard !events.isEmpty else {
            for viewer in viewers.values { viewer.end(StoreError(.notFound, "thread \(thread) was deleted")) }
            return
        }
        for event in events { append(event) }
        for viewer in viewers.values { viewer.pump() }
    }

    private func append(_ event: StoredEvent) {
        guard let entry = Entry(event) else { return }
        // A hole means that announcements were missed: the ring begins anew and viewers read what is between.
        if let last = ring.last?.header.seq, entry.header.seq != last + 1 {
            guard entry.header.seq > last else { return }
            ring.removeAll()
            ringSizes.removeAll()
            ringBytes = 0
        }
        ring.append(entry)
        ringSizes.append(event.bytes.readableBytes)
        ringBytes += event.bytes.readableBytes
        while ring.count > Self.entryLimit || (ringBytes > Self.byteLimit && ring.count > 1) {
            ring.removeFirst()
            ringBytes -= ringSizes.removeFirst()
        }
    }
}

extension ThreadFeed.Page {
    fileprivate init(_ page: EventPage) {
        self.init(
            entries: page.events.compactMap { ThreadFeed.Entry($0) },
            lastSeq: page.lastSeq,
            lastID: page.lastID,
            trimmedSeq: page.trimmedSeq,
            passedSeq: page.passedSeq
        )
    }
}

extension ThreadFeed.Entry {
    init?(_ event: StoredEvent) {
        // What the log holds was written by this project; what is no message at all is passed over.
        guard let header = try? event.bytes.withUnsafeReadableBytes({ try EventHeader(serialized: $0) }) else {
            return nil
        }
        self.init(id: event.id, header: header, item: StreamItem(event, header))
    }
}
