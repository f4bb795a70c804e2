package import NIOCore
package import RPC

/// Reads the fields of a protobuf message one after the other (protobuf "Encoding"). Unknown ones can be passed over.
///
/// Only the test service needs messages that are not of the contract; so they are read and written here.
package struct WireReader {
    package enum Value {
        case number(UInt64)
        case bytes(ByteBuffer)
        /// Of a fixed size, which none of the fields here has.
        case other
    }

    private var rest: ByteBuffer

    package init(_ message: ByteBuffer) {
        rest = message
    }

    /// The next field; nil at the end.
    ///
    /// - Throws: INTERNAL for what is no protobuf.
    package mutating func next() throws(Status) -> (number: UInt64, value: Value)? {
        guard rest.readableBytes > 0 else { return nil }
        let tag = try varint()
        guard tag >> 3 != 0 else { throw Self.malformed }
        switch tag & 7 {
        case 0: return (tag >> 3, .number(try varint()))
        case 1: return (tag >> 3, try skip(8))
        case 2:
            let length = try varint()
            guard length <= rest.readableBytes, let bytes = rest.readSlice(length: Int(length)) else {
                throw Self.malformed
            }
            return (tag >> 3, .bytes(bytes))
        case 5: return (tag >> 3, try skip(4))
        case _: throw Self.malformed
        }
    }

    private mutating func varint() throws(Status) -> UInt64 {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 70, by: 7) {
            guard let byte = rest.readInteger(as: UInt8.self) else { throw Self.malformed }
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return value }
        }
        throw Self.malformed
    }

    private mutating func skip(_ count: Int) throws(Status) -> Value {
        guard rest.readSlice(length: count) != nil else { throw Self.malformed }
        return .other
    }

    package static let malformed = Status(.internal, "the message is no valid protobuf")
}

/// Writes the fields of a protobuf message; as proto3 has it, none that is zero or empty.
package struct WireWriter {
    package private(set) var message = ByteBuffer()

    package init() {}

    package mutating func write(_ value: Int, field: UInt64) {
        guard value != 0 else { return }
        varint(field << 3)
        varint(UInt64(bitPattern: Int64(value)))
    }

    /// Writes bytes or an embedded message, an empty one too.
    package mutating func write(_ bytes: ByteBuffer, field: UInt64) {
        varint(field << 3 | 2)
        varint(UInt64(bytes.readableBytes))
        message.writeImmutableBuffer(bytes)
    }

    private mutating func varint(_ value: UInt64) {
        var value = value
        while value >= 0x80 {
            message.writeInteger(UInt8(value & 0x7F) | 0x80)
            value >>= 7
        }
        message.writeInteger(UInt8(value))
    }
}
