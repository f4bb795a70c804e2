internal import Logging
public import Messages
internal import NIOCore
internal import Redis

/// How much a fork may take along.
public struct ForkLimits: Sendable {
    public var runs = 2000
    public var events = 100_000
    /// Of events and conversation together.
    public var bytes = 64 << 20

    public init() {}
}

/// Threads that go on from a place in another one's past.
extension Store {
    /// What is read and written at once: so many events, messages or runs, and about so many bytes of events.
    private static let copyCount = 64
    private static let copyBytes = 256 * 1024
    /// What was copied for a fork that never came to be is gone after so many seconds.
    private static let copySeconds = 3600

    /// Makes a thread of the runs that had ended at a place of another, with their events and the conversation so far.
    ///
    /// Log, runs and conversation are copied first, bit by bit so that Redis has time for others; then one small script makes a
    /// thread of them: until then nobody sees it.
    ///
    /// - Throws: `.invalid` for a place that is none, `.busy` for a run that has not ended, `.exhausted` where there is more than
    ///   ``ForkLimits`` allow, `.notFound`, `.unavailable`.
    public func fork(_ request: ForkThreadRequest) async throws(StoreError) -> Messages.Thread {
        let source = request.threadID
        guard source.isIdentifier else { throw .threadNotFound(source) }
        let origin = hash(try await send(RedisCommand("HGETALL", .key(keys.metadata(source)))))
        guard let newest = origin["last_id"].flatMap({ EventID($0) }) else { throw .threadNotFound(source) }
        // Before it is known which runs had ended: one that ends in between is none of them, and then this does not count.
        let now = try await all([
            RedisCommand("LLEN", .key(keys.messages(source))), RedisCommand("GET", .key(keys.memory(source))),
        ])
        let place = try await place(of: request, newest: newest)
        let past = try await past(of: source, upTo: place)
        let tenant = Tenant.owner(of: source)
        let id = Tenant.makeThreadID(for: tenant)
        var copy = LogCopy(thread: id, runs: past.runs.map(\.id), limits: forkLimits)
        do throws(StoreError) {
            try await copyLog(of: source, upTo: place, into: &copy)
            try await copyConversation(of: source, after: past, now: Int(now[0].int ?? 0), into: &copy)
            try await copyRuns(past.runs, placedBy: copy)
            let memory = past.isWhole ? now[1] : .null
            let metadata = Self.metadata(
                of: copy,
                past.runs,
                origin,
                [("forked_from", source), ("forked_at", "\(place)")]
            )
            let adopt = RedisCall.script(
                ThreadScripts.adopt,
                keys: [keys.metadata(id), keys.stream(id), keys.runs(id), keys.messages(id), keys.memory(id)],
                arguments: [RedisArgument(keys.run(id, "")), RedisArgument(memory.string ?? "")]
                    + metadata.map { RedisArgument($0) }
            )
            _ = try await listing(id, adopt, of: ThreadScripts.adopt)
        } catch {
            await discard(copy)
            throw error
        }
        return try await thread(id)
    }

    // MARK: What there is

    private func place(of request: ForkThreadRequest, newest: EventID) async throws(StoreError) -> EventID {
        let id = request.runID
        if !id.isEmpty {
            guard id.isIdentifier else { throw .runNotFound(id) }
            let key = RedisArgument.key(keys.run(request.threadID, id))
            let run = try await send(RedisCommand("HMGET", key, "status", "final_id")).array ?? []
            guard run.first?.string != nil else { throw .runNotFound(id) }
            guard let end = run.last?.string.flatMap({ EventID($0) }) else {
                throw StoreError(.busy, "run \(id) has not ended", field: "run_id")
            }
            return end
        }
        guard !request.lastID.isEmpty else { return newest }
        guard let place = EventID(request.lastID), place <= newest else {
            throw StoreError(.invalid, "must be the id of an event of the thread", field: "last_id")
        }
        return place
    }

    /// The runs that had ended at a place. Runs are in the order in which they were accepted, so those behind the first one that was
    /// accepted after the place are none of them; what is read of these only tells whether they had any end.
    private func past(of thread: String, upTo place: EventID) async throws(StoreError) -> ThreadPast {
        var past = ThreadPast()
        var index = 0
        var isBehind = false
        while true {
            let page = try await recordedRuns(of: thread, from: index, count: Self.copyCount)
            for run in page {
                isBehind = isBehind || run.start.map { $0 >= place } ?? false
                if let end = run.end, end <= place {
                    past.runs.append(run)
                } else {
                    past.isWhole = past.isWhole && run.end == nil
                }
                guard past.runs.count <= forkLimits.runs else { throw .tooMuch("\(forkLimits.runs) runs") }
            }
            index += page.count
            guard page.count == Self.copyCount, past.isWhole || !isBehind else { return past }
        }
    }

