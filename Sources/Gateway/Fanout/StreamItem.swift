internal import Messages
internal import NIOCore
internal import RPC
internal import Store

/// One event on its way to those who watch: encoded at most once for each protocol, then shared by all of them.
///
/// Made and used on one event loop.
final class StreamItem {
    let type: String
    /// Nil for events that are not stored.
    let id: String?
    /// The message in the protobuf wire format.
    private let message: ByteBuffer
    private let json: (ByteBuffer) -> [UInt8]

    /// Length-prefixed, as gRPC sends it.
    private(set) lazy var grpcFrame: ByteBuffer = RPC.frame(message)

    /// As the server-sent events of HTML's section 9.2: `id`, `event`, `data`, an empty line.
    private(set) lazy var sseFrame: ByteBuffer = {
        let data = json(message)
        var frame = ByteBufferAllocator().buffer(capacity: data.count + type.utf8.count + 64)
        if let id {
            frame.writeStaticString("id: ")
            frame.writeString(id)
            frame.writeStaticString("\n")
        }
        frame.writeStaticString("event: ")
        frame.writeString(type)
        frame.writeStaticString("\ndata: ")
        frame.writeBytes(data)
        frame.writeStaticString("\n\n")
        return frame
    }()

    init(type: String, id: String?, message: ByteBuffer, json: @escaping (ByteBuffer) -> [UInt8]) {
        self.type = type
        self.id = id
        self.message = message
        self.json = json
    }

    /// An event of the log.
    convenience init(_ event: StoredEvent, _ header: EventHeader) {
        self.init(type: header.type, id: event.id.description, message: event.serialized(), json: Self.eventJSON)
    }

    /// An event that is not stored.
    convenience init(unstored event: Event) {
        self.init(type: event.type, id: nil, message: ByteBuffer(bytes: event.serialized()), json: Self.eventJSON)
    }

    /// An entry of a legacy stream, whose data is handed on as it is; line ends would end the field.
    convenience init(_ event: FlowEvent) {
        self.init(type: event.type.singleLine, id: event.id, message: ByteBuffer(bytes: event.serialized())) { _ in
            Array(event.data.singleLine.utf8)
        }
    }

    private static func eventJSON(_ message: ByteBuffer) -> [UInt8] {
        let type = Method.streamThread.response
        // What the log holds was written by this project; an empty object stands for an entry that was not.
        return (try? message.withUnsafeReadableBytes { try type.json(fromSerialized: $0) }) ?? Array("{}".utf8)
    }
}

extension String {
    fileprivate var singleLine: String {
        utf8.contains { $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\r") }
            ? String(map { $0.isNewline ? " " : $0 }) : self
    }
}
