/// Why a model gave no answer. Never holds a key, and of the conversation at most what the provider quotes.
public struct ModelError: Error, Sendable, Hashable, CustomStringConvertible {
    public enum Code: String, Sendable {
        /// The key is missing, wrong, or not allowed to use the model.
        case authentication
        case invalidRequest
        case rateLimited
        /// A limit of spending or of a plan is reached.
        case quotaExceeded
        case overloaded
        /// The provider failed, or could not be reached.
        case unavailable
        /// Nothing came for too long.
        case timeout
        /// The conversation is longer than the model takes.
        case contextWindow
        case refused
        /// What came is not in the provider's format, or ends too early.
        case `protocol`
        case unknownModel
    }

    public let code: Code
    public let message: String
    /// Whether the same request may succeed later.
    public let isRetryable: Bool
    /// How long the provider asks to wait.
    public let retryAfter: Duration?
    /// The HTTP status, where there was an answer.
    public let providerStatus: Int?

    public init(
        _ code: Code,
        _ message: String,
        isRetryable: Bool = false,
        retryAfter: Duration? = nil,
        providerStatus: Int? = nil
    ) {
        self.code = code
        self.message = message
        self.isRetryable = isRetryable
        self.retryAfter = retryAfter
        self.providerStatus = providerStatus
    }

    public var description: String { "\(code.rawValue): \(message)" }

    /// An answer that broke off or makes no sense; asking again may help.
    static func malformed(_ message: String) -> ModelError { ModelError(.protocol, message, isRetryable: true) }
}
