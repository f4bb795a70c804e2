/// Reads the fields of a serialized message one behind the other, without unpacking it (protobuf's encoding guide).
///
/// Refers to the bytes it was made of, and must not outlive them.
struct WireReader {
    enum Value {
        case varint(UInt64)
        /// Text, bytes, or a message.
        case bytes(UnsafeRawBufferPointer)
        /// Four or eight bytes of a number.
        case fixed
    }

    /// The bytes end in the middle of a field, or are none of this encoding.
    struct Malformed: Error {}

    private let bytes: UnsafeRawBufferPointer
    private var position = 0

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    /// The next field's number and value; nil at the end.
    mutating func next() throws(Malformed) -> (number: UInt64, value: Value)? {
        guard position < bytes.count else { return nil }
        let tag = try varint()
        switch tag & 7 {
        case 0: return (tag >> 3, .varint(try varint()))
        case 1: return (tag >> 3, try fixed(8))
        case 2: return (tag >> 3, .bytes(try take(try varint())))
        case 5: return (tag >> 3, try fixed(4))
        case _: throw Malformed()
        }
    }

    private mutating func varint() throws(Malformed) -> UInt64 {
        var number: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 64, by: 7) {
            guard position < bytes.count else { throw Malformed() }
            let byte = bytes[position]
            position += 1
            number |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return number }
        }
        throw Malformed()
    }

    private mutating func fixed(_ count: UInt64) throws(Malformed) -> Value {
        _ = try take(count)
        return .fixed
    }

    private mutating func take(_ count: UInt64) throws(Malformed) -> UnsafeRawBufferPointer {
        guard count <= UInt64(bytes.count - position) else { throw Malformed() }
        defer { position += Int(count) }
        return UnsafeRawBufferPointer(rebasing: bytes[position..<position + Int(count)])
    }
}
