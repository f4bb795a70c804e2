internal import CProtos

#if canImport(Glibc)
internal import Glibc
#endif

/// From an unpacked C struct to JSON text, led by the descriptor.
extension JSONWriter {
    mutating func message(_ base: UnsafeRawPointer, _ type: UnsafePointer<ProtobufCMessageDescriptor>) {
        beginObject()
        for field in FieldView.all(of: type) { member(field, of: base) }
        endObject()
    }

    private mutating func member(_ field: FieldView, of base: UnsafeRawPointer) {
        let place = base + field.offset
        if field.isRepeated {
            name(field)
            let count = base.load(fromByteOffset: field.quantifierOffset, as: Int.self)
            field.isMap ? entries(field, at: place, count) : elements(field, at: place, count)
        } else if field.isInOneof {
            guard base.load(fromByteOffset: field.quantifierOffset, as: UInt32.self) == field.field.pointee.id else {
                return
            }
            name(field)
            scalar(field, at: place)
        } else if field.type == PROTOBUF_C_TYPE_MESSAGE {
            guard place.load(as: UnsafeRawPointer?.self) != nil else { return }
            name(field)
            scalar(field, at: place)
        } else {
            name(field)
            scalar(field, at: place)
        }
    }

    private mutating func name(_ field: FieldView) { name(plain: UnsafeBufferPointer(cString: field.name)) }

    private mutating func elements(_ field: FieldView, at place: UnsafeRawPointer, _ count: Int) {
        beginArray()
        if count > 0, let array = place.load(as: UnsafeRawPointer?.self) {
            let stride = field.elementSize
            for index in 0..<count { scalar(field, at: array + index * stride) }
        }
        endArray()
    }

    private mutating func entries(_ field: FieldView, at place: UnsafeRawPointer, _ count: Int) {
        beginObject()
        if count > 0, let array = place.load(as: UnsafePointer<UnsafeRawPointer>?.self), let entry = field.message {
            let key = FieldView(field: entry.pointee.fields)
            let value = FieldView(field: entry.pointee.fields + 1)
            for index in 0..<count {
                name(String(cString: (array[index] + key.offset).load(as: UnsafePointer<CChar>.self)))
                scalar(value, at: array[index] + value.offset)
            }
        }
        endObject()
    }

    private mutating func scalar(_ field: FieldView, at place: UnsafeRawPointer) {
        switch field.type {
        case PROTOBUF_C_TYPE_STRING:
            guard let text = place.load(as: UnsafePointer<CChar>?.self) else { return string("") }
            string(utf8: UnsafeBufferPointer(cString: text))
        case PROTOBUF_C_TYPE_MESSAGE:
            guard let message = place.load(as: UnsafeRawPointer?.self), let type = field.message else { return null() }
            self.message(message, type)
        case PROTOBUF_C_TYPE_BOOL: bool(place.load(as: protobuf_c_boolean.self) != 0)
        case PROTOBUF_C_TYPE_ENUM: enumeration(field, place.load(as: Int32.self))
        case PROTOBUF_C_TYPE_INT32, PROTOBUF_C_TYPE_SINT32, PROTOBUF_C_TYPE_SFIXED32: int(place.load(as: Int32.self))
        case PROTOBUF_C_TYPE_INT64, PROTOBUF_C_TYPE_SINT64, PROTOBUF_C_TYPE_SFIXED64: int(place.load(as: Int64.self))
        case PROTOBUF_C_TYPE_UINT32, PROTOBUF_C_TYPE_FIXED32: int(place.load(as: UInt32.self))
        case PROTOBUF_C_TYPE_UINT64, PROTOBUF_C_TYPE_FIXED64: int(place.load(as: UInt64.self))
        case PROTOBUF_C_TYPE_FLOAT: double(Double(place.load(as: Float.self)))
        case PROTOBUF_C_TYPE_DOUBLE: double(place.load(as: Double.self))
        case PROTOBUF_C_TYPE_BYTES: base64(CField.bytes(place.load(as: ProtobufCBinaryData.self)))
        default: null()
        }
    }

    /// The name of a known value, the number of another one.
    private mutating func enumeration(_ field: FieldView, _ value: Int32) {
        if let type = field.enumeration, let known = protobuf_c_enum_descriptor_get_value(type, value) {
            string(utf8: UnsafeBufferPointer(cString: known.pointee.name))
        } else {
            int(value)
        }
    }
}

extension UnsafeBufferPointer<UInt8> {
    /// The bytes of a C string, without the NUL.
    fileprivate init(cString text: UnsafePointer<CChar>) {
        let count = strlen(text)
        self.init(start: UnsafeRawPointer(text).assumingMemoryBound(to: UInt8.self), count: count)
    }
}
