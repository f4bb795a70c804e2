import HTTP
import NIOCore

/// What the caller asks of the protocol, in the header fields of its request.
struct CallOptions {
    /// What those messages are compressed with that are.
    let compression: Compression?
    /// When the call is given up; nil before it has begun, too.
    private(set) var deadline: NIODeadline?
    private let timeout: TimeAmount?

    /// - Throws: INTERNAL for what is malformed, UNIMPLEMENTED for an unknown compression.
    init(_ headers: HTTPHeaders) throws(Status) {
        timeout = try headers["grpc-timeout"].map { text throws(Status) in
            guard let amount = GRPCTimeout.parse(text) else { throw Status(.internal, "grpc-timeout is malformed") }
            return amount
        }
        compression = try Compression.named(headers["grpc-encoding"])
        guard Metadata(headers).isWellFormed else { throw Status(.internal, "a -bin header is not base64") }
    }

    /// The options of a call that begins now.
    func begun() -> CallOptions {
        guard let timeout else { return self }
        var options = self
        options.deadline = .now() + timeout
        return options
    }

    /// When an answer that the caller makes no room for is given up.
    var stuckDeadline: NIODeadline? { deadline.map { $0 + .seconds(1) } }

    /// Whether the caller leaves no time at all.
    var isExpired: Bool { timeout.map { $0 <= .zero } ?? false }
}
