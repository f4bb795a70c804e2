internal import OrderedCollections

/// Writes JSON text into memory of its own: compact, in the order of the calls, without intermediate strings.
///
/// The caller is responsible for a well-formed sequence of calls; ``JSON/bytes`` and the message encoder are the two callers. Plain memory
/// instead of an array, as each byte and name that is appended to an array asks whether that is shared.
public struct JSONWriter: ~Copyable {
    private var memory: UnsafeMutableRawPointer
    private var capacity: Int
    private var count = 0
    /// Whether the next element or member of the innermost container needs a comma before it.
    private var needsComma = false

    /// Of a 64-bit number.
    private static let maxDigits = 20

    public init(reserving capacity: Int = 256) {
        self.capacity = max(capacity, 1)
        memory = .allocate(byteCount: self.capacity, alignment: 1)
    }

    deinit { memory.deallocate() }

    /// What was written up to now.
    public var bytes: [UInt8] { Array(UnsafeRawBufferPointer(start: memory, count: count)) }

    public mutating func beginObject() { open(UInt8(ascii: "{")) }
    public mutating func endObject() { close(UInt8(ascii: "}")) }
    public mutating func beginArray() { open(UInt8(ascii: "[")) }
    public mutating func endArray() { close(UInt8(ascii: "]")) }

    /// The name of the member whose value is written next.
    public mutating func name(_ name: some StringProtocol) {
        separate()
        quote(name)
        append(UInt8(ascii: ":"))
        needsComma = false
    }

    /// As ``name(_:)`` for one that is UTF-8.
    mutating func name(utf8 name: UnsafeRawBufferPointer) {
        string(utf8: name)
        append(UInt8(ascii: ":"))
        needsComma = false
    }

    /// As ``name(_:)`` for one that needs no escape, such as those of the contract.
    mutating func name(plain name: UnsafeRawBufferPointer) {
        guard let start = name.baseAddress else { return }
        reserve(name.count + 4)
        var place = memory + count
        if needsComma {
            place.storeBytes(of: UInt8(ascii: ","), as: UInt8.self)
            place += 1
        }
        place.storeBytes(of: UInt8(ascii: "\""), as: UInt8.self)
        (place + 1).copyMemory(from: start, byteCount: name.count)
        place += name.count + 1
        place.storeBytes(of: UInt8(ascii: "\""), as: UInt8.self)
        place.storeBytes(of: UInt8(ascii: ":"), toByteOffset: 1, as: UInt8.self)
        count = place + 2 - memory
        needsComma = false
    }

    public mutating func null() { raw("null") }
    public mutating func bool(_ value: Bool) { raw(value ? "true" : "false") }

