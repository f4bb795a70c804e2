internal import CProtos

/// What the fan-out must know of a stored event: the fields that order, name and filter it. Its payload is not copied.
public struct EventHeader: Sendable, Hashable {
    public let seq: UInt64
    public let type: String
    public let runID: String
    public let isFinal: Bool

    /// - Throws: ``MessageError/malformed(type:)``.
    public init(serialized bytes: UnsafeRawBufferPointer) throws(MessageError) {
        let start = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
        guard let event = baud__v1__event__unpack(nil, bytes.count, start) else {
            throw .malformed(type: Event.typeName)
        }
        defer { baud__v1__event__free_unpacked(event, nil) }
        seq = event.pointee.seq
        type = CField.string(event.pointee.type)
        runID = CField.string(event.pointee.run_id)
        isFinal = event.pointee.final != 0
    }
}
