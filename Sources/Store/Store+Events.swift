public import Messages
public import NIOCore
internal import Redis

/// An event as it lies in the log: the message's bytes without the id, and the id.
public struct StoredEvent: Sendable, Hashable {
    public let id: EventID
    public let bytes: ByteBuffer

    public init(id: EventID, bytes: ByteBuffer) {
        self.id = id
        self.bytes = bytes
    }

    /// The whole message in the protobuf wire format: the id's field is put behind the stored bytes.
    public func serialized() -> ByteBuffer {
        let id = id.description
        var message = ByteBufferAllocator().buffer(capacity: bytes.readableBytes + id.utf8.count + 2)
        message.writeImmutableBuffer(bytes)
        // Field 1, length-delimited; an id has at most 41 characters, so its length is one byte.
        message.writeInteger(UInt8(0x0a))
        message.writeInteger(UInt8(id.utf8.count))
        message.writeString(id)
        return message
    }
}

/// Some of a thread's events, and where its log ends.
public struct EventPage: Sendable {
    /// In the order of the log.
    public let events: [StoredEvent]
    /// Number and id of the newest event of the log when the page was read.
    public let lastSeq: UInt64
    public let lastID: EventID
    /// Events up to this number may be missing for good. Above it, what is missing are deltas that a later event holds as a whole.
    public let trimmedSeq: UInt64
    /// The number of the last event up to the cursor, as far as that is known; 0 where there is none.
    public let passedSeq: UInt64
}

/// A thread's runs at one moment, for those who cannot have its events.
public struct ThreadState: Sendable {
    /// A run, and the place before its first event.
    public struct PlacedRun: Sendable {
        public let run: Run
        public let start: EventID
    }

    /// Number and id of the newest event.
    public let lastSeq: UInt64
    public let lastID: EventID
    /// The newest ones, oldest first.
    public let runs: [PlacedRun]
    /// How many older runs there are.
    public let omittedRuns: Int
}

extension Store {
    /// A page of the log ends with the event that reaches this: about what a slow reader takes at once.
    private static let pageBytes = 64 * 1024
    /// A page of at most so many events is read by commands, which know no bound in bytes.
    private static let briefPage = 16
    /// How much of a thread's runs goes into a snapshot: the run that reaches the bytes is the last.
    private static let stateRuns = 100
    private static let stateBytes = 1 << 20

    /// Reads a thread's log from after a cursor.
    ///
    /// Where there is no cluster, a brief page is read by two commands, the log and then where it ends; that costs Redis a sixth of what
    /// a script does. What comes between the two lies beyond the page, and of what goes it is known that it was trimmed. Where they do not
    /// make a whole, a script reads both at one moment.
    ///
    /// - Parameters:
    ///   - count: at most so many events; fewer where they are large, at least one if there is any.
    ///   - completion: called on the loop. `.notFound`, `.unavailable`.
    public func page(
        of thread: String,
        after cursor: EventID,
        count: Int,
        on loop: any EventLoop,
        completion: @escaping (Result<EventPage, StoreError>) -> Void
    ) {
        guard thread.isIdentifier else { return completion(.failure(.threadNotFound(thread))) }
        // Redis knows no place after the very last id there can be.
        let cursor = cursor == .last ? cursor.predecessor : cursor
        let connection = redis.connection(on: loop)
        func readAtOneMoment() {
            connection.run(
                ThreadScripts.page,
                keys: [keys.metadata(thread), keys.stream(thread)],
                arguments: [RedisArgument(cursor.description), RedisArgument(count), RedisArgument(Self.pageBytes)]
            ) { reply in
                completion(reply.mapError { StoreError($0) }.flatMap { Self.page($0, of: thread, after: cursor) })
            }
        }
        guard !keys.cluster, count <= Self.briefPage else { return readAtOneMoment() }
        // The event at the cursor is read too, for its number: it is nearly always kept.
        let log = RedisCommand(
            "XRANGE",
            .key(keys.stream(thread)),
            RedisArgument(cursor.description),
            "+",
            "COUNT",
            RedisArgument(count + 1)
        )
        let end = RedisCommand("HMGET", .key(keys.metadata(thread)), "seq", "last_id", "trimmed_seq", "trimmed_id")
        connection.send(pipeline: [.command(log), .command(end)]) { replies in
            do throws(RedisError) {
                guard let page = Self.page(try replies[0].get(), try replies[1].get(), after: cursor, count) else {
                    return readAtOneMoment()
                }
                completion(.success(page))
            } catch {
                completion(.failure(StoreError(error)))
            }
        }
    }

