import NIOCore

/// Writes the parts of an HTTP/1 response (RFC 9112).
enum HTTP1Encoder {
    static func write(_ head: ResponseHead, version: HTTPVersion, connection: String?, to bytes: inout ByteBuffer) {
        bytes.reserveCapacity(minimumWritableBytes: 512)
        bytes.writeStaticString(version == .http1_0 ? "HTTP/1.0 " : "HTTP/1.1 ")
        bytes.writeString(String(head.status))
        bytes.writeStaticString(" ")
        bytes.writeStaticString(reason(head.status))
        bytes.writeStaticString("\r\n")
        write(head.headers, to: &bytes)
        if let connection { write(["connection": connection], to: &bytes) }
        bytes.writeStaticString("\r\n")
    }

    /// What goes before the content of a chunk; a line end goes behind it.
    static func writeChunkHead(length: Int, to bytes: inout ByteBuffer) {
        let digits = max(1, (Int.bitWidth - length.leadingZeroBitCount + 3) / 4)
        bytes.writeWithUnsafeMutableBytes(minimumWritableBytes: digits + 2) { target in
            for place in 0..<digits {
                let digit = UInt8(truncatingIfNeeded: length >> (4 * (digits - 1 - place))) & 0xF
                target[place] = digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10
            }
            (target[digits], target[digits + 1]) = (UInt8(ascii: "\r"), UInt8(ascii: "\n"))
            return digits + 2
        }
    }

    static func writeLastChunk(trailers: HTTPHeaders?, to bytes: inout ByteBuffer) {
        bytes.writeStaticString("0\r\n")
        if let trailers { write(trailers, to: &bytes) }
        bytes.writeStaticString("\r\n")
    }

    private static func write(_ headers: HTTPHeaders, to bytes: inout ByteBuffer) {
        for field in headers {
            var (name, value) = (field.name, field.value)
            name.withUTF8 { name in
                value.withUTF8 { value in
                    let count = name.count + value.count + 4
                    bytes.writeWithUnsafeMutableBytes(minimumWritableBytes: count) { target in
                        write(name, at: 0, of: target)
                        (target[name.count], target[name.count + 1]) = (UInt8(ascii: ":"), UInt8(ascii: " "))
                        write(value, at: name.count + 2, of: target)
                        (target[count - 2], target[count - 1]) = (UInt8(ascii: "\r"), UInt8(ascii: "\n"))
                        return count
                    }
                }
            }
        }
    }

    /// A control character, which could end a field and begin another, becomes a space.
    private static func write(
        _ text: UnsafeBufferPointer<UInt8>,
        at place: Int,
        of target: UnsafeMutableRawBufferPointer
    ) {
        for (index, byte) in text.enumerated() {
            target[place + index] = HeaderSafety.isAllowed(byte) ? byte : UInt8(ascii: " ")
        }
    }

    /// The phrases of the statuses this server gives; no client looks at them.
    private static func reason(_ status: Int) -> StaticString {
        switch status {
        case 200: "OK"
        case 201: "Created"
        case 202: "Accepted"
        case 204: "No Content"
        case 304: "Not Modified"
        case 400: "Bad Request"
        case 401: "Unauthorized"
        case 403: "Forbidden"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 408: "Request Timeout"
        case 409: "Conflict"
        case 410: "Gone"
        case 413: "Content Too Large"
        case 414: "URI Too Long"
        case 415: "Unsupported Media Type"
        case 417: "Expectation Failed"
        case 429: "Too Many Requests"
        case 431: "Request Header Fields Too Large"
        case 500: "Internal Server Error"
        case 501: "Not Implemented"
        case 503: "Service Unavailable"
        case _: ""
        }
    }
}
