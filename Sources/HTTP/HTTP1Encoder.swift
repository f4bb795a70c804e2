import NIOCore

/// Writes the parts of an HTTP/1 response (RFC 9112).
enum HTTP1Encoder {
    static let lineEnd = ByteBuffer(string: "\r\n")

    static func head(_ head: ResponseHead, version: HTTPVersion, connection: String?) -> ByteBuffer {
        var bytes = ByteBuffer()
        bytes.reserveCapacity(256)
        bytes.writeStaticString(version == .http1_0 ? "HTTP/1.0 " : "HTTP/1.1 ")
        bytes.writeString(String(head.status))
        bytes.writeStaticString(" ")
        bytes.writeStaticString(reason(head.status))
        bytes.writeStaticString("\r\n")
        write(head.headers, to: &bytes)
        if let connection { write(["connection": connection], to: &bytes) }
        bytes.writeStaticString("\r\n")
        return bytes
    }

    /// Up to here it costs less to copy a chunk into one piece with its framing than to send three pieces.
    static let joinedLength = 4096

    static func chunk(_ content: ByteBuffer) -> ByteBuffer {
        var bytes = ByteBufferAllocator().buffer(capacity: content.readableBytes + 16)
        writeChunkHead(length: content.readableBytes, to: &bytes)
        bytes.writeImmutableBuffer(content)
        bytes.writeStaticString("\r\n")
        return bytes
    }

    static func chunkHead(length: Int) -> ByteBuffer {
        var bytes = ByteBuffer()
        writeChunkHead(length: length, to: &bytes)
        return bytes
    }

    private static func writeChunkHead(length: Int, to bytes: inout ByteBuffer) {
        bytes.writeString(String(length, radix: 16))
        bytes.writeStaticString("\r\n")
    }

    static func lastChunk(trailers: HTTPHeaders?) -> ByteBuffer {
        var bytes = ByteBuffer(string: "0\r\n")
        if let trailers { write(trailers, to: &bytes) }
        bytes.writeStaticString("\r\n")
        return bytes
    }

    private static func write(_ headers: HTTPHeaders, to bytes: inout ByteBuffer) {
        for field in headers {
            write(field.name, to: &bytes)
            bytes.writeStaticString(": ")
            write(field.value, to: &bytes)
            bytes.writeStaticString("\r\n")
        }
    }

    /// A control character, which could end a field and begin another, becomes a space.
    private static func write(_ text: String, to bytes: inout ByteBuffer) {
        var text = text
        if text.withUTF8(HeaderSafety.isAllowed) {
            bytes.writeString(text)
        } else {
            bytes.writeBytes(text.utf8.map { HeaderSafety.isAllowed($0) ? $0 : UInt8(ascii: " ") })
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
