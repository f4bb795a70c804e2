internal import CProtos

#if canImport(Glibc)
internal import Glibc
#endif

/// From the wire format to JSON text, led by the descriptor: without unpacking, for it is done for each event of a stream.
extension JSONWriter {
    typealias Malformed = WireReader.Malformed

    /// - Throws: where the bytes are no message of the type; what was written by then is no JSON.
    mutating func message(
        _ bytes: UnsafeRawBufferPointer,
        _ type: UnsafePointer<ProtobufCMessageDescriptor>
    ) throws(Malformed) {
        beginObject()
        let fields = Int(type.pointee.n_fields)
        let result = withUnsafeTemporaryAllocation(of: FoundField.self, capacity: fields) { found in
            found.initialize(repeating: FoundField())
            return Result { () throws(Malformed) in
                try Self.find(found, in: bytes, type)
                for index in 0..<fields {
                    try member(FieldView(field: type.pointee.fields + index), found[index], bytes)
                }
            }
        }
        try result.get()
        endObject()
    }

    /// Notes where the fields of a message are.
    private static func find(
        _ found: UnsafeMutableBufferPointer<FoundField>,
        in bytes: UnsafeRawBufferPointer,
        _ type: UnsafePointer<ProtobufCMessageDescriptor>
    ) throws(Malformed) {
        var reader = WireReader(bytes)
        while true {
            let position = reader.position
            guard let (number, value) = try reader.next() else { return }
            guard let known = protobuf_c_message_descriptor_get_field(type, UInt32(clamping: number)) else { continue }
            let field = FieldView(field: known)
            let index = known - type.pointee.fields
            // The last member of a oneof that comes is the one there is.
            if field.isInOneof {
                for other in found.indices where other != index && found[other].count > 0 {
                    let view = FieldView(field: type.pointee.fields + other)
                    if view.isInOneof, view.quantifierOffset == field.quantifierOffset { found[other] = FoundField() }
                }
            }
            found[index].add(value, at: position)
        }
    }

    private mutating func member(
        _ field: FieldView,
        _ found: FoundField,
        _ bytes: UnsafeRawBufferPointer
    ) throws(Malformed) {
        if field.isRepeated {
            name(field)
            let isMap = field.isMap
            isMap ? beginObject() : beginArray()
            try found.forEach(of: field, in: bytes) { value throws(Malformed) in
                isMap ? try entry(field, value) : try elements(field, value)
            }
            isMap ? endObject() : endArray()
        } else if let value = found.last {
            name(field)
            guard found.count > 1, field.type == PROTOBUF_C_TYPE_MESSAGE else { return try scalar(field, value) }
            // A message in several parts is what they are one behind the other.
            var whole: [UInt8] = []
            try found.forEach(of: field, in: bytes) { if case .bytes(let part) = $0 { whole += part } }
            let result = whole.withUnsafeBytes { whole in
                Result { () throws(Malformed) in try scalar(field, .bytes(whole)) }
            }
            try result.get()
        } else if !field.isInOneof, field.type != PROTOBUF_C_TYPE_MESSAGE {
            name(field)
            try scalar(field, field.absent)
        }
    }

    private mutating func name(_ field: FieldView) {
        name(plain: UnsafeRawBufferPointer(start: field.name, count: strlen(field.name)))
    }

    /// An element of a repeated field, or several numbers that are packed.
    private mutating func elements(_ field: FieldView, _ value: WireReader.Value) throws(Malformed) {
        guard case .bytes(let packed) = value, field.wireType != .bytes else { return try scalar(field, value) }
        var reader = WireReader(packed)
        while !reader.isAtEnd { try scalar(field, try reader.value(field.wireType)) }
    }

    private mutating func entry(_ field: FieldView, _ value: WireReader.Value) throws(Malformed) {
        guard case .bytes(let bytes) = value, let type = field.message else { throw Malformed() }
        let (keyField, valueField) = (FieldView(field: type.pointee.fields), FieldView(field: type.pointee.fields + 1))
        var (key, value) = (keyField.absent, valueField.absent)
        var reader = WireReader(bytes)
        while let part = try reader.next() {
            if part.number == 1 { key = part.value }
            if part.number == 2 { value = part.value }
        }
        guard case .bytes(let text) = key else { throw Malformed() }
        name(utf8: text)
        try scalar(valueField, value)
    }

