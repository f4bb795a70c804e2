import Interop
import NIOCore
import RPC

// The messages of grpc.testing that the test cases send and receive; numbers are those of its messages.proto.

/// `SimpleRequest` and `StreamingOutputCallRequest`, which are told apart only by how they ask for responses.
struct TestRequest {
    var payloadSize = 0
    /// Of the only response, in a `SimpleRequest`.
    var responseSize = 0
    /// Of each response, in a `StreamingOutputCallRequest`.
    var responses: [(size: Int, intervalMicroseconds: Int, isCompressed: Bool?)] = []
    var status: (code: Int, message: String)?
    var responseIsCompressed: Bool?
    var expectsCompressed: Bool?

    var message: ByteBuffer {
        var writer = WireWriter()
        writer.write(responseSize, field: 2)
        for response in responses {
            var parameters = WireWriter()
            parameters.write(response.size, field: 1)
            parameters.write(response.intervalMicroseconds, field: 2)
            parameters.write(response.isCompressed, field: 3)
            writer.write(parameters.message, field: 2)
        }
        writer.write(payload(payloadSize), field: 3)
        writer.write(responseIsCompressed, field: 6)
        if let status {
            var echo = WireWriter()
            echo.write(status.code, field: 1)
            echo.write(ByteBuffer(string: status.message), field: 2)
            writer.write(echo.message, field: 7)
        }
        writer.write(expectsCompressed, field: 8)
        return writer.message
    }
}

/// `StreamingInputCallRequest`.
func inputRequest(size: Int, expectsCompressed: Bool? = nil) -> ByteBuffer {
    var writer = WireWriter()
    writer.write(payload(size), field: 1)
    writer.write(expectsCompressed, field: 2)
    return writer.message
}

/// The size of the payload of a `SimpleResponse` or `StreamingOutputCallResponse`, all of which has to be zeros.
func payloadSize(_ response: ByteBuffer) throws -> Int {
    var (reader, size) = (WireReader(response), 0)
    while let field = try reader.next() {
        guard case (1, .bytes(let payload)) = field else { continue }
        var parts = WireReader(payload)
        while let part = try parts.next() {
            guard case (2, .bytes(let body)) = part else { continue }
            size = body.readableBytes
            guard body == ByteBuffer(repeating: 0, count: size) else { throw WireReader.malformed }
        }
    }
    return size
}

/// The sum in a `StreamingInputCallResponse`.
func aggregatedSize(_ response: ByteBuffer) throws -> Int {
    var (reader, size) = (WireReader(response), 0)
    while let field = try reader.next() {
        if case (1, .number(let value)) = field { size = Int(truncatingIfNeeded: value) }
    }
    return size
}

/// A `Payload` of zeros.
private func payload(_ size: Int) -> ByteBuffer {
    var writer = WireWriter()
    if size > 0 { writer.write(ByteBuffer(repeating: 0, count: size), field: 2) }
    return writer.message
}

extension WireWriter {
    /// A `BoolValue`, unless it is nil.
    fileprivate mutating func write(_ value: Bool?, field: UInt64) {
        guard let value else { return }
        var bool = WireWriter()
        bool.write(value ? 1 : 0, field: 1)
        write(bool.message, field: field)
    }
}
