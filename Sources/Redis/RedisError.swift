/// Why a command has no reply, or which error the server replied.
public struct RedisError: Error, Sendable, CustomStringConvertible {
    public enum Code: Sendable, Hashable {
        /// No connection, or too many commands wait on it already. Fails at once; worth another try later.
        case unavailable
        /// No reply within the command's time limit. The connection was closed, as replies would be out of step.
        case timeout
        /// The server replied with an error; ``RedisError/message`` is its text, prefix included.
        case server
        /// The peer sent what is no RESP2, or a reply beyond the limits.
        case `protocol`
        /// The client was closed by its owner.
        case closed
        /// The calling task was cancelled.
        case cancelled
        /// A URL, path or setting cannot be used.
        case configuration
    }

    public var code: Code
    /// Plain text without secrets.
    public var message: String
    public var cause: (any Error)?
    /// Whether the command had been handed to the connection, so that it may have taken effect though no reply came.
    public var isInDoubt: Bool

    public init(_ code: Code, _ message: String, cause: (any Error)? = nil, isInDoubt: Bool = false) {
        self.code = code
        self.message = message
        self.cause = cause
        self.isInDoubt = isInDoubt
    }

    /// The first word of a server's error (`NOSCRIPT`, `NOGROUP`, `BUSY`, `OOM`, `LOADING`, `READONLY`, `MASTERDOWN`,
    /// ...), `nil` for any other code.
    public var prefix: String? {
        guard code == .server else { return nil }
        return message.split(separator: " ", maxSplits: 1).first.map(String.init)
    }

    public var description: String {
        let doubt = isInDoubt ? " (the command may have taken effect)" : ""
        return "redis: \(message)\(doubt)" + (cause.map { ": \($0)" } ?? "")
    }
}
