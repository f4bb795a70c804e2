import Glibc

/// One header list of HTTP/2 as it arrives: the bytes of its fields one after the other, decoded when it is complete.
///
/// So a list that is equal to an earlier one is recognised by one comparison, see ``RequestHeadCache``, and none of its
/// fields becomes a string. The size and the number of the fields, which nghttp2 does not bound, are bounded here;
/// ``RequestRules`` has the syntax of a request, nghttp2 that of a response.
struct HeaderBlock: ~Copyable {
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

    deinit { memory?.deallocate() }

    /// Starts another list in the same memory, unless that has become large.
    mutating func reset() {
        if capacity > Self.usualCount { resize(to: Self.usualCount) }
        (count, size, fieldCount) = (0, 0, 0)
    }

    /// Adds a field; false when the list is too large to be accepted.
    mutating func append(
        name: UnsafeBufferPointer<UInt8>,
        value: UnsafeBufferPointer<UInt8>,
        maxBytes: Int,
        maxCount: Int
    ) -> Bool {
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

    private var all: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: memory, count: count) }

    /// The bytes of the list, which tell it from any other.
    var bytes: [UInt8] { Array(all) }

    /// Whether the list consists of these bytes.
    func equals(_ bytes: [UInt8]) -> Bool {
        guard bytes.count == count, let memory else { return bytes.count == count }
        return bytes.withUnsafeBytes { other in
            other.baseAddress.map { memcmp(memory, $0, count) == 0 } ?? true
        }
    }

    /// Adds the first fields of another list, which was accepted.
    mutating func append(fields: Int, of bytes: [UInt8]) {
        bytes.withUnsafeBytes { all in
            for range in Self.ranges(in: all).prefix(fields) {
                let (name, value) = Self.field(in: all, range)
                name.withMemoryRebound(to: UInt8.self) { name in
                    value.withMemoryRebound(to: UInt8.self) { value in
                        _ = append(name: name, value: value, maxBytes: .max, maxCount: .max)
                    }
                }
            }
        }
    }

    /// Whether all fields, in their order, satisfy the predicate.
    func allSatisfy(
        _ predicate: (_ name: UnsafeBufferPointer<UInt8>, _ value: UnsafeBufferPointer<UInt8>) -> Bool
    ) -> Bool {
        var offset = 0
        while offset < count {
            let (name, value) = Self.field(in: all, offset..<count)
            offset += Self.prefixLength + name.count + value.count
            guard predicate(name.assumingMemoryBound(to: UInt8.self), value.assumingMemoryBound(to: UInt8.self)) else {
                return false
            }
        }
        return true
    }

    /// Where each field is in the bytes of a list.
    static func ranges(in bytes: UnsafeRawBufferPointer) -> [Range<Int>] {
        var (ranges, offset) = ([Range<Int>](), 0)
        while offset < bytes.count {
            let start = offset
            let (name, value) = field(in: bytes, start..<bytes.count)
            offset = start + prefixLength + name.count + value.count
            ranges.append(start..<offset)
        }
        return ranges
    }

    /// The name and the value of the field that the range begins with.
    private static func field(
        in bytes: UnsafeRawBufferPointer,
        _ range: Range<Int>
    ) -> (name: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer) {
        let nameLength = Int(bytes.loadUnaligned(fromByteOffset: range.lowerBound, as: UInt32.self))
        let valueLength = Int(bytes.loadUnaligned(fromByteOffset: range.lowerBound + 4, as: UInt32.self))
        let nameStart = range.lowerBound + prefixLength
        let nameEnd = nameStart + nameLength
        return (
            UnsafeRawBufferPointer(rebasing: bytes[nameStart..<nameEnd]),
            UnsafeRawBufferPointer(rebasing: bytes[nameEnd..<nameEnd + valueLength])
        )
    }

    /// Whether the field at `range` in the bytes of a list has this name and this value.
    static func equals(
        _ bytes: UnsafeRawBufferPointer,
        in range: Range<Int>,
        name: UnsafeBufferPointer<UInt8>,
        value: UnsafeBufferPointer<UInt8>
    ) -> Bool {
        let known = field(in: bytes, range)
        return equals(known.name, name) && equals(known.value, value)
    }

    private static func equals(_ bytes: UnsafeRawBufferPointer, _ other: UnsafeBufferPointer<UInt8>) -> Bool {
        guard bytes.count == other.count else { return false }
        guard let first = bytes.baseAddress, let second = other.baseAddress else { return true }
        return memcmp(first, second, bytes.count) == 0
    }

    /// The list as strings; ill-formed UTF-8 is replaced, see RFC 9110 section 5.5 on obs-text.
    func decoded() -> HeaderList {
        var list = HeaderList()
        list.headers.reserveCapacity(fieldCount)
        for range in Self.ranges(in: all) {
            let (name, value) = Self.field(in: all, range)
            list.add(name: name, value: String(decoding: value, as: UTF8.self))
        }
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

    fileprivate mutating func add(name: UnsafeRawBufferPointer, value: String) {
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
