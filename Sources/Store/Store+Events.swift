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
}

extension Store {
    /// A page of the log ends with the event that reaches this: about what a slow reader takes at once.
    private static let pageBytes = 64 * 1024

    /// Reads a thread's log from after a cursor.
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
        redis.connection(on: loop).run(
            ThreadScripts.page,
            keys: [keys.metadata(thread), keys.stream(thread)],
            arguments: [RedisArgument(cursor.description), RedisArgument(count), RedisArgument(Self.pageBytes)]
        ) { reply in
            completion(reply.mapError { StoreError($0) }.flatMap { Self.page($0, of: thread) })
        }
    }

    private static func page(_ reply: RESPValue, of thread: String) -> Result<EventPage, StoreError> {
        guard let values = reply.array, let outcome = values.first?.string else {
            return .failure(.unexpected(reply, of: "page"))
        }
        guard outcome == "ok", values.count == 4 else { return .failure(.threadNotFound(thread)) }
        let page = EventPage(
            events: (values[3].array ?? []).compactMap { StoredEvent(entry: $0) },
            lastSeq: UInt64(clamping: values[1].int ?? 0),
            lastID: values[2].string.flatMap { EventID($0) } ?? .zero
        )
        return .success(page)
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
            RedisArgument(keys.flow(flow, input)),
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

/// What is published when events are appended: each event's id and bytes behind their lengths, big-endian, 2 and 4 bytes.
enum Announcement {
    /// - Returns: the events in order; empty when the thread was deleted; nil when the message is not of this form.
    static func events(in message: ByteBuffer) -> [StoredEvent]? {
        var message = message
        var events: [StoredEvent] = []
        while message.readableBytes > 0 {
            guard let id = message.readLengthPrefixedSlice(as: UInt16.self), let id = EventID(String(buffer: id)),
                let bytes = message.readLengthPrefixedSlice(as: UInt32.self)
            else { return nil }
            events.append(StoredEvent(id: id, bytes: bytes))
        }
        return events
    }
}
