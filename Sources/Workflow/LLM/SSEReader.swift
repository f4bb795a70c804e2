/// An event of a `text/event-stream`.
struct SSEEvent: Sendable, Hashable {
    /// `message` where the stream names none.
    var type: String
    var data: String
}

/// Reads server-sent events (WHATWG HTML, section 9.2.6) from bytes that are cut anywhere.
///
/// A value without I/O. Comments, `id` and `retry` are passed over; an event that the end of the body cuts off is never
/// returned.
struct SSEReader: Sendable {
    /// Bytes of one event, its unfinished line included.
    static let limit = 16 << 20

    private var line: [UInt8] = []
    private var type = ""
    private var data: [UInt8] = []
    private var hasData = false
    private var isFirstLine = true
    /// A carriage return ended the line before; a line feed right behind it belongs to it.
    private var skipsLineFeed = false

    /// - Returns: the events that these bytes complete.
    /// - Throws: ``ModelError`` `protocol` where an event is too large.
    mutating func read(_ bytes: [UInt8]) throws(ModelError) -> [SSEEvent] {
        var events: [SSEEvent] = []
        var rest = bytes[...]
        while true {
            if skipsLineFeed, let first = rest.first {
                skipsLineFeed = false
                if first == UInt8(ascii: "\n") { rest.removeFirst() }
            }
            let end = rest.firstIndex { $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\r") }
            let piece = rest[..<(end ?? rest.endIndex)]
            guard piece.count <= Self.limit - line.count - data.count else {
                throw ModelError(.protocol, "an event of the stream is larger than \(Self.limit) bytes")
            }
            line += piece
            guard let end else { return events }
            skipsLineFeed = rest[end] == UInt8(ascii: "\r")
            rest = rest[(end + 1)...]
            if let event = endLine() { events.append(event) }
        }
    }

    private mutating func endLine() -> SSEEvent? {
        defer { line.removeAll(keepingCapacity: true) }
        if isFirstLine {
            isFirstLine = false
            if line.starts(with: [0xef, 0xbb, 0xbf]) { line.removeFirst(3) }
        }
        guard !line.isEmpty else { return endEvent() }
        let colon = line.firstIndex(of: UInt8(ascii: ":"))
        let name = line[..<(colon ?? line.endIndex)]
        var value = colon.map { line[($0 + 1)...] } ?? []
        if value.first == UInt8(ascii: " ") { value.removeFirst() }
        if name.elementsEqual("data".utf8) {
            if hasData { data.append(UInt8(ascii: "\n")) }
            hasData = true
            data += value
        } else if name.elementsEqual("event".utf8) {
            type = String(decoding: value, as: UTF8.self)
        }
        return nil
    }

    private mutating func endEvent() -> SSEEvent? {
        defer {
            type = ""
            data = []
            hasData = false
        }
        guard hasData else { return nil }
        return SSEEvent(type: type.isEmpty ? "message" : type, data: String(decoding: data, as: UTF8.self))
    }
}
