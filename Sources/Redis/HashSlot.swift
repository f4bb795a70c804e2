/// The part of a cluster's keys that a key belongs to (Redis cluster specification, "Key distribution model").
enum HashSlot {
    static let count = 16_384

    /// CRC16 of the key, or of its hash tag: what stands between the first `{` and the next `}`, unless that is nothing.
    static func of(_ key: String) -> Int {
        var key = key
        return key.withUTF8 { Int(crc16(hashed($0[...])) % UInt16(count)) }
    }

    private static func hashed(_ key: Slice<UnsafeBufferPointer<UInt8>>) -> Slice<UnsafeBufferPointer<UInt8>> {
        guard let open = key.firstIndex(of: UInt8(ascii: "{")) else { return key }
        let rest = key[(open + 1)...]
        guard let close = rest.firstIndex(of: UInt8(ascii: "}")), close > rest.startIndex else { return key }
        return rest[..<close]
    }

    /// CRC-16/XMODEM: polynomial 0x1021, from 0, nothing reflected.
    private static func crc16(_ bytes: Slice<UnsafeBufferPointer<UInt8>>) -> UInt16 {
        var crc: UInt16 = 0
        for byte in bytes { crc = crc << 8 ^ table[Int(UInt8(truncatingIfNeeded: crc >> 8) ^ byte)] }
        return crc
    }

    private static let table: [UInt16] = (0..<256).map { index in
        (0..<8).reduce(UInt16(index) << 8) { crc, _ in crc & 0x8000 == 0 ? crc << 1 : crc << 1 ^ 0x1021 }
    }
}
