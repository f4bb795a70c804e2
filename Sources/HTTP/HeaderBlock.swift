import Glibc
import NIOCore

/// One header list of HTTP/2 as it arrives: the bytes of its fields one after the other, decoded when it is complete.
///
/// The size and the number of the fields, which nghttp2 does not bound, are bounded here; ``RequestRules`` has the syntax of
/// a request, nghttp2 that of a response.
struct HeaderBlock: ~Copyable {
    typealias Text = UnsafeBufferPointer<UInt8>

    /// The memory, of which the first ``count`` bytes are used. For each field the length of its name, that of its
    /// value (4 bytes each), name and value.
    private var memory: UnsafeMutableRawPointer?
    private var capacity = 0
    private(set) var count = 0
    /// The size by the rule of RFC 9113 section 6.5.2.
    private var size = 0
    private var fieldCount = 0

    private static let prefixLength = 8
    /// Most lists are shorter, and no more stays with an idle connection.
    private static let usualCount = 512

    init() {}

    deinit { memory?.deallocate() }

    /// Starts another list in the same memory, unless that has become large.
    mutating func reset() {
        if capacity > Self.usualCount { resize(to: Self.usualCount) }
        (count, size, fieldCount) = (0, 0, 0)
    }

    /// Adds a field; false when the list is too large to be accepted.
    mutating func append(name: Text, value: Text, maxBytes: Int, maxCount: Int) -> Bool {
        size += name.count + value.count + 32
        if name.first != UInt8(ascii: ":") { fieldCount += 1 }
        guard size <= maxBytes, fieldCount <= maxCount else { return false }
        let end = count + Self.prefixLength + name.count + value.count
        if end > capacity { resize(to: max(Self.usualCount, 2 * end)) }
        guard let field = memory.map({ $0 + count }) else { return false }
        field.storeBytes(of: UInt32(truncatingIfNeeded: name.count), as: UInt32.self)
        field.storeBytes(of: UInt32(truncatingIfNeeded: value.count), toByteOffset: 4, as: UInt32.self)
        let text = field + Self.prefixLength
        if let start = name.baseAddress { text.copyMemory(from: start, byteCount: name.count) }
        if let start = value.baseAddress { (text + name.count).copyMemory(from: start, byteCount: value.count) }
        count = end
        return true
    }

    private mutating func resize(to length: Int) {
        let resized = UnsafeMutableRawPointer.allocate(byteCount: length, alignment: MemoryLayout<UInt64>.alignment)
        if let memory {
            resized.copyMemory(from: memory, byteCount: min(count, length))
            memory.deallocate()
        }
        (memory, capacity) = (resized, length)
    }

    /// Whether the lists have the same fields in the same order.
    func equals(_ other: borrowing HeaderBlock) -> Bool {
        guard count == other.count, let memory, let otherMemory = other.memory else { return count == other.count }
        return memcmp(memory, otherMemory, count) == 0
    }

    /// Visits the fields in their order. The pointers are good as long as the list is there and does not change.
    func visitAll(_ visit: (_ name: Text, _ value: Text) -> Void) {
        _ = allSatisfy { name, value in
            visit(name, value)
            return true
        }
    }

    /// Whether all fields, in their order, satisfy the predicate.
    func allSatisfy(_ predicate: (_ name: Text, _ value: Text) -> Bool) -> Bool {
        guard let memory else { return true }
        var offset = 0
        while offset < count {
            let field = memory + offset
            let nameLength = Int(field.loadUnaligned(as: UInt32.self))
            let valueLength = Int(field.loadUnaligned(fromByteOffset: 4, as: UInt32.self))
            let text = (field + Self.prefixLength).assumingMemoryBound(to: UInt8.self)
            let name = Text(start: text, count: nameLength)
            guard predicate(name, Text(start: text + nameLength, count: valueLength)) else { return false }
            offset += Self.prefixLength + nameLength + valueLength
        }
        return true
    }

    /// The list as strings; ill-formed UTF-8 is replaced, see RFC 9110 section 5.5 on obs-text.
    func decoded() -> HeaderList {
        var list = HeaderList()
        list.headers.reserveCapacity(fieldCount)
        visitAll { list.add(name: $0, value: String(decoding: $1, as: UTF8.self)) }
        return list
    }
}

/// The fields of one header list, the pseudo-header fields apart.
struct HeaderList {
    private(set) var method = ""
    private(set) var path = ""
    private(set) var scheme = ""
    private(set) var authority = ""
    /// The `:status` of a response, or 0.
    private(set) var status = 0
    var headers = HTTPHeaders()

    fileprivate mutating func add(name: HeaderBlock.Text, value: String) {
        guard name.first == UInt8(ascii: ":") else {
            return headers.append(lowercased: String(decoding: name, as: UTF8.self), value)
        }
        switch String(decoding: name, as: UTF8.self) {
        case ":method": method = value
        case ":path": path = value
        case ":scheme": scheme = value
        case ":authority": authority = value
        case ":status": status = Int(value) ?? 0
        case _: break
        }
    }
}

extension RequestHead {
    convenience init(_ list: HeaderList, remoteAddress: SocketAddress?) {
        self.init(
            method: list.method,
            path: list.path,
            scheme: list.scheme,
            authority: list.authority.isEmpty ? list.headers["host"] ?? "" : list.authority,
            headers: list.headers,
            version: .http2,
            remoteAddress: remoteAddress
        )
    }
}
