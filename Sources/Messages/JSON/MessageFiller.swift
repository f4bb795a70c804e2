internal import CProtos
internal import OrderedCollections

#if canImport(Glibc)
internal import Glibc
#endif

/// From JSON to a C struct, led by the descriptor; every failure names the member by its path.
struct MessageFiller {
    let arena: Arena
    /// Whether scalars come as strings, as in the query of a URL.
    let textual: Bool

    func message(
        _ type: UnsafePointer<ProtobufCMessageDescriptor>,
        from json: JSON,
        path: String
    ) throws(MessageError) -> UnsafeMutableRawPointer {
        guard let members = json.object else { throw .field(path, reason: "expected an object, found \(json.kind)") }
        let base = arena.allocate(byteCount: type.pointee.sizeof_message)
        protobuf_c_message_init(type, base)
        for (name, value) in members where !value.isNull {
            guard let field = field(named: name, of: type) else { continue }
            try set(field, of: base, to: value, path: path.isEmpty ? name : "\(path).\(name)")
        }
        return base
    }

    private func field(named name: String, of type: UnsafePointer<ProtobufCMessageDescriptor>) -> FieldView? {
        // A C string ends at a NUL, which a name of JSON may contain.
        FieldView.all(of: type).first { strcmp($0.name, name) == 0 && strlen($0.name) == name.utf8.count }
            ?? FieldView.all(of: type).first { camelCased(String(cString: $0.name)) == name }
    }

    /// The name that proto3's JSON mapping gives a field.
    private func camelCased(_ name: String) -> String {
        let words = name.split(separator: "_")
        return words.dropFirst().reduce(String(words.first ?? "")) { $0 + $1.prefix(1).uppercased() + $1.dropFirst() }
    }

    private func set(
        _ field: FieldView,
        of base: UnsafeMutableRawPointer,
        to value: JSON,
        path: String
    ) throws(MessageError) {
        let place = base + field.offset
        if field.isMap {
            try setEntries(field, of: base, to: value, path: path)
        } else if field.isRepeated {
            try setElements(field, of: base, to: value, path: path)
        } else {
            if field.isInOneof {
                let chosen = base.load(fromByteOffset: field.quantifierOffset, as: UInt32.self)
                guard chosen == 0 else { throw .field(path, reason: "only one member of its group may be given") }
                base.storeBytes(of: field.field.pointee.id, toByteOffset: field.quantifierOffset, as: UInt32.self)
            }
            try setScalar(field, at: place, to: value, path: path)
        }
    }

    private func setElements(
        _ field: FieldView,
        of base: UnsafeMutableRawPointer,
        to value: JSON,
        path: String
    ) throws(MessageError) {
        guard let values = value.array else { throw .field(path, reason: "expected an array, found \(value.kind)") }
        let stride = field.elementSize
        let array = arena.allocate(byteCount: stride * values.count)
        for (index, element) in values.enumerated() {
            try setScalar(field, at: array + index * stride, to: element, path: "\(path)[\(index)]")
        }
        base.storeBytes(of: values.count, toByteOffset: field.quantifierOffset, as: Int.self)
        base.storeBytes(of: array, toByteOffset: field.offset, as: UnsafeMutableRawPointer.self)
    }

    private func setEntries(
        _ field: FieldView,
        of base: UnsafeMutableRawPointer,
        to value: JSON,
        path: String
    ) throws(MessageError) {
        guard let members = value.object else { throw .field(path, reason: "expected an object, found \(value.kind)") }
        guard let type = field.message else { return }
        let array = arena.allocate(UnsafeMutableRawPointer.self, count: members.count)
        for (index, member) in members.enumerated() {
            array[index] = try message(
                type,
                from: ["key": .string(member.key), "value": member.value],
                path: "\(path).\(member.key)"
            )
        }
        base.storeBytes(of: members.count, toByteOffset: field.quantifierOffset, as: Int.self)
        base.storeBytes(
            of: UnsafeMutableRawPointer(array),
            toByteOffset: field.offset,
            as: UnsafeMutableRawPointer.self
        )
    }