    /// - Returns: nil if a script must look: at a thread that there is not, for the number of an event at the cursor that is not kept, or
    ///   whether events have come or gone.
    private static func page(_ log: RESPValue, _ end: RESPValue, after cursor: EventID, _ count: Int) -> EventPage? {
        guard let state = end.array, state.count == 4, let lastSeq = state[0].int, let lastID = state[1].string else {
            return nil
        }
        var events = (log.array ?? []).compactMap { StoredEvent(entry: $0) }
        var passedSeq: UInt64 = 0
        if cursor != .zero {
            guard events.first?.id == cursor,
                let passed = try? events.removeFirst().bytes.withUnsafeReadableBytes({ try EventHeader(serialized: $0) }
                )
            else { return nil }
            passedSeq = passed.seq
        }
        guard !events.isEmpty || passedSeq >= lastSeq else { return nil }
        var room = pageBytes
        let page = events.prefix(count).prefix { event in
            defer { room -= event.bytes.readableBytes }
            return room > 0
        }
        return EventPage(
            events: Array(page),
            lastSeq: UInt64(clamping: lastSeq),
            lastID: EventID(lastID) ?? .zero,
            trimmedSeq: UInt64(clamping: state[2].int ?? 0),
            passedSeq: passedSeq
        )
    }

    private static func page(
        _ reply: RESPValue,
        of thread: String,
        after cursor: EventID
    ) -> Result<EventPage, StoreError> {
        guard let values = reply.array, let outcome = values.first?.string else {
            return .failure(.unexpected(reply, of: "page"))
        }
        guard outcome == "ok", values.count == 7 else { return .failure(.threadNotFound(thread)) }
        let trimmedSeq = UInt64(clamping: values[3].int ?? 0)
        // Where the cursor itself is not kept, the last that was trimmed tells how far it had come at least.
        let isPastTrimmed = values[4].string.flatMap { EventID($0) }.map { cursor >= $0 } ?? false
        let page = EventPage(
            events: (values[6].array ?? []).compactMap { StoredEvent(entry: $0) },
            lastSeq: UInt64(clamping: values[1].int ?? 0),
            lastID: values[2].string.flatMap { EventID($0) } ?? .zero,
            trimmedSeq: trimmedSeq,
            passedSeq: max(UInt64(clamping: values[5].int ?? 0), isPastTrimmed ? trimmedSeq : 0)
        )
        return .success(page)
    }

    /// Reads a thread's newest runs, as many as go into a message.
    ///
    /// - Parameter completion: called on the loop. `.notFound`, `.unavailable`.
    public func state(
        of thread: String,
        on loop: any EventLoop,
        completion: @escaping (Result<ThreadState, StoreError>) -> Void
    ) {
        guard thread.isIdentifier else { return completion(.failure(.threadNotFound(thread))) }
        redis.connection(on: loop).run(
            ThreadScripts.snapshot,
            keys: [keys.metadata(thread), keys.runs(thread)],
            arguments: stateArguments(thread)
        ) { [self] reply in
            completion(reply.mapError { StoreError($0) }.flatMap { state($0, of: thread) })
        }
    }

    /// As ``state(of:on:completion:)``, from anywhere. - Throws: `.notFound`, `.unavailable`.
    public func snapshot(_ thread: String) async throws(StoreError) -> ThreadSnapshot {
        guard thread.isIdentifier else { throw .threadNotFound(thread) }
        let keys = [keys.metadata(thread), keys.runs(thread)]
        let reply: RESPValue
        do {
            reply = try await redis.run(ThreadScripts.snapshot, keys: keys, arguments: stateArguments(thread))
        } catch {
            throw StoreError(error)
        }
        let state = try state(reply, of: thread).get()
        return ThreadSnapshot(
            threadID: thread,
            seq: state.lastSeq,
            lastID: state.lastID.description,
            runs: state.runs.map(\.run),
            omittedRuns: UInt32(clamping: state.omittedRuns)
        )
    }

