internal import CProtos

/// The type of a message at run time, for code that handles all messages alike: the REST shim and the fan-out.
///
/// JSON is mapped by the descriptors that protobuf-c generates, so a new message of the contract needs no code. The mapping is
/// proto3's, with these choices: members bear the names of the contract (camelCase is read as well), 64-bit integers are JSON
/// numbers (strings are read as well), scalars are written even at their defaults, unknown members are ignored.
public struct MessageType: Sendable {
    /// Points to a constant of the generated C code, which is never written to and never freed.
    nonisolated(unsafe) let descriptor: UnsafePointer<ProtobufCMessageDescriptor>

    init(_ type: (some CMessage).Type) { descriptor = type.cDescriptor }

    /// The full name, `baud.v1.Thread`.
    public var name: String { String(cString: descriptor.pointee.name) }

    /// Transcodes the wire format to JSON text.
    ///
    /// - Throws: ``MessageError/malformed(type:)``.
    public func json(fromSerialized bytes: UnsafeRawBufferPointer) throws(MessageError) -> [UInt8] {
        var writer = JSONWriter(reserving: bytes.count * 2 + 128)
        do { try writer.message(bytes, descriptor) } catch { throw .malformed(type: name) }
        return writer.bytes
    }

    /// Transcodes a JSON object to the wire format.
    ///
    /// - Parameter textual: whether all scalars come as strings, as in the query of a URL.
    /// - Throws: ``MessageError/field(_:reason:)``.
    public func serialize(_ json: JSON, textual: Bool = false) throws(MessageError) -> [UInt8] {
        let arena = Arena()
        let filler = MessageFiller(arena: arena, textual: textual)
        let message = try filler.message(descriptor, from: json, path: "")
        return withExtendedLifetime(arena) {
            pack(UnsafeRawPointer(message).assumingMemoryBound(to: ProtobufCMessage.self))
        }
    }
}

extension Message {
    /// The JSON text of this message, as the REST interface gives it.
    public func json() -> [UInt8] {
        guard let type = Self.self as? any CMessage.Type else { return Array("{}".utf8) }
        let bytes = serialized()
        // What was just serialized can be read again; an empty object stands for the impossible failure.
        return (try? bytes.withUnsafeBytes { try MessageType(type).json(fromSerialized: $0) }) ?? Array("{}".utf8)
    }
}
