internal import CProtos

/// The memory of one C message while it is built and packed, or unpacked and read: all of it is freed together, when the arena is
/// released.
///
/// Used by one function at a time and never stored; callers keep it alive until they are done with the message.
final class Arena {
    /// Memory that is handed out piece by piece, with the block before it at its start.
    private var block: UnsafeMutableRawPointer?
    private var used = 0
    private var size = 0

    private static let alignment = 16
    private static let usualSize = 1024

    deinit {
        var next = block
        while let block = next {
            next = block.load(as: UnsafeMutableRawPointer?.self)
            block.deallocate()
        }
    }

    /// Zeroed memory, aligned for whatever a C struct holds.
    func allocate(byteCount: Int) -> UnsafeMutableRawPointer {
        let piece = allocate(uninitialized: byteCount)
        piece.initializeMemory(as: UInt8.self, repeating: 0, count: byteCount)
        return piece
    }

    private func allocate(uninitialized byteCount: Int) -> UnsafeMutableRawPointer {
        let length = (byteCount + Self.alignment - 1) & ~(Self.alignment - 1)
        guard let block, used + length <= size else { return addBlock(length) }
        defer { used += length }
        return block + used
    }

    private func addBlock(_ length: Int) -> UnsafeMutableRawPointer {
        size = max(Self.usualSize, 2 * size, Self.alignment + length)
        let added = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: Self.alignment)
        added.storeBytes(of: block, as: UnsafeMutableRawPointer?.self)
        (block, used) = (added, Self.alignment + length)
        return added + Self.alignment
    }

    /// Unpacks a message into this memory. - Returns: nil if the bytes are not of the type.
    func unpack(
        _ bytes: UnsafeRawBufferPointer,
        as type: UnsafePointer<ProtobufCMessageDescriptor>
    ) -> UnsafeMutablePointer<ProtobufCMessage>? {
        var allocator = ProtobufCAllocator(
            alloc: { arena, size in
                arena.map { Unmanaged<Arena>.fromOpaque($0).takeUnretainedValue().allocate(uninitialized: size) }
            },
            free: { _, _ in },
            allocator_data: Unmanaged.passUnretained(self).toOpaque()
        )
        let start = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
        return protobuf_c_message_unpack(type, &allocator, bytes.count, start)
    }

    func allocate<T>(_ type: T.Type, count: Int = 1) -> UnsafeMutablePointer<T> {
        allocate(byteCount: MemoryLayout<T>.stride * count).bindMemory(to: T.self, capacity: count)
    }

    func string(_ value: String) -> UnsafeMutablePointer<CChar> {
        var value = value
        return value.withUTF8 { utf8 in
            let copy = allocate(UInt8.self, count: utf8.count + 1)
            if let start = utf8.baseAddress { copy.update(from: start, count: utf8.count) }
            return UnsafeMutableRawPointer(copy).assumingMemoryBound(to: CChar.self)
        }
    }

    func bytes(_ value: [UInt8]) -> ProtobufCBinaryData {
        let copy = allocate(UInt8.self, count: value.count)
        value.withUnsafeBufferPointer { if let start = $0.baseAddress { copy.update(from: start, count: value.count) } }
        return ProtobufCBinaryData(len: value.count, data: copy)
    }

    func message<M: CMessage>(_ value: M) -> UnsafeMutablePointer<M.C> {
        let c = allocate(M.C.self)
        value.fill(c, in: self)
        return c
    }

    func message<M: CMessage>(ifPresent value: M?) -> UnsafeMutablePointer<M.C>? {
        value.map { message($0) }
    }

    func messages<M: CMessage>(
        _ values: [M]
    ) -> (Int, UnsafeMutablePointer<UnsafeMutablePointer<M.C>?>?) {
        pointers(values.map { message($0) })
    }

    func strings(_ values: [String]) -> (Int, UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?) {
        pointers(values.map { string($0) })
    }

    func scalars<T>(_ values: [T]) -> (Int, UnsafeMutablePointer<T>?) {
        guard !values.isEmpty else { return (0, nil) }
        let copy = allocate(T.self, count: values.count)
        for (index, value) in values.enumerated() { copy[index] = value }
        return (values.count, copy)
    }

    func blobs(_ values: [[UInt8]]) -> (Int, UnsafeMutablePointer<ProtobufCBinaryData>?) {
        scalars(values.map { bytes($0) })
    }

    /// The entries of a map with string keys, which protobuf-c lays out as repeated messages of a key and a value.
    func entries<E, Value>(
        _ values: some Sequence<(key: String, value: Value)>,
        of type: E.Type,
        _ initialize: (UnsafeMutablePointer<E>?) -> Void,
        _ set: (UnsafeMutablePointer<E>, UnsafeMutablePointer<CChar>, Value) -> Void
    ) -> (Int, UnsafeMutablePointer<UnsafeMutablePointer<E>?>?) {
        pointers(
            values.map { key, value in
                let entry = allocate(E.self)
                initialize(entry)
                set(entry, string(key), value)
                return entry
            }
        )
    }

    private func pointers<T>(
        _ values: [UnsafeMutablePointer<T>]
    ) -> (Int, UnsafeMutablePointer<UnsafeMutablePointer<T>?>?) {
        guard !values.isEmpty else { return (0, nil) }
        let array = allocate(UnsafeMutablePointer<T>?.self, count: values.count)
        for (index, value) in values.enumerated() { array[index] = value }
        return (values.count, array)
    }
}
