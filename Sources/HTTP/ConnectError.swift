import Glibc
import NIOCore
import NIOPosix

/// Why a client has no connection to its server.
public struct ConnectError: Error, Sendable, CustomStringConvertible {
    /// For people, without the server's address.
    public let message: String
    public let cause: (any Error)?

    init(_ message: String, cause: (any Error)? = nil) {
        self.message = message
        self.cause = cause
    }

    /// Says what the system said, without NIO's account of the addresses that it tried.
    init(describing error: any Error) {
        switch error {
        case let error as ConnectError: self = error
        case let error as NIOConnectionError: self.init(describing: error)
        case let error as IOError: self.init(String(cString: strerror(error.errnoCode)), cause: error)
        case ChannelError.connectTimeout: self.init("no answer", cause: error)
        case _: self = ConnectError(describingTLS: error) ?? ConnectError("\(error)", cause: error)
        }
    }

    private init(describing error: NIOConnectionError) {
        if let last = error.connectionErrors.last {
            self.init(describing: last.error)
        } else if error.dnsAError != nil || error.dnsAAAAError != nil {
            self.init("the name of the host cannot be resolved", cause: error)
        } else {
            self.init("\(error)", cause: error)
        }
    }

    public var description: String { message }
}
