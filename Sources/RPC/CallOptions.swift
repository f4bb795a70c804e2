import HTTP
import NIOCore

/// What the caller asks of the protocol, in the header fields of its request.
struct CallOptions {
    var deadline: NIODeadline?
    /// What those messages are compressed with that are.
    var compression: Compression?

    /// - Throws: INTERNAL for what is malformed, UNIMPLEMENTED for an unknown compression.
    init(_ headers: HTTPHeaders, now: @autoclosure () -> NIODeadline) throws(Status) {
        guard Self.mayHaveOptions(headers) else { return }
        if let timeout = headers["grpc-timeout"] {
            guard let amount = GRPCTimeout.parse(timeout) else {
                throw Status(.internal, "grpc-timeout is malformed")
            }
            deadline = now() + amount
        }
        compression = try Compression.named(headers["grpc-encoding"])
        guard Metadata(headers).isWellFormed else { throw Status(.internal, "a -bin header is not base64") }
    }

    /// Whether there is a name that begins with the `g` of grpc or ends with the `n` of -bin, and so needs a closer
    /// look: this is every call's way, and there are calls without.
    private static func mayHaveOptions(_ headers: HTTPHeaders) -> Bool {
        headers.containsField { name, _ in name.utf8.first == UInt8(ascii: "g") || name.utf8.last == UInt8(ascii: "n") }
    }
}
