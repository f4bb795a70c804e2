internal import RPC

/// Why a call of ``BaudClient`` failed; the one error of this module.
public struct BaudClientError: Error, Sendable, CustomStringConvertible {
    /// The status codes of gRPC, with their numbers on the wire.
    public enum Code: Int, Sendable, CaseIterable {
        case cancelled = 1
        case unknown = 2
        /// Also a URL that this client cannot use.
        case invalidArgument = 3
        case deadlineExceeded = 4
        case notFound = 5
        case alreadyExists = 6
        case permissionDenied = 7
        case resourceExhausted = 8
        case failedPrecondition = 9
        case aborted = 10
        case outOfRange = 11
        case unimplemented = 12
        /// Also an answer that cannot be read.
        case `internal` = 13
        /// There is no server at the URL, or the connection to it was lost.
        case unavailable = 14
        case dataLoss = 15
        case unauthenticated = 16
    }

    public var code: Code
    /// For people: the server's words where it answered, this module's where it did not.
    public var message: String
    /// The error underneath, where there is one.
    public var cause: (any Error)?

    public init(_ code: Code, _ message: String, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
    }

    public var description: String { message.isEmpty ? "\(code)" : "\(code): \(message)" }
}

extension BaudClientError {
    /// Translates what the rooms below throw.
    init(describing error: any Error) {
        switch error {
        case let error as BaudClientError:
            self = error
        case let status as Status:
            self.init(Code(rawValue: status.code.rawValue) ?? .unknown, status.message, cause: status)
        case is CancellationError:
            self.init(.cancelled, "the task was cancelled", cause: error)
        case _:
            self.init(.unknown, "\(error)", cause: error)
        }
    }
}