    /// - Parameter value: of at most 64 bits.
    public mutating func int(_ value: some FixedWidthInteger) {
        separate()
        if value < 0 { append(UInt8(ascii: "-")) }
        var rest = UInt64(value.magnitude)
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: Self.maxDigits) { digits in
            var start = Self.maxDigits
            repeat {
                start -= 1
                digits[start] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
                rest /= 10
            } while rest > 0
            append(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(digits)[start...]))
        }
    }

    /// JSON knows neither infinities nor NaN; like proto3's JSON mapping, they are written as strings.
    public mutating func double(_ value: Double) {
        if value.isNaN {
            string("NaN")
        } else if value.isInfinite {
            string(value < 0 ? "-Infinity" : "Infinity")
        } else if let whole = Int64(exactly: value) {
            int(whole)
        } else {
            raw(value.description)
        }
    }

    public mutating func string(_ value: some StringProtocol) {
        separate()
        quote(value)
    }

    /// UTF-8 text that is known to be valid, as protobuf strings are.
    mutating func string(utf8 value: UnsafeRawBufferPointer) {
        separate()
        append(UInt8(ascii: "\""))
        escape(value)
        append(UInt8(ascii: "\""))
    }

    public mutating func value(_ value: JSON) {
        switch value {
        case .null: null()
        case .bool(let value): bool(value)
        case .int(let value): int(value)
        case .double(let value): double(value)
        case .string(let value): string(value)
        case .array(let elements):
            beginArray()
            for element in elements { self.value(element) }
            endArray()
        case .object(let members):
            beginObject()
            for (key, member) in members {
                name(key)
                self.value(member)
            }
            endObject()
        }
    }

    private mutating func raw(_ text: String) {
        separate()
        append(text)
    }

    private mutating func separate() {
        if needsComma { append(UInt8(ascii: ",")) }
        needsComma = true
    }

    private mutating func open(_ bracket: UInt8) {
        separate()
        append(bracket)
        needsComma = false
    }

    private mutating func close(_ bracket: UInt8) {
        append(bracket)
        needsComma = true
    }

    private mutating func quote(_ text: some StringProtocol) {
        append(UInt8(ascii: "\""))
        var text = String(text)
        text.withUTF8 { escape(UnsafeRawBufferPointer($0)) }
        append(UInt8(ascii: "\""))
    }

    // MARK: Bytes

    /// Makes room for so many bytes.
    @inline(__always)
    private mutating func reserve(_ length: Int) {
        if capacity - count < length { grow(length) }
    }

    @inline(never)
    private mutating func grow(_ length: Int) {
        let size = max(2 * capacity, count + length)
        let larger = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 1)
        larger.copyMemory(from: memory, byteCount: count)
        memory.deallocate()
        (memory, capacity) = (larger, size)
    }

    @inline(__always)
    private mutating func append(_ byte: UInt8) {
        reserve(1)
        memory.storeBytes(of: byte, toByteOffset: count, as: UInt8.self)
        count += 1
    }

    @inline(__always)
    private mutating func append(_ bytes: UnsafeRawBufferPointer) {
        guard let start = bytes.baseAddress else { return }
        reserve(bytes.count)
        (memory + count).copyMemory(from: start, byteCount: bytes.count)
        count += bytes.count
    }

    private mutating func append(_ text: String) {
        var text = text
        text.withUTF8 { append(UnsafeRawBufferPointer($0)) }
    }

    /// Copies stretches that need no escape whole.
    private mutating func escape(_ text: UnsafeRawBufferPointer) {
        var start = 0
        while start < text.count {
            let end = Self.plainEnd(of: text, from: start)
            append(UnsafeRawBufferPointer(rebasing: text[start..<end]))
            if end < text.count { appendEscape(of: text[end]) }
            start = end + 1
        }
    }

    /// Where the next byte is that must be escaped (RFC 8259 section 7), or the end; eight are looked at together.
    private static func plainEnd(of text: UnsafeRawBufferPointer, from start: Int) -> Int {
        var index = start
        while index + 8 <= text.count, !mayNeedEscape(text.loadUnaligned(fromByteOffset: index, as: UInt64.self)) {
            index += 8
        }
        while index < text.count {
            let byte = text[index]
            if byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { break }
            index += 1
        }
        return index
    }

    /// Whether one of eight bytes is a control character, a quotation mark or a backslash: the highest bit of a byte tells that taking
    /// something from it has borrowed. Never false where there is one; what it says of the bytes behind the first one does not count.
    private static func mayNeedEscape(_ bytes: UInt64) -> Bool {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let (quotes, slashes) = (bytes ^ ones &* 0x22, bytes ^ ones &* 0x5C)
        let borrowed =
            (bytes &- ones &* 0x20) & ~bytes | (quotes &- ones) & ~quotes | (slashes &- ones) & ~slashes
        return borrowed & (ones &* 0x80) != 0
    }

    private mutating func appendEscape(of byte: UInt8) {
        append(UInt8(ascii: "\\"))
        switch byte {
        case UInt8(ascii: "\n"): append(UInt8(ascii: "n"))
        case UInt8(ascii: "\r"): append(UInt8(ascii: "r"))
        case UInt8(ascii: "\t"): append(UInt8(ascii: "t"))
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): append(byte)
        default: append((byte < 16 ? "u000" : "u00") + String(byte, radix: 16))
        }
    }
}

extension JSON {
    /// The compact text of this value, as UTF-8.
    public var bytes: [UInt8] {
        var writer = JSONWriter()
        writer.value(self)
        return writer.bytes
    }

    /// The compact text of this value.
    public var text: String { String(decoding: bytes, as: UTF8.self) }
}