    private func recordedRuns(of thread: String, from first: Int, count: Int) async throws(StoreError) -> [RecordedRun]
    {
        let last = RedisArgument(first + count - 1)
        let range = RedisCommand("LRANGE", .key(keys.runs(thread)), RedisArgument(first), last)
        let ids = (try await send(range).array ?? []).compactMap(\.string)
        let replies = try await all(ids.map { RedisCommand("HGETALL", .key(keys.run(thread, $0))) })
        // A run that has ended asks nothing any more.
        return zip(ids, replies).map { id, reply in
            RecordedRun(id: id, fields: hash(reply).filter { $0.key != "question" })
        }
    }

    @discardableResult
    private func all(_ commands: [RedisCommand]) async throws(StoreError) -> [RESPValue] {
        var values: [RESPValue] = []
        for reply in await redis.send(batch: commands) {
            do { values.append(try reply.get()) } catch { throw StoreError(error) }
        }
        return values
    }

    // MARK: The copy

    private func copyLog(of source: String, upTo place: EventID, into copy: inout LogCopy) async throws(StoreError) {
        let created = Event(threadID: copy.thread, type: "thread_created", time: Self.now)
        try await append([CopiedEvent(bytes: RedisArgument(created.serialized()))], to: &copy)
        var cursor = EventID.zero
        while cursor < place {
            let (outcome, values) = try await run(
                ThreadScripts.page,
                [keys.metadata(source), keys.stream(source)],
                [RedisArgument(cursor.description), RedisArgument(Self.copyCount), RedisArgument(Self.copyBytes)]
            )
            guard outcome == "ok", values.count == 6 else { throw .threadNotFound(source) }
            let page = (values[5].array ?? []).compactMap { StoredEvent(entry: $0) }
            guard let last = page.last else { return }
            let events = page.prefix { $0.id <= place }.compactMap { copy.event($0) }
            try copy.take(events.reduce(0) { $0 + $1.size })
            try await append(events, to: &copy)
            cursor = last.id
        }
    }

    /// The conversation as it was when the last of the runs ended.
    ///
    /// - Parameter now: the messages of a thread on which no run has ended since.
    private func copyConversation(
        of source: String,
        after past: ThreadPast,
        now: Int,
        into copy: inout LogCopy
    ) async throws(StoreError) {
        var count = 0
        if past.isWhole {
            count = now
        } else if let last = past.runs.max(by: { ($0.end ?? .zero) < ($1.end ?? .zero) }) {
            guard let known = last.fields["messages"].flatMap({ Int($0) }) else {
                throw StoreError(.gone, "run \(last.id) does not tell where the conversation stood", field: "run_id")
            }
            count = known
        }
        let key = RedisArgument.key(keys.messages(copy.thread))
        for first in stride(from: 0, to: count, by: Self.copyCount) {
            let last = RedisArgument(min(first + Self.copyCount, count) - 1)
            let range = RedisCommand("LRANGE", .key(keys.messages(source)), RedisArgument(first), last)
            let messages = (try await send(range).array ?? []).compactMap(\.bytes)
            guard !messages.isEmpty else { return }
            try copy.take(messages.reduce(0) { $0 + $1.readableBytes })
            let push = RedisCommand("RPUSH", [key] + messages.map { RedisArgument($0) })
            try await all([push, expiry(of: keys.messages(copy.thread))])
        }
    }

    /// The runs' records, where their events are now.
    private func copyRuns(_ runs: [RecordedRun], placedBy copy: LogCopy) async throws(StoreError) {
        let list = keys.runs(copy.thread)
        for first in stride(from: 0, to: runs.count, by: Self.copyCount) {
            var commands: [RedisCommand] = []
            for var run in runs[first..<min(first + Self.copyCount, runs.count)] {
                guard let id = copy.runs[run.id] else { continue }
                copy.place(&run)
                let key = keys.run(copy.thread, id)
                let fields = run.fields.flatMap { [RedisArgument($0.key), RedisArgument($0.value)] }
                commands += [
                    RedisCommand("HSET", [.key(key)] + fields), expiry(of: key),
                    RedisCommand("RPUSH", .key(list), RedisArgument(id)),
                ]
            }
            try await all(commands + [expiry(of: list)])
        }
    }

    private func expiry(of key: String) -> RedisCommand {
        RedisCommand("EXPIRE", .key(key), RedisArgument(Self.copySeconds))
    }

    /// Removes what was copied; it would go by itself after a while.
    private func discard(_ copy: LogCopy) async {
        let id = copy.thread
        let names = [keys.stream(id), keys.runs(id), keys.messages(id)] + copy.runs.values.map { keys.run(id, $0) }
        for reply in await redis.send(batch: names.map { RedisCommand("UNLINK", .key($0)) }) {
            guard case .failure(let error) = reply else { continue }
            return logger.debug("a copy is left until it expires", metadata: ["thread": "\(id)", "error": "\(error)"])
        }
    }

    private func append(_ events: [CopiedEvent], to copy: inout LogCopy) async throws(StoreError) {
        guard !events.isEmpty else { return }
        let (_, values) = try await run(
            ThreadScripts.copy,
            [keys.stream(copy.thread)],
            [RedisArgument(copy.count), RedisArgument(Self.copySeconds)] + events.map(\.bytes)
        )
        let ids = (values.first?.array ?? []).compactMap { $0.string.flatMap { EventID($0) } }
        guard ids.count == events.count else { throw StoreError(.internal, "events were not copied") }
        for (event, id) in zip(events, ids) { copy.added(event, as: id) }
    }

