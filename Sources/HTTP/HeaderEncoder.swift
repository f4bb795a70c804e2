import CNghttp2

/// Lays header fields out as nghttp2 takes them. The pointers are valid inside the closures only; nghttp2 copies.
enum HeaderEncoder {
    typealias Body<Result> = (UnsafeMutablePointer<nghttp2_nv>, Int) -> Result

    static func withResponse<Result>(_ head: ResponseHead, contentLength: Int?, _ body: Body<Result>) -> Result {
        withWriter(pseudoBytes: 64, pseudoCount: 2, head.headers) { writer in
            writer.append(":status", number: head.status)
            writer.append(head.headers)
            if let contentLength { writer.append("content-length", number: contentLength) }
            return body(writer.fields, writer.count)
        }
    }

    static func withRequest<Result>(_ head: RequestHead, _ body: Body<Result>) -> Result {
        let pseudo = HTTPHeaders([
            (":method", head.method), (":scheme", head.scheme), (":path", head.path), (":authority", head.authority),
        ])
        return withWriter(pseudoBytes: pseudo.byteCount, pseudoCount: 4, head.headers) { writer in
            writer.append(pseudo)
            writer.append(head.headers)
            return body(writer.fields, writer.count)
        }
    }

    static func withTrailers<Result>(_ trailers: HTTPHeaders, _ body: Body<Result>) -> Result {
        withWriter(pseudoBytes: 0, pseudoCount: 0, trailers) { writer in
            writer.append(trailers)
            return body(writer.fields, writer.count)
        }
    }

    /// Lays fields out for good.
    static func prepare(status: Int?, _ headers: HTTPHeaders) -> PreparedFields {
        let bytes = UnsafeMutablePointer<UInt8>.allocate(capacity: 32 + headers.byteCount)
        let fields = UnsafeMutablePointer<nghttp2_nv>.allocate(capacity: 1 + headers.count)
        var writer = FieldWriter(fields: fields, next: bytes, isLasting: true)
        if let status { writer.append(":status", number: status) }
        writer.append(headers)
        return PreparedFields(start: fields, count: writer.count)
    }

    private static func withWriter<Result>(
        pseudoBytes: Int,
        pseudoCount: Int,
        _ headers: HTTPHeaders,
        _ body: (inout FieldWriter) -> Result
    ) -> Result {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: pseudoBytes + headers.byteCount + 1) { bytes in
            withUnsafeTemporaryAllocation(of: nghttp2_nv.self, capacity: pseudoCount + headers.count + 1) { fields in
                var writer = FieldWriter(fields: fields.baseAddress!, next: bytes.baseAddress!)
                return body(&writer)
            }
        }
    }
}

/// Writes fields into memory that its owner has made large enough.
private struct FieldWriter {
    let fields: UnsafeMutablePointer<nghttp2_nv>
    var next: UnsafeMutablePointer<UInt8>
    private(set) var count = 0
    /// Added to every field: that nghttp2 need not copy it.
    private let commonFlags: UInt8

    init(fields: UnsafeMutablePointer<nghttp2_nv>, next: UnsafeMutablePointer<UInt8>, isLasting: Bool = false) {
        self.fields = fields
        self.next = next
        let lasting = NGHTTP2_NV_FLAG_NO_COPY_NAME.rawValue | NGHTTP2_NV_FLAG_NO_COPY_VALUE.rawValue
        commonFlags = isLasting ? UInt8(lasting) : 0
    }

    mutating func append(_ headers: HTTPHeaders) {
        headers.forEachUTF8 { name, value in
            let (nameCopy, valueCopy) = (copy(name), copy(value))
            // A secret must not be guessed through the compression state (RFC 7541 section 7.1.3).
            let flags = Self.isSecret(name) ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE
            append(nameCopy, name.count, valueCopy, value.count, flags.rawValue)
        }
    }

    /// A field whose name lives as long as the process and is not copied.
    mutating func append(_ name: StaticString, number: Int) {
        var digits = number.magnitude
        var length = 1
        while digits >= 10 { (digits, length) = (digits / 10, length + 1) }
        digits = number.magnitude
        for position in stride(from: length - 1, through: 0, by: -1) {
            next[position] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: digits % 10)
            digits /= 10
        }
        let name = (UnsafeMutablePointer(mutating: name.utf8Start), name.utf8CodeUnitCount)
        append(name.0, name.1, next, length, NGHTTP2_NV_FLAG_NO_COPY_NAME.rawValue)
        next += length
    }

    private mutating func append(
        _ name: UnsafeMutablePointer<UInt8>,
        _ nameLength: Int,
        _ value: UnsafeMutablePointer<UInt8>,
        _ valueLength: Int,
        _ flags: UInt32
    ) {
        let field = nghttp2_nv(
            name: name,
            value: value,
            namelen: nameLength,
            valuelen: valueLength,
            flags: UInt8(flags) | commonFlags
        )
        (fields + count).initialize(to: field)
        count += 1
    }

    /// Copies the text; a control character, which could end the field in a careless recipient, becomes a space.
    private mutating func copy(_ text: UnsafeBufferPointer<UInt8>) -> UnsafeMutablePointer<UInt8> {
        let start = next
        if let base = text.baseAddress { start.update(from: base, count: text.count) }
        next += text.count
        if !HeaderSafety.isAllowed(text) {
            for index in 0..<text.count where !HeaderSafety.isAllowed(text[index]) { start[index] = UInt8(ascii: " ") }
        }
        return start
    }

    private static func isSecret(_ name: UnsafeBufferPointer<UInt8>) -> Bool {
        name.count == 13 && name.elementsEqual("authorization".utf8)
            || name.count == 10 && name.elementsEqual("set-cookie".utf8)
    }
}

enum HeaderSafety {
    /// Whether a byte may stand in a field value (RFC 9110 section 5.5).
    static func isAllowed(_ byte: UInt8) -> Bool {
        byte >= 0x20 && byte != 0x7F || byte == 0x09
    }

    /// Whether all of them may; without a branch in the loop, so that it runs on several bytes at once.
    static func isAllowed(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        var forbidden: UInt8 = 0
        for byte in bytes {
            forbidden |= (byte < 0x20 ? 1 : 0) & (byte != 0x09 ? 1 : 0) | (byte == 0x7F ? 1 : 0)
        }
        return forbidden == 0
    }
}
