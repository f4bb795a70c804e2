/// What the fan-out must know of a stored event: the fields that order, name and filter it. Its payload is not looked into.
public struct EventHeader: Sendable, Hashable {
    public private(set) var seq: UInt64 = 0
    public private(set) var type = ""
    public private(set) var runID = ""
    public private(set) var isFinal = false

    /// - Throws: ``MessageError/malformed(type:)``.
    public init(serialized bytes: UnsafeRawBufferPointer) throws(MessageError) {
        var reader = WireReader(bytes)
        do {
            // The numbers are those of event.proto. A field may come more than once; the last one counts.
            while let field = try reader.next() {
                switch (field.number, field.value) {
                case (2, .varint(let number)): seq = number
                case (4, .bytes(let text)): runID = String(decoding: text, as: UTF8.self)
                case (6, .bytes(let text)): type = String(decoding: text, as: UTF8.self)
                case (8, .varint(let number)): isFinal = number != 0
                case (0, _), (2, _), (4, _), (6, _), (8, _): throw WireReader.Malformed()
                case _: break
                }
            }
        } catch {
            throw .malformed(type: Event.typeName)
        }
    }
}
