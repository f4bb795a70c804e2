internal import CProtos
internal import OrderedCollections

/// Copies the fields of an unpacked C struct into Swift values; the struct is freed right afterwards.
enum CField {
    static func string(_ value: UnsafeMutablePointer<CChar>?) -> String {
        value.map { String(cString: $0) } ?? ""
    }

    static func bytes(_ value: ProtobufCBinaryData) -> [UInt8] {
        Array(UnsafeBufferPointer(start: value.data, count: value.len))
    }

    static func message<M: CMessage>(_ value: UnsafeMutablePointer<M.C>?) -> M? {
        value.map { M(c: $0.pointee) }
    }

    static func messages<M: CMessage>(
        _ count: Int,
        _ values: UnsafeMutablePointer<UnsafeMutablePointer<M.C>?>?
    ) -> [M] {
        UnsafeBufferPointer(start: values, count: count).compactMap { message($0) }
    }

    static func strings(_ count: Int, _ values: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?) -> [String] {
        UnsafeBufferPointer(start: values, count: count).map { string($0) }
    }

    static func blobs(_ count: Int, _ values: UnsafeMutablePointer<ProtobufCBinaryData>?) -> [[UInt8]] {
        UnsafeBufferPointer(start: values, count: count).map { bytes($0) }
    }

    static func scalars<T>(_ count: Int, _ values: UnsafeMutablePointer<T>?) -> [T] {
        Array(UnsafeBufferPointer(start: values, count: count))
    }

    /// The last of two entries with one key wins, as the protobuf specification says of maps.
    static func dictionary<E, Value>(
        _ count: Int,
        _ entries: UnsafeMutablePointer<UnsafeMutablePointer<E>?>?,
        _ members: (E) -> (UnsafeMutablePointer<CChar>?, Value?)
    ) -> OrderedDictionary<String, Value> {
        var result = OrderedDictionary<String, Value>()
        for case let entry? in UnsafeBufferPointer(start: entries, count: count) {
            let (key, value) = members(entry.pointee)
            result[string(key)] = value
        }
        return result
    }
}
