import CZlib
import NIOCore

/// How single messages are compressed, by the names that `grpc-encoding` has for it (gRPC "Compression").
public enum Compression: String, Sendable, CaseIterable {
    case gzip
    /// The zlib format (RFC 1950), which gRPC as HTTP calls deflate.
    case deflate
}

extension Compression {
    /// The value of `grpc-accept-encoding`.
    static let accepted = "identity,deflate,gzip"

    /// Reads `grpc-encoding`; nil is the identity.
    ///
    /// - Throws: UNIMPLEMENTED for an encoding that there is not.
    static func named(_ name: String?) throws(Status) -> Compression? {
        guard let name, name != "identity" else { return nil }
        guard let compression = Compression(rawValue: name) else {
            throw Status(.unimplemented, "grpc-encoding \(name) is not supported")
        }
        return compression
    }

    /// The first encoding that a peer's `grpc-accept-encoding` lists and that is more than the identity.
    init?(acceptedBy list: String?) {
        let names = (list ?? "").split { $0 == "," || $0 == " " }
        guard let first = names.lazy.compactMap({ Compression(rawValue: String($0)) }).first else { return nil }
        self = first
    }

    /// Selects zlib's format: gzip is told apart by 16 more than the window of 32 KiB.
    private var windowBits: CInt {
        switch self {
        case .gzip: 15 + 16
        case .deflate: 15
        }
    }
}

// zlib's state is made for each message: a stream that is idle, as most are, holds none of its 40 to 260 KiB.
extension Compression {
    /// The message compressed, or nil when that would not make it shorter.
    func compress(_ message: ByteBuffer) -> ByteBuffer? {
        var output = ByteBuffer()
        let result = Self.withStream(reading: message) { stream in
            let level = Z_BEST_SPEED
            let size = CInt(MemoryLayout<z_stream>.size)
            let begun = deflateInit2_(
                stream,
                level,
                Z_DEFLATED,
                windowBits,
                8,
                Z_DEFAULT_STRATEGY,
                ZLIB_VERSION,
                size
            )
            guard begun == Z_OK else { return begun }
            defer { deflateEnd(stream) }
            return Self.step(stream, into: &output, room: message.readableBytes) { CZlib.deflate($0, Z_FINISH) }
        }
        return result == Z_STREAM_END && output.readableBytes < message.readableBytes ? output : nil
    }

    /// The message inflated.
    ///
    /// The memory used grows with what comes out, up to the limit.
    ///
    /// - Throws: RESOURCE_EXHAUSTED as soon as more than `limit` bytes come out; INTERNAL for what is not in the format.
    func decompress(_ message: ByteBuffer, limit: Int) throws(Status) -> ByteBuffer {
        var output = ByteBuffer()
        let result = Self.withStream(reading: message) { stream in
            let begun = inflateInit2_(stream, windowBits, ZLIB_VERSION, CInt(MemoryLayout<z_stream>.size))
            guard begun == Z_OK else { return begun }
            defer { inflateEnd(stream) }
            var result = Z_OK
            while result == Z_OK, output.readableBytes <= limit {
                let room = min(max(output.readableBytes, 4096), limit + 1 - output.readableBytes)
                result = Self.step(stream, into: &output, room: room) { inflate($0, Z_NO_FLUSH) }
            }
            return result == Z_STREAM_END && stream.pointee.avail_in > 0 ? Z_DATA_ERROR : result
        }
        guard output.readableBytes <= limit else {
            throw Status(.resourceExhausted, "a message exceeds the limit of \(limit) bytes when it is inflated")
        }
        guard result == Z_STREAM_END else { throw Status(.internal, "a message is not valid \(rawValue)") }
        return output
    }

    /// Runs `body` with a stream whose input is the message. zlib keeps the stream's address, so it stays where it is.
    private static func withStream(
        reading message: ByteBuffer,
        _ body: (UnsafeMutablePointer<z_stream>) -> CInt
    ) -> CInt {
        message.withUnsafeReadableBytes { input in
            var stream = z_stream()
            return withUnsafeMutablePointer(to: &stream) { stream in
                // Read only, in spite of the type.
                stream.pointee.next_in = UnsafeMutablePointer(mutating: input.bindMemory(to: UInt8.self).baseAddress)
                stream.pointee.avail_in = UInt32(clamping: input.count)
                return body(stream)
            }
        }
    }

    /// Calls zlib once, with so much room for output.
    private static func step(
        _ stream: UnsafeMutablePointer<z_stream>,
        into output: inout ByteBuffer,
        room: Int,
        _ body: (UnsafeMutablePointer<z_stream>) -> CInt
    ) -> CInt {
        var result = Z_OK
        output.writeWithUnsafeMutableBytes(minimumWritableBytes: room) { target in
            stream.pointee.next_out = target.bindMemory(to: UInt8.self).baseAddress
            stream.pointee.avail_out = UInt32(clamping: room)
            result = body(stream)
            return room - Int(stream.pointee.avail_out)
        }
        return result
    }
}
