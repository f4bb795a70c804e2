/// Reads the fields of a serialized message one behind the other, without unpacking it (protobuf's encoding guide).
///
/// Refers to the bytes it was made of, and must not outlive them.
struct WireReader {
    /// The forms that a value can have, by their numbers; groups, which proto3 has not, are none.
    enum WireType: UInt64 {
        case varint = 0
        case fixed64 = 1
        case bytes = 2
        case fixed32 = 5
    }

    enum Value {
        case varint(UInt64)
        /// Text, bytes, a message, or numbers that are packed.
        case bytes(UnsafeRawBufferPointer)
        case fixed32(UInt32)
        case fixed64(UInt64)
    }

    /// The bytes end in the middle of a field, or are none of this encoding.
    struct Malformed: Error {}

    private let bytes: UnsafeRawBufferPointer
    private(set) var position: Int

    init(_ bytes: UnsafeRawBufferPointer, from position: Int = 0) {
        self.bytes = bytes
        self.position = position
    }

    var isAtEnd: Bool { position >= bytes.count }

    /// The next field's number and value; nil at the end.
    mutating func next() throws(Malformed) -> (number: UInt64, value: Value)? {
        guard !isAtEnd else { return nil }
        let tag = try varint()
        guard let type = WireType(rawValue: tag & 7) else { throw Malformed() }
        return (tag >> 3, try value(type))
    }

    mutating func value(_ type: WireType) throws(Malformed) -> Value {
        switch type {
        case .varint: .varint(try varint())
        case .fixed32: .fixed32(UInt32(littleEndian: try take(4).loadUnaligned(as: UInt32.self)))
        case .fixed64: .fixed64(UInt64(littleEndian: try take(8).loadUnaligned(as: UInt64.self)))
        case .bytes: .bytes(try take(try varint()))
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

    private mutating func take(_ count: UInt64) throws(Malformed) -> UnsafeRawBufferPointer {
        guard count <= UInt64(bytes.count - position) else { throw Malformed() }
        defer { position += Int(count) }
        return UnsafeRawBufferPointer(rebasing: bytes[position..<position + Int(count)])
    }
}