    private func setScalar(
        _ field: FieldView,
        at place: UnsafeMutableRawPointer,
        to value: JSON,
        path: String
    ) throws(MessageError) {
        switch field.type {
        case PROTOBUF_C_TYPE_STRING:
            place.storeBytes(of: arena.string(try text(value, path)), as: UnsafeMutablePointer<CChar>.self)
        case PROTOBUF_C_TYPE_MESSAGE:
            guard let type = field.message else { return }
            place.storeBytes(of: try message(type, from: value, path: path), as: UnsafeMutableRawPointer.self)
        case PROTOBUF_C_TYPE_BOOL:
            place.storeBytes(of: try bool(value, path) ? 1 : 0, as: protobuf_c_boolean.self)
        case PROTOBUF_C_TYPE_ENUM:
            place.storeBytes(of: try enumeration(field, value, path), as: Int32.self)
        case PROTOBUF_C_TYPE_INT32, PROTOBUF_C_TYPE_SINT32, PROTOBUF_C_TYPE_SFIXED32:
            place.storeBytes(of: try integer(value, path), as: Int32.self)
        case PROTOBUF_C_TYPE_INT64, PROTOBUF_C_TYPE_SINT64, PROTOBUF_C_TYPE_SFIXED64:
            place.storeBytes(of: try integer(value, path), as: Int64.self)
        case PROTOBUF_C_TYPE_UINT32, PROTOBUF_C_TYPE_FIXED32:
            place.storeBytes(of: try integer(value, path), as: UInt32.self)
        case PROTOBUF_C_TYPE_UINT64, PROTOBUF_C_TYPE_FIXED64:
            place.storeBytes(of: try integer(value, path), as: UInt64.self)
        case PROTOBUF_C_TYPE_FLOAT:
            place.storeBytes(of: Float(try number(value, path)), as: Float.self)
        case PROTOBUF_C_TYPE_DOUBLE:
            place.storeBytes(of: try number(value, path), as: Double.self)
        case PROTOBUF_C_TYPE_BYTES:
            guard let text = value.string, let bytes = Base64.decode(text.utf8) else {
                throw .field(path, reason: "expected base64, found \(value.kind)")
            }
            place.storeBytes(of: arena.bytes(bytes), as: ProtobufCBinaryData.self)
        default: throw .field(path, reason: "cannot be given in JSON")
        }
    }

    /// protobuf-c holds strings as C does, so a NUL would cut them short.
    private func text(_ value: JSON, _ path: String) throws(MessageError) -> String {
        guard let text = value.string else { throw .field(path, reason: "expected a string, found \(value.kind)") }
        guard !text.utf8.contains(0) else { throw .field(path, reason: "must not contain the character U+0000") }
        return text
    }

    private func bool(_ value: JSON, _ path: String) throws(MessageError) -> Bool {
        if let bool = value.bool { return bool }
        if textual, let text = value.string, let bool = Bool(text) { return bool }
        throw .field(path, reason: "expected true or false, found \(value.kind)")
    }

    private func integer<I: FixedWidthInteger>(_ value: JSON, _ path: String) throws(MessageError) -> I {
        if let int = value.int, let exact = I(exactly: int) { return exact }
        if let text = value.string, let exact = I(text) { return exact }
        throw .field(
            path,
            reason: "expected an integer from \(I.min) to \(I.max), found \(value.kind) \(value.text.prefix(40))"
        )
    }

    private func number(_ value: JSON, _ path: String) throws(MessageError) -> Double {
        if let double = value.double { return double }
        if let text = value.string, let double = Double(text) { return double }
        throw .field(path, reason: "expected a number, found \(value.kind)")
    }

    private func enumeration(_ field: FieldView, _ value: JSON, _ path: String) throws(MessageError) -> Int32 {
        if let number = value.int, let exact = Int32(exactly: number) { return exact }
        guard let type = field.enumeration, let name = value.string,
            let known = protobuf_c_enum_descriptor_get_value_by_name(type, name)
        else { throw .field(path, reason: "unknown value \(value.text.prefix(40))") }
        return known.pointee.value
    }
}
