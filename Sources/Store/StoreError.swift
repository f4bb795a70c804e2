internal import Redis

/// Why the store did not do what it was asked to: the one error of this room.
///
/// The gateway has one table that turns a code into a gRPC status and an HTTP status.
public struct StoreError: Error, Sendable, CustomStringConvertible {
    public enum Code: String, Sendable {
        /// There is no such thread or run.
        case notFound = "not_found"
        /// The idempotency key stands for another request.
        case conflict
        /// Not in this state: a run is active on the thread, or is not where the request takes it to be.
        case busy
        /// A bound is reached: too many runs wait on a thread.
        case exhausted
        /// An argument cannot be meant: see ``StoreError/field``.
        case invalid = "invalid_argument"
        /// What was asked for has been there and is no more: events that were trimmed.
        case gone
        /// Redis does not answer, or refuses to write. Worth another try; nothing that was not stored has been accepted.
        case unavailable
        /// A worker wrote for an attempt that is no longer its own, and must stop; or a change was meant for another version.
        case stale
        /// Redis answered what this room does not understand.
        case `internal`
    }

    public let code: Code
    public let message: String
    /// The argument at fault, by its name in the contract.
    public let field: String?
    /// Whether the request may have taken effect all the same: its answer was lost.
    public private(set) var isInDoubt = false

    public init(_ code: Code, _ message: String, field: String? = nil) {
        self.code = code
        self.message = message
        self.field = field
    }

    public var description: String { message }

    /// Errors with which a server says that it cannot serve now, rather than that the command is wrong.
    private static let transientPrefixes: Set<String> = [
        "LOADING", "MASTERDOWN", "READONLY", "OOM", "MISCONF", "NOREPLICAS", "BUSY", "TRYAGAIN", "CLUSTERDOWN",
    ]

    init(_ error: RedisError) {
        switch error.code {
        case .unavailable, .timeout, .closed:
            self.init(.unavailable, "Redis is not available: \(error.message)")
        case .server where error.prefix.map(Self.transientPrefixes.contains) ?? false:
            self.init(.unavailable, "Redis cannot serve the request: \(error.message)")
        case .cancelled:
            self.init(.unavailable, "the request was cancelled")
        case .server, .protocol, .configuration:
            self.init(.internal, "Redis: \(error.message)")
        }
        isInDoubt = error.isInDoubt
    }

    static func unexpected(_ reply: RESPValue, of script: String) -> StoreError {
        StoreError(.internal, "the script \(script) answered something unexpected: \(reply)")
    }

    public static func threadNotFound(_ id: String) -> StoreError {
        StoreError(.notFound, "thread \(id) does not exist", field: "thread_id")
    }

    static func runNotFound(_ id: String) -> StoreError {
        StoreError(.notFound, "run \(id) does not exist on this thread", field: "run_id")
    }
}