    private func stateArguments(_ thread: String) -> [RedisArgument] {
        [RedisArgument(keys.run(thread, "")), RedisArgument(Self.stateRuns), RedisArgument(Self.stateBytes)]
    }

    private func state(_ reply: RESPValue, of thread: String) -> Result<ThreadState, StoreError> {
        guard let values = reply.array, values.first?.string == "ok", values.count == 5 else {
            return .failure(.threadNotFound(thread))
        }
        let runs = (values[4].array ?? []).compactMap { value -> ThreadState.PlacedRun? in
            guard let parts = value.array, parts.count == 2, let id = parts[0].string else { return nil }
            let fields = hash(parts[1])
            let start = fields["cursor"].flatMap { EventID($0) } ?? .zero
            return ThreadState.PlacedRun(run: makeRun(thread, id, parts[1]), start: start)
        }
        let state = ThreadState(
            lastSeq: UInt64(clamping: values[1].int ?? 0),
            lastID: values[2].string.flatMap { EventID($0) } ?? .zero,
            runs: runs.reversed(),
            omittedRuns: Int(values[3].int ?? 0)
        )
        return .success(state)
    }

    /// A page of a legacy stream; entries hold the fields `event` and `data`.
    public func flow(
        _ flow: String,
        _ input: String,
        after cursor: EventID,
        count: Int,
        on loop: any EventLoop,
        completion: @escaping (Result<[FlowEvent], StoreError>) -> Void
    ) {
        guard flow.isIdentifier else {
            return completion(
                .failure(StoreError(.invalid, "must be 1 to 128 letters, digits, _ or -", field: "flow_uuid"))
            )
        }
        guard input.isIdentifier else {
            let error = StoreError(.invalid, "must be 1 to 128 letters, digits, _ or -", field: "flow_input_uuid")
            return completion(.failure(error))
        }
        let cursor = cursor == .last ? cursor.predecessor : cursor
        let command = RedisCommand(
            "XRANGE",
            .key(keys.flow(flow, input)),
            cursor == .zero ? "-" : RedisArgument("(\(cursor)"),
            "+",
            "COUNT",
            RedisArgument(count)
        )
        redis.connection(on: loop).send(command) { reply in
            completion(reply.mapError { StoreError($0) }.map { ($0.array ?? []).compactMap { FlowEvent(entry: $0) } })
        }
    }
}

extension StoredEvent {
    /// An entry of the log's stream: its id and its fields, of which `e` is the event.
    init?(entry: RESPValue) {
        guard let parts = entry.array, parts.count == 2, let id = parts[0].string.flatMap({ EventID($0) }),
            let fields = parts[1].array, fields.count >= 2, let bytes = fields[1].bytes
        else { return nil }
        self.init(id: id, bytes: bytes)
    }
}

extension FlowEvent {
    init?(entry: RESPValue) {
        guard let parts = entry.array, parts.count == 2, let id = parts[0].string, let fields = parts[1].array else {
            return nil
        }
        var values: [String: String] = [:]
        for index in stride(from: 0, to: fields.count - 1, by: 2) {
            if let name = fields[index].string { values[name] = fields[index + 1].string }
        }
        self.init(id: id, type: values["event"] ?? "message", data: values["data"] ?? "{}")
    }
}

/// What is published when events are appended: for each the lengths of its id and its bytes, one byte and four, big-endian; then these.
enum Announcement {
    /// - Returns: the events in order; empty when the thread was deleted; nil when the message is not of this form.
    static func events(in message: ByteBuffer) -> [StoredEvent]? {
        var message = message
        var events: [StoredEvent] = []
        while message.readableBytes > 0 {
            guard let idLength = message.readInteger(as: UInt8.self), let length = message.readInteger(as: UInt32.self),
                let id = message.readString(length: Int(idLength)).flatMap({ EventID($0) }),
                let bytes = message.readSlice(length: Int(length))
            else { return nil }
            events.append(StoredEvent(id: id, bytes: bytes))
        }
        return events
    }
}
