import Interop
import NIOCore
import RPC

// The messages of grpc.testing, as far as the test cases use them; names and numbers are those of its messages.proto.

/// `EchoStatus`: the status that the call is to end with.
struct EchoStatus {
    var code = 0
    var message = ""

    init(_ bytes: ByteBuffer) throws(Status) {
        var reader = WireReader(bytes)
        while let field = try reader.next() {
            switch field {
            case (1, .number(let value)): code = Int(truncatingIfNeeded: value)
            case (2, .bytes(let value)): message = String(buffer: value)
            case (_, _): break
            }
        }
    }

    /// - Throws: the status, unless it is OK.
    func check() throws(Status) {
        guard code != 0 else { return }
        throw Status(Status.Code(rawValue: code) ?? .unknown, message)
    }
}

/// `SimpleRequest`.
struct SimpleRequest {
    var responseSize = 0
    var payload: ByteBuffer?
    var isResponseCompressed = false
    var status: EchoStatus?
    var expectsCompressed = false

    init(_ bytes: ByteBuffer) throws(Status) {
        var reader = WireReader(bytes)
        while let field = try reader.next() {
            switch field {
            case (2, .number(let value)): responseSize = try payloadSize(value)
            case (3, .bytes(let value)): payload = value
            case (6, .bytes(let value)): isResponseCompressed = try bool(value)
            case (7, .bytes(let value)): status = try EchoStatus(value)
            case (8, .bytes(let value)): expectsCompressed = try bool(value)
            case (_, _): break
            }
        }
    }
}

/// `StreamingInputCallRequest`.
struct StreamingInputCallRequest {
    var payloadSize = 0
    var expectsCompressed = false

    init(_ bytes: ByteBuffer) throws(Status) {
        var reader = WireReader(bytes)
        while let field = try reader.next() {
            switch field {
            case (1, .bytes(let value)): payloadSize = try bodySize(ofPayload: value)
            case (2, .bytes(let value)): expectsCompressed = try bool(value)
            case (_, _): break
            }
        }
    }
}

/// `StreamingOutputCallRequest`.
struct StreamingOutputCallRequest {
    var responses: [ResponseParameters] = []
    var status: EchoStatus?

    init(_ bytes: ByteBuffer) throws(Status) {
        var reader = WireReader(bytes)
        while let field = try reader.next() {
            switch field {
            case (2, .bytes(let value)): responses.append(try ResponseParameters(value))
            case (7, .bytes(let value)): status = try EchoStatus(value)
            case (_, _): break
            }
        }
    }
}

/// `ResponseParameters`: one response that is asked for.
struct ResponseParameters {
    var size = 0
    var interval = Duration.zero
    var isCompressed = false

    init(_ bytes: ByteBuffer) throws(Status) {
        var reader = WireReader(bytes)
        while let field = try reader.next() {
            switch field {
            case (1, .number(let value)): size = try payloadSize(value)
            case (2, .number(let value)): interval = .microseconds(Int32(truncatingIfNeeded: value))
            case (3, .bytes(let value)): isCompressed = try bool(value)
            case (_, _): break
            }
        }
    }
}

/// A message whose first field is a `Payload` of so many zeros: `SimpleResponse` and `StreamingOutputCallResponse`.
func response(payloadSize: Int) -> ByteBuffer {
    var payload = WireWriter()
    payload.write(ByteBuffer(repeating: 0, count: payloadSize), field: 2)
    var response = WireWriter()
    response.write(payload.message, field: 1)
    return response.message
}

/// `StreamingInputCallResponse`.
func response(aggregatedPayloadSize: Int) -> ByteBuffer {
    var response = WireWriter()
    response.write(aggregatedPayloadSize, field: 1)
    return response.message
}

/// The size of a `Payload`'s body.
private func bodySize(ofPayload bytes: ByteBuffer) throws(Status) -> Int {
    var reader = WireReader(bytes)
    var size = 0
    while let field = try reader.next() {
        if case (2, .bytes(let body)) = field { size = body.readableBytes }
    }
    return size
}

/// A `BoolValue`.
private func bool(_ bytes: ByteBuffer) throws(Status) -> Bool {
    var reader = WireReader(bytes)
    var result = false
    while let field = try reader.next() {
        if case (1, .number(let value)) = field { result = value != 0 }
    }
    return result
}

/// The size of a payload that is asked for; more than any test case wants is refused.
private func payloadSize(_ value: UInt64) throws(Status) -> Int {
    guard value <= 16 * 1024 * 1024 else { throw Status(.invalidArgument, "a response size of \(value)") }
    return Int(value)
}
