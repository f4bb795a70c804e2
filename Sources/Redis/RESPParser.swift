private import CHiredis
internal import NIOCore

/// What a server may send before the connection is given up as broken.
struct RESPLimits: Sendable {
    /// Elements of one reply, those of nested arrays included.
    var elements: Int
    /// Bytes of one bulk string, and of all strings of one reply together.
    var bytes: Int
}

/// Turns bytes of a server into replies, by hiredis' reader.
///
/// The reader calls back for every element; the callbacks only append a token to a flat list, which is folded into a
/// ``RESPValue`` once the reply is whole. hiredis' own reply objects are never made: they would allocate a table for
/// whatever array length the peer names.
///
/// Owned by one connection and used on its event loop only.
final class RESPParser {
    private let functions: UnsafeMutablePointer<redisReplyObjectFunctions>
    private let reader: UnsafeMutablePointer<redisReader>
    /// In memory of its own, because hiredis holds its address.
    private let sink: UnsafeMutablePointer<ReplySink>

    /// - Parameter limits: beyond these ``next()`` throws.
    init(limits: RESPLimits) {
        sink = .allocate(capacity: 1)
        sink.initialize(to: ReplySink(limits: limits))
        functions = .allocate(capacity: 1)
        functions.initialize(to: Self.callbacks)
        guard let reader = redisReaderCreateWithFunctions(functions) else {
            preconditionFailure("out of memory")
        }
        self.reader = reader
        reader.pointee.privdata = UnsafeMutableRawPointer(sink)
    }

    deinit {
        redisReaderFree(reader)
        functions.deallocate()
        sink.deinitialize(count: 1)
        sink.deallocate()
    }

    /// Adds received bytes; they are copied.
    func feed(_ buffer: ByteBuffer) throws(RedisError) {
        let status = buffer.withUnsafeReadableBytes { bytes in
            redisReaderFeed(reader, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), bytes.count)
        }
        guard status == 0 else { throw failure() }
    }

    /// The next whole reply, or `nil` when more bytes are needed.
    ///
    /// - Throws: `.protocol` for what is no RESP2 or is beyond the limits. The parser is of no use after that.
    func next() throws(RedisError) -> RESPValue? {
        var reply: UnsafeMutableRawPointer?
        guard redisReaderGetReply(reader, &reply) == 0 else { throw failure() }
        if reply != nil { return sink.pointee.take() }
        // The reader has no limit of its own for a bulk string whose end has not come yet.
        let waiting = reader.pointee.len - reader.pointee.pos
        guard waiting <= sink.pointee.limits.bytes + Self.framing else {
            throw RedisError(.protocol, "a reply is larger than \(sink.pointee.limits.bytes) bytes")
        }
        return nil
    }

    private func failure() -> RedisError {
        if let reason = sink.pointee.refusal { return RedisError(.protocol, reason) }
        let text = withUnsafeBytes(of: reader.pointee.errstr) { bytes in
            String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
        return RedisError(.protocol, "malformed reply: \(text)")
    }

    /// Room for the header and for what one read brings beyond the string.
    private static let framing = 128 * 1024

    private static let callbacks = redisReplyObjectFunctions(
        createString: { task, bytes, count in
            let bytes = UnsafeRawBufferPointer(start: bytes, count: count)
            return ReplySink.of(task)?.pointee.string(kind: task?.pointee.type, bytes)
        },
        createArray: { task, count in ReplySink.of(task)?.pointee.add(.array(Int(count))) },
        createInteger: { task, number in ReplySink.of(task)?.pointee.add(.integer(number)) },
        createNil: { task in ReplySink.of(task)?.pointee.add(.null) },
        freeObject: { _ in }
    )
}

/// Receives the elements of one reply from hiredis' callbacks, outermost first.
private struct ReplySink {
    enum Token {
        case null
        case integer(Int64)
        case simple(String)
        case error(String)
        case bytes(offset: Int, count: Int)
        case array(Int)
    }

    let limits: RESPLimits
    /// Why an element was refused; hiredis itself would report "out of memory".
    private(set) var refusal: String?
    private var tokens: [Token] = []
    /// All bulk strings of the reply, one behind the other.
    private var arena = ByteBuffer()
    private var announced = 1

    /// What is kept for the next reply; more is given back.
    private static let keptTokens = 4096
    private static let keptBytes = 64 * 1024

    init(limits: RESPLimits) { self.limits = limits }

    static func of(_ task: UnsafePointer<redisReadTask>?) -> UnsafeMutablePointer<ReplySink>? {
        task?.pointee.privdata?.assumingMemoryBound(to: ReplySink.self)
    }

    /// Returns what hiredis takes for the new object: any address but null, which means "refused".
    mutating func add(_ token: Token) -> UnsafeMutableRawPointer? {
        if case .array(let count) = token {
            announced += count
            guard count >= 0, announced <= limits.elements else {
                refusal = "a reply has more than \(limits.elements) elements"
                return nil
            }
        }
        tokens.append(token)
        return UnsafeMutableRawPointer(bitPattern: 1)
    }

    mutating func string(kind: CInt?, _ bytes: UnsafeRawBufferPointer) -> UnsafeMutableRawPointer? {
        guard arena.readableBytes + bytes.count <= limits.bytes else {
            refusal = "a reply is larger than \(limits.bytes) bytes"
            return nil
        }
        switch kind {
        case REDIS_REPLY_STATUS: return add(.simple(String(decoding: bytes, as: UTF8.self)))
        case REDIS_REPLY_ERROR: return add(.error(String(decoding: bytes, as: UTF8.self)))
        default:
            let offset = arena.writerIndex
            arena.writeBytes(bytes)
            return add(.bytes(offset: offset, count: bytes.count))
        }
    }

    /// Folds the tokens of a whole reply and makes room for the next.
    mutating func take() -> RESPValue {
        var cursor = 0
        let value = fold(&cursor, takeStrings())
        tokens.removeAll(keepingCapacity: tokens.count <= Self.keptTokens)
        announced = 1
        return value
    }

    /// Of a usual reply a copy, so that the arena stays; a large one goes as it is.
    private mutating func takeStrings() -> ByteBuffer {
        guard arena.readableBytes > Self.keptBytes else {
            defer { arena.clear() }
            return ByteBuffer(bytes: arena.readableBytesView)
        }
        defer { arena = ByteBuffer() }
        return arena
    }

    /// Recursion ends at the reader's own limit of nested arrays, which is below ten.
    private func fold(_ cursor: inout Int, _ strings: ByteBuffer) -> RESPValue {
        guard cursor < tokens.count else { return .null }
        let token = tokens[cursor]
        cursor += 1
        switch token {
        case .null: return .null
        case .integer(let number): return .integer(number)
        case .simple(let text): return .simple(text)
        case .error(let text): return .error(text)
        case .bytes(let offset, let count):
            return .bytes(strings.getSlice(at: offset, length: count) ?? ByteBuffer())
        case .array(let count):
            var elements: [RESPValue] = []
            elements.reserveCapacity(count)
            for _ in 0..<count { elements.append(fold(&cursor, strings)) }
            return .array(elements)
        }
    }
}