    private static func metadata(
        of copy: LogCopy,
        _ runs: [RecordedRun],
        _ origin: [String: String],
        _ lineage: [(String, String)]
    ) -> [String] {
        let time = String(now)
        var fields = [
            ("metadata", origin["metadata"] ?? "{}"), ("title", origin["title"] ?? ""),
            ("tags", origin["tags"] ?? "[]"),
            ("created_at", time), ("updated_at", time), ("seq", String(copy.count)), ("last_id", "\(copy.last)"),
            ("run_count", String(runs.count)),
        ]
        if let webhook = origin["webhook"] { fields.append(("webhook", webhook)) }
        for name in ["input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens"] {
            let sum = runs.reduce(0) { $0 + ($1.fields[name].flatMap { Int($0) } ?? 0) }
            fields.append((name, String(sum)))
        }
        return (fields + lineage).flatMap { [$0, $1] }
    }
}

/// A run's record, as it is copied.
private struct RecordedRun {
    let id: String
    var fields: [String: String]

    /// The place before its first event.
    var start: EventID? { fields["cursor"].flatMap { EventID($0) } }
    /// Its last event, once it has ended.
    var end: EventID? { fields["final_id"].flatMap { EventID($0) } }
}

/// A thread as it was at a place.
private struct ThreadPast {
    /// Those that had ended.
    var runs: [RecordedRun] = []
    /// Whether no run has ended since.
    var isWhole = true
}

private struct CopiedEvent {
    let bytes: RedisArgument
    var size = 0
    /// By its new id.
    var run = ""
    var isFinal = false
}

/// A thread's log on its way into another thread.
private struct LogCopy {
    let thread: String
    /// The new ids of the runs that are copied.
    let runs: [String: String]
    private(set) var count = 0
    private(set) var last = EventID.zero
    /// By a run's new id: the place before its first event, and its last event.
    private var extents: [String: (start: EventID, end: EventID)] = [:]
    private let limits: ForkLimits
    private var bytes = 0
    /// The old numbers of the events that are copied, in order.
    private var numbers: [UInt64] = []

    init(thread: String, runs: [String], limits: ForkLimits) {
        self.thread = thread
        self.limits = limits
        self.runs = Dictionary(uniqueKeysWithValues: runs.map { ($0, Store.makeID()) })
    }

    /// An event for the new thread; nil if it belongs to none of its runs. Thread (3) and run (4) are put behind the stored bytes, where
    /// they count and those before them do not.
    mutating func event(_ stored: StoredEvent) -> CopiedEvent? {
        guard let header = try? stored.bytes.withUnsafeReadableBytes({ try EventHeader(serialized: $0) }),
            let run = runs[header.runID]
        else { return nil }
        var bytes = renumbered(stored.bytes, header)
        numbers.append(header.seq)
        for (tag, id) in [(UInt8(0x1a), thread), (UInt8(0x22), run)] {
            bytes.writeInteger(tag)
            bytes.writeInteger(UInt8(id.utf8.count))
            bytes.writeString(id)
        }
        return CopiedEvent(bytes: RedisArgument(bytes), size: bytes.readableBytes, run: run, isFinal: header.isFinal)
    }

    /// An attempt says from which number on the text of the one before it is void: of the new numbers, which the copied events have from
    /// 2 on, behind `thread_created`.
    private func renumbered(_ stored: ByteBuffer, _ header: EventHeader) -> ByteBuffer {
        guard header.type == "run_attempt_started",
            var event = try? stored.withUnsafeReadableBytes({ try Event(serialized: $0) }),
            case .run(var update)? = event.payload, update.discardFromSeq > 0
        else { return stored }
        let kept = numbers.firstIndex { $0 >= update.discardFromSeq } ?? numbers.count
        update.discardFromSeq = UInt64(kept) + 2
        event.payload = .run(update)
        return ByteBuffer(bytes: event.serialized())
    }

    /// Some more is to be copied. - Throws: `.exhausted`.
    mutating func take(_ size: Int) throws(StoreError) {
        bytes += size
        guard bytes <= limits.bytes else { throw .tooMuch("\(limits.bytes) bytes of events and conversation") }
        guard count <= limits.events else { throw .tooMuch("\(limits.events) events") }
    }

    mutating func added(_ event: CopiedEvent, as id: EventID) {
        count += 1
        if !event.run.isEmpty {
            var extent = extents[event.run] ?? (last, .zero)
            if event.isFinal { extent.end = id }
            extents[event.run] = extent
        }
        last = id
    }

    /// Puts a run's record where its events are now.
    func place(_ run: inout RecordedRun) {
        let extent = extents[runs[run.id] ?? ""] ?? (.zero, .zero)
        run.fields["cursor"] = "\(extent.start)"
        run.fields["final_id"] = "\(extent.end)"
    }
}

extension StoreError {
    fileprivate static func tooMuch(_ limit: String) -> StoreError {
        StoreError(.exhausted, "a fork takes at most \(limit) along; choose an earlier place, or begin a new thread")
    }
}
