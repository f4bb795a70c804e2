import CNghttp2

/// As much of HPACK (RFC 7541) as has nothing to do with the tables of a connection. The rest is nghttp2's.
enum HPACK {
    /// A header block that means the same on every connection at any time: literals that are not to be indexed.
    static func literals(_ fields: UnsafeBufferPointer<nghttp2_nv>) -> [UInt8] {
        var block: [UInt8] = []
        for field in fields {
            let isSecret = UInt32(field.flags) & NGHTTP2_NV_FLAG_NO_INDEX.rawValue != 0
            block.append(isSecret ? 0x10 : 0)
            for text in [(field.name, field.namelen), (field.value, field.valuelen)] {
                append(length: text.1, to: &block)
                block += UnsafeBufferPointer(start: text.0, count: text.1)
            }
        }
        return block
    }

    /// RFC 7541 sections 5.1 and 5.2, of a string without Huffman code.
    private static func append(length: Int, to block: inout [UInt8]) {
        guard length >= 127 else { return block.append(UInt8(length)) }
        block.append(127)
        var rest = length - 127
        while rest >= 128 {
            block.append(UInt8(rest & 127) | 128)
            rest >>= 7
        }
        block.append(UInt8(rest))
    }

    /// Whether decoding the block leaves the dynamic table as it is: it consists of indexed fields and of literals that are
    /// not to be indexed (RFC 7541 sections 6.1, 6.2.2 and 6.2.3). False for one that is not well-formed, too.
    static func leavesTable(_ block: UnsafeRawBufferPointer) -> Bool {
        var reader = Reader(block)
        while let first = reader.peek() {
            if first & 0x80 != 0 {
                guard let index = reader.integer(prefix: 7), index > 0 else { return false }
            } else {
                // 01 is a literal that is to be indexed, 001 a new size of the table.
                guard first & 0xE0 == 0, let name = reader.integer(prefix: 4) else { return false }
                guard name > 0 || reader.skipString(), reader.skipString() else { return false }
            }
        }
        return true
    }

    private struct Reader {
        private let bytes: UnsafeRawBufferPointer
        private var offset = 0

        init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

        func peek() -> UInt8? { offset < bytes.count ? bytes[offset] : nil }

        /// RFC 7541 section 5.1; nil for one that is cut off, or beyond 2^28.
        mutating func integer(prefix: Int) -> Int? {
            guard let first = peek() else { return nil }
            offset += 1
            let mask = UInt8(1) << UInt8(prefix) - 1
            var value = Int(first & mask)
            guard first & mask == mask else { return value }
            for shift in stride(from: 0, to: 28, by: 7) {
                guard let next = peek() else { return nil }
                offset += 1
                value += Int(next & 0x7F) << shift
                if next & 0x80 == 0 { return value }
            }
            return nil
        }

        /// RFC 7541 section 5.2; false for one that is cut off.
        mutating func skipString() -> Bool {
            guard let length = integer(prefix: 7), length <= bytes.count - offset else { return false }
            offset += length
            return true
        }
    }
}
