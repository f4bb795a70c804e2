internal import Messages
internal import RPC
internal import Store

/// The one table of errors: what each code is in gRPC and in HTTP.
extension StoreError.Code {
    var grpc: Status.Code {
        switch self {
        case .notFound: .notFound
        case .conflict: .alreadyExists
        case .exhausted: .resourceExhausted
        case .invalid: .invalidArgument
        case .gone: .outOfRange
        case .unavailable: .unavailable
        case .busy, .stale: .aborted
        case .internal: .internal
        }
    }

    var http: Int {
        switch self {
        case .notFound: 404
        case .conflict, .busy, .stale: 409
        case .exhausted: 429
        case .invalid: 400
        case .gone: 410
        case .unavailable: 503
        case .internal: 500
        }
    }

    /// Seconds after which another try makes sense, for `Retry-After`.
    var retryAfter: Int? {
        switch self {
        case .exhausted, .unavailable: 1
        case .notFound, .conflict, .busy, .invalid, .gone, .stale, .internal: nil
        }
    }
}

extension StoreError {
    /// Any error of a use case. One that is not meant for clients becomes `.internal` without its text.
    init(describing error: any Error) {
        switch error {
        case let error as StoreError: self = error
        case .field(let field, let reason) as MessageError: self.init(.invalid, reason, field: field)
        case is CancellationError: self.init(.unavailable, "the request was cancelled")
        default: self.init(.internal, "internal error")
        }
    }
}

extension Status {
    /// The gRPC side of the table. Bytes that are no message of the method are INTERNAL, as the gRPC libraries have it.
    init(_ error: any Error) {
        if case .malformed(let type) as MessageError = error {
            self.init(.internal, "the request is not a valid \(type)")
        } else {
            let error = StoreError(describing: error)
            self.init(error.code.grpc, error.field.map { "\($0): \(error.message)" } ?? error.message)
        }
    }
}
