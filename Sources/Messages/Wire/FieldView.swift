internal import CProtos

#if canImport(Glibc)
internal import Glibc
#endif

/// What a descriptor says of a field, in the terms of this room.
struct FieldView {
    let field: UnsafePointer<ProtobufCFieldDescriptor>

    static func all(of type: UnsafePointer<ProtobufCMessageDescriptor>) -> some Sequence<FieldView> {
        (0..<Int(type.pointee.n_fields)).lazy.map { FieldView(field: type.pointee.fields + $0) }
    }

    var name: UnsafePointer<CChar> { field.pointee.name }
    var type: ProtobufCType { field.pointee.type }
    var offset: Int { Int(field.pointee.offset) }
    /// Where the count of a repeated field, or the case of a oneof, is.
    var quantifierOffset: Int { Int(field.pointee.quantifier_offset) }
    var isRepeated: Bool { field.pointee.label == PROTOBUF_C_LABEL_REPEATED }
    var isInOneof: Bool { field.pointee.flags & UInt32(PROTOBUF_C_FIELD_FLAG_ONEOF.rawValue) != 0 }

    var message: UnsafePointer<ProtobufCMessageDescriptor>? {
        guard type == PROTOBUF_C_TYPE_MESSAGE else { return nil }
        return field.pointee.descriptor?.assumingMemoryBound(to: ProtobufCMessageDescriptor.self)
    }

    var enumeration: UnsafePointer<ProtobufCEnumDescriptor>? {
        guard type == PROTOBUF_C_TYPE_ENUM else { return nil }
        return field.pointee.descriptor?.assumingMemoryBound(to: ProtobufCEnumDescriptor.self)
    }

    /// protobuf-c lays a map out as repeated entries of a field `key` (1) and a field `value` (2), and names their type so.
    var isMap: Bool {
        guard isRepeated, let message, message.pointee.n_fields == 2 else { return false }
        return String(cString: message.pointee.short_name).hasSuffix("Entry")
            && String(cString: message.pointee.fields[0].name) == "key"
    }
}

extension FieldView {
    /// The distance of two elements of a repeated field.
    var elementSize: Int {
        switch type {
        case PROTOBUF_C_TYPE_STRING, PROTOBUF_C_TYPE_MESSAGE: MemoryLayout<UnsafeRawPointer>.stride
        case PROTOBUF_C_TYPE_BYTES: MemoryLayout<ProtobufCBinaryData>.stride
        case PROTOBUF_C_TYPE_INT64, PROTOBUF_C_TYPE_SINT64, PROTOBUF_C_TYPE_SFIXED64, PROTOBUF_C_TYPE_UINT64,
            PROTOBUF_C_TYPE_FIXED64, PROTOBUF_C_TYPE_DOUBLE:
            8
        default: 4
        }
    }
}

// MARK: - Text

extension FieldView {
    /// Whether all strings of an unpacked message are UTF-8, as proto3 demands; protobuf-c does not look.
    static func allTextIsValid(in base: UnsafeRawPointer, _ type: UnsafePointer<ProtobufCMessageDescriptor>) -> Bool {
        for index in 0..<Int(type.pointee.n_fields) {
            guard FieldView(field: type.pointee.fields + index).textIsValid(in: base) else { return false }
        }
        return true
    }

    private func textIsValid(in base: UnsafeRawPointer) -> Bool {
        guard type == PROTOBUF_C_TYPE_STRING || type == PROTOBUF_C_TYPE_MESSAGE else { return true }
        let place = base + offset
        if isRepeated {
            let count = base.load(fromByteOffset: quantifierOffset, as: Int.self)
            guard count > 0, let array = place.load(as: UnsafeRawPointer?.self) else { return true }
            return (0..<count).allSatisfy { elementIsValid(at: array + $0 * elementSize) }
        }
        if isInOneof, base.load(fromByteOffset: quantifierOffset, as: UInt32.self) != field.pointee.id { return true }
        return elementIsValid(at: place)
    }

    private func elementIsValid(at place: UnsafeRawPointer) -> Bool {
        if let message {
            return place.load(as: UnsafeRawPointer?.self).map { Self.allTextIsValid(in: $0, message) } ?? true
        }
        guard let text = place.load(as: UnsafePointer<CChar>?.self) else { return true }
        let bytes = UnsafeRawBufferPointer(start: text, count: strlen(text))
        var seen: UInt8 = 0
        for byte in bytes { seen |= byte }
        return seen < 0x80 || String(validating: bytes, as: UTF8.self) != nil
    }
}
