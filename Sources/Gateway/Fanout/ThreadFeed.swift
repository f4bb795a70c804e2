internal import DequeModule
internal import Messages
internal import NIOCore
internal import Store

/// A thread's new events on one event loop: the last of them in a ring, and those who watch.
///
/// Owned by the ``Fanout`` of its loop for as long as someone watches. A viewer is a cursor into the log: while it keeps up it is
/// served from the ring, and a slow one falls out of it and reads from Redis.
final class ThreadFeed {
    /// An event of the ring, with what viewers ask of it.
    struct Entry {
        let id: EventID
        let header: EventHeader
        let item: StreamItem
    }

    /// The ring's bounds; what is older is read from Redis.
    private static let entryLimit = 512
    private static let byteLimit = 1 << 20

    let thread: String
    /// Whether every event from now on is announced to this feed.
    private(set) var isReady = false
    private(set) var viewers: [ObjectIdentifier: Viewer] = [:]
    private var ring = Deque<Entry>()
    private var ringSizes = Deque<Int>()
    private var ringBytes = 0

    init(thread: String) { self.thread = thread }

    /// The number of the newest event that was announced; 0 before the first.
    var lastSeq: UInt64 { ring.last?.header.seq ?? 0 }

    /// The event of this number, if it is in the ring.
    func entry(seq: UInt64) -> Entry? {
        guard let first = ring.first?.header.seq, seq >= first, seq - first < UInt64(ring.count) else { return nil }
        return ring[Int(seq - first)]
    }

    func add(_ viewer: Viewer) { viewers[ObjectIdentifier(viewer)] = viewer }
    func remove(_ viewer: Viewer) { viewers[ObjectIdentifier(viewer)] = nil }

    // MARK: What is announced

    func becameReady() {
        isReady = true
        for viewer in viewers.values { viewer.pump() }
    }

    /// Events were lost on the way, perhaps: all viewers look into the log.
    func mayHaveMissed() {
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

extension ThreadFeed.Entry {
    init?(_ event: StoredEvent) {
        // What the log holds was written by this project; anything else in the stream is passed over.
        guard let header = try? event.bytes.withUnsafeReadableBytes({ try EventHeader(serialized: $0) }) else {
            return nil
        }
        self.init(id: event.id, header: header, item: StreamItem(event, header))
    }
}
