public import Messages
internal import NIOCore
internal import Redis

/// Threads that go on from a place in another one's past.
extension Store {
    /// Events that are copied at once.
    private static let copyCount = 64
    /// What was copied for a fork that never came to be is gone after so many seconds.
    private static let copySeconds = 3600

    /// Makes a thread of the runs that had ended at a place of another, with their events and the conversation so far.
    ///
    /// The log is copied first, then one script makes a thread of it: until then nobody sees it.
    ///
    /// - Throws: `.invalid` for a place that is none, `.busy` for a run that has not ended, `.notFound`, `.unavailable`.
    public func fork(_ request: ForkThreadRequest) async throws(StoreError) -> Messages.Thread {
        let source = request.threadID
        guard source.isIdentifier else { throw .threadNotFound(source) }
        let origin = hash(try await send(RedisCommand("HGETALL", RedisArgument(keys.metadata(source)))))
        guard let newest = origin["last_id"].flatMap({ EventID($0) }) else { throw .threadNotFound(source) }
        let all = try await recordedRuns(of: source)
        let place = try Self.place(of: request, newest: newest, all)
        var runs = all.filter { $0.end.map { $0 <= place } ?? false }
        let isWhole = runs.count == all.count { $0.end != nil }
        let tenant = Tenant.owner(of: source)
        let id = Tenant.makeThreadID(for: tenant)
        var copy = LogCopy(thread: id, runs: runs.map(\.id))
        try await copyLog(of: source, upTo: place, into: &copy)
        for index in runs.indices { copy.place(&runs[index]) }
        let messages = try await conversation(of: source, after: runs, isWhole: isWhole)
        let memory = try await send(RedisCommand("GET", RedisArgument(keys.memory(source))))
        let metadata = Self.metadata(of: copy, runs, origin, [("forked_from", source), ("forked_at", "\(place)")])
        let records = runs.flatMap { run in
            [copy.runs[run.id] ?? "", String(run.fields.count * 2)] + run.fields.flatMap { [$0.key, $0.value] }
        }
        _ = try await self.run(
            ThreadScripts.adopt,
            [keys.metadata(id), keys.stream(id), keys.runs(id), keys.messages(id), keys.memory(id)],
            [
                RedisArgument(keys.run(id, "")), isWhole ? RedisArgument(memory.string ?? "") : "",
                RedisArgument(metadata.count), RedisArgument(runs.count), RedisArgument(messages.count),
            ] + metadata.map { RedisArgument($0) } + records.map { RedisArgument($0) } + messages
        )
        let added = await redis.send(
            batch: [
                RedisCommand(
                    "ZADD",
                    RedisArgument(keys.threads(of: tenant)),
                    RedisArgument(Self.now),
                    RedisArgument(id)
                ),
                sweepSoon(id),
            ]
        )
        do { for reply in added { _ = try reply.get() } } catch { throw StoreError(error) }
        return try await thread(id)
    }

    // MARK: What there is

    private func recordedRuns(of thread: String) async throws(StoreError) -> [RecordedRun] {
        let ids = (try await send(RedisCommand("LRANGE", RedisArgument(keys.runs(thread)), "0", "-1")).array ?? [])
            .compactMap(\.string)
        let replies = await redis.send(
            batch: ids.map { RedisCommand("HGETALL", RedisArgument(keys.run(thread, $0))) }
        )
        var runs: [RecordedRun] = []
        for (id, reply) in zip(ids, replies) {
            do {
                // A run that has ended asks nothing any more.
                let fields = hash(try reply.get()).filter { $0.key != "question" }
                runs.append(RecordedRun(id: id, fields: fields))
            } catch {
                throw StoreError(error)
            }
        }
        return runs
    }

    private static func place(
        of request: ForkThreadRequest,
        newest: EventID,
        _ runs: [RecordedRun]
    ) throws(StoreError) -> EventID {
        if !request.runID.isEmpty {
            guard let run = runs.first(where: { $0.id == request.runID }) else { throw .runNotFound(request.runID) }
            guard let end = run.end else {
                throw StoreError(.busy, "run \(run.id) has not ended", field: "run_id")
            }
            return end
        }
        guard !request.lastID.isEmpty else { return newest }
        guard let place = EventID(request.lastID), place <= newest else {
            throw StoreError(.invalid, "must be the id of an event of the thread", field: "last_id")
        }
        return place
    }

    /// The conversation as it was when the last of these runs ended.
    private func conversation(
        of thread: String,
        after runs: [RecordedRun],
        isWhole: Bool
    ) async throws(StoreError) -> [RedisArgument] {
        var count = 0
        if isWhole {
            count = Int(try await send(RedisCommand("LLEN", RedisArgument(keys.messages(thread)))).int ?? 0)
        } else if let last = runs.max(by: { ($0.end ?? .zero) < ($1.end ?? .zero) }) {
            guard let known = last.fields["messages"].flatMap({ Int($0) }) else {
                throw StoreError(.gone, "run \(last.id) does not tell where the conversation stood", field: "run_id")
            }
            count = known
        }
        guard count > 0 else { return [] }
        let list = RedisCommand("LRANGE", RedisArgument(keys.messages(thread)), "0", RedisArgument(count - 1))
        return (try await send(list).array ?? []).compactMap(\.bytes).map { RedisArgument($0) }
    }

    // MARK: The copy

    private func copyLog(of source: String, upTo place: EventID, into copy: inout LogCopy) async throws(StoreError) {
        let created = Event(threadID: copy.thread, type: "thread_created", time: Self.now)
        try await append([CopiedEvent(bytes: RedisArgument(created.serialized()))], to: &copy)
        var cursor = EventID.zero
        while cursor < place {
            let page = try await send(
                RedisCommand(
                    "XRANGE",
                    RedisArgument(keys.stream(source)),
                    cursor == .zero ? "-" : RedisArgument("(\(cursor)"),
                    RedisArgument(place.description),
                    "COUNT",
                    RedisArgument(Self.copyCount)
                )
            )
            let events = (page.array ?? []).compactMap { StoredEvent(entry: $0) }
            guard let last = events.last else { return }
            try await append(events.compactMap { copy.event($0) }, to: &copy)
            cursor = last.id
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

    /// Its last event, once it has ended.
    var end: EventID? { fields["final_id"].flatMap { EventID($0) } }
}

private struct CopiedEvent {
    let bytes: RedisArgument
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

    init(thread: String, runs: [String]) {
        self.thread = thread
        self.runs = Dictionary(uniqueKeysWithValues: runs.map { ($0, Store.makeID()) })
    }

    /// An event for the new thread; nil if it belongs to none of its runs. Thread (3) and run (4) are put behind the stored bytes, where
    /// they count and those before them do not.
    func event(_ stored: StoredEvent) -> CopiedEvent? {
        guard let header = try? stored.bytes.withUnsafeReadableBytes({ try EventHeader(serialized: $0) }),
            let run = runs[header.runID]
        else { return nil }
        var bytes = stored.bytes
        for (tag, id) in [(UInt8(0x1a), thread), (UInt8(0x22), run)] {
            bytes.writeInteger(tag)
            bytes.writeInteger(UInt8(id.utf8.count))
            bytes.writeString(id)
        }
        return CopiedEvent(bytes: RedisArgument(bytes), run: run, isFinal: header.isFinal)
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