    private mutating func scalar(_ field: FieldView, _ value: WireReader.Value) throws(Malformed) {
        switch (field.type, value) {
        case (PROTOBUF_C_TYPE_STRING, .bytes(let text)): string(utf8: text)
        case (PROTOBUF_C_TYPE_BYTES, .bytes(let bytes)): base64(Array(bytes))
        case (PROTOBUF_C_TYPE_MESSAGE, .bytes(let bytes)):
            guard let type = field.message else { throw Malformed() }
            try message(bytes, type)
        case (PROTOBUF_C_TYPE_BOOL, .varint(let number)): bool(number != 0)
        case (PROTOBUF_C_TYPE_ENUM, .varint(let number)): enumeration(field, Int32(truncatingIfNeeded: number))
        case (PROTOBUF_C_TYPE_INT32, .varint(let number)): int(Int32(truncatingIfNeeded: number))
        case (PROTOBUF_C_TYPE_INT64, .varint(let number)): int(Int64(bitPattern: number))
        case (PROTOBUF_C_TYPE_UINT32, .varint(let number)): int(UInt32(truncatingIfNeeded: number))
        case (PROTOBUF_C_TYPE_UINT64, .varint(let number)): int(number)
        case (PROTOBUF_C_TYPE_SINT32, .varint(let number)): int(Int32(truncatingIfNeeded: Self.zigzag(number)))
        case (PROTOBUF_C_TYPE_SINT64, .varint(let number)): int(Self.zigzag(number))
        case (PROTOBUF_C_TYPE_FIXED32, .fixed32(let bits)): int(bits)
        case (PROTOBUF_C_TYPE_SFIXED32, .fixed32(let bits)): int(Int32(bitPattern: bits))
        case (PROTOBUF_C_TYPE_FLOAT, .fixed32(let bits)): double(Double(Float(bitPattern: bits)))
        case (PROTOBUF_C_TYPE_FIXED64, .fixed64(let bits)): int(bits)
        case (PROTOBUF_C_TYPE_SFIXED64, .fixed64(let bits)): int(Int64(bitPattern: bits))
        case (PROTOBUF_C_TYPE_DOUBLE, .fixed64(let bits)): double(Double(bitPattern: bits))
        default: throw Malformed()
        }
    }

    private static func zigzag(_ number: UInt64) -> Int64 { Int64(bitPattern: number >> 1 ^ (0 &- number & 1)) }

    /// The name of a known value, the number of another one.
    private mutating func enumeration(_ field: FieldView, _ value: Int32) {
        if let type = field.enumeration, let known = protobuf_c_enum_descriptor_get_value(type, value) {
            let name = known.pointee.name
            string(utf8: UnsafeRawBufferPointer(start: name, count: name.map(strlen) ?? 0))
        } else {
            int(value)
        }
    }
}

/// Where the values of one field are in a message.
private struct FoundField {
    /// The place of the first one.
    private var position = 0
    private(set) var count = 0
    private(set) var last: WireReader.Value?

    mutating func add(_ value: WireReader.Value, at position: Int) {
        if count == 0 { self.position = position }
        count += 1
        last = value
    }

    /// All of them, in the message that they were found in.
    func forEach(
        of field: FieldView,
        in bytes: UnsafeRawBufferPointer,
        _ body: (WireReader.Value) throws(WireReader.Malformed) -> Void
    ) throws(WireReader.Malformed) {
        var reader = WireReader(bytes, from: position)
        var rest = count
        while rest > 0, let (number, value) = try reader.next() {
            guard number == UInt64(field.field.pointee.id) else { continue }
            rest -= 1
            try body(value)
        }
    }
}

extension FieldView {
    /// In which form a value of this field is on the wire.
    fileprivate var wireType: WireReader.WireType {
        switch type {
        case PROTOBUF_C_TYPE_STRING, PROTOBUF_C_TYPE_BYTES, PROTOBUF_C_TYPE_MESSAGE: .bytes
        case PROTOBUF_C_TYPE_FIXED32, PROTOBUF_C_TYPE_SFIXED32, PROTOBUF_C_TYPE_FLOAT: .fixed32
        case PROTOBUF_C_TYPE_FIXED64, PROTOBUF_C_TYPE_SFIXED64, PROTOBUF_C_TYPE_DOUBLE: .fixed64
        default: .varint
        }
    }

    /// What a field is that is not there.
    fileprivate var absent: WireReader.Value {
        switch wireType {
        case .varint: .varint(0)
        case .fixed32: .fixed32(0)
        case .fixed64: .fixed64(0)
        case .bytes: .bytes(UnsafeRawBufferPointer(start: nil, count: 0))
        }
    }
}
