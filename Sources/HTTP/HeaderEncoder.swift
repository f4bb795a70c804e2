import CNghttp2

/// Lays header fields out as nghttp2 takes them.
enum HeaderEncoder {
    /// Calls `body` with the pseudo-header fields and the headers; the pointers are valid inside it only, nghttp2 copies.
    static func withFields<Result>(
        _ pseudo: some Collection<HTTPHeaders.Element>,
        _ headers: HTTPHeaders,
        _ body: (UnsafeMutablePointer<nghttp2_nv>, Int) -> Result
    ) -> Result {
        let count = pseudo.count + headers.count
        var size = 0
        for field in pseudo { size += field.name.utf8.count + field.value.utf8.count }
        for index in headers.indices { size += headers[index].name.utf8.count + headers[index].value.utf8.count }
        return withUnsafeTemporaryAllocation(byteCount: max(size, 1), alignment: 1) { bytes in
            withUnsafeTemporaryAllocation(of: nghttp2_nv.self, capacity: max(count, 1)) { fields in
                var cursor = Cursor(next: bytes.baseAddress!.assumingMemoryBound(to: UInt8.self))
                var index = 0
                for field in pseudo {
                    fields.initializeElement(at: index, to: cursor.append(field))
                    index += 1
                }
                for field in headers {
                    fields.initializeElement(at: index, to: cursor.append(field))
                    index += 1
                }
                return body(fields.baseAddress!, count)
            }
        }
    }

    private struct Cursor {
        var next: UnsafeMutablePointer<UInt8>

        mutating func append(_ field: HTTPHeaders.Element) -> nghttp2_nv {
            let (name, nameLength) = copy(field.name)
            let (value, valueLength) = copy(field.value)
            // A secret must not be guessed through the compression state (RFC 7541 section 7.1.3).
            let secret = field.name == "authorization" || field.name == "set-cookie"
            let flags = secret ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE
            return nghttp2_nv(
                name: name,
                value: value,
                namelen: nameLength,
                valuelen: valueLength,
                flags: UInt8(flags.rawValue)
            )
        }

        /// Copies the text; a control character, which could end the field in a careless recipient, becomes a space.
        private mutating func copy(_ text: String) -> (UnsafeMutablePointer<UInt8>, Int) {
            let start = next
            var text = text
            next += text.withUTF8 { bytes in
                for (index, byte) in bytes.enumerated() {
                    start[index] = HeaderSafety.isAllowed(byte) ? byte : UInt8(ascii: " ")
                }
                return bytes.count
            }
            return (start, next - start)
        }
    }
}

enum HeaderSafety {
    /// Whether a byte may stand in a field value (RFC 9110 section 5.5).
    static func isAllowed(_ byte: UInt8) -> Bool {
        byte >= 0x20 && byte != 0x7F || byte == 0x09
    }
}
