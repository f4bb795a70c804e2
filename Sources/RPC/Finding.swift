import HTTP

/// What a request's head is to a ``MethodRouter``: found out once for all requests that have it.
final class Finding {
    enum Outcome {
        case call(MethodRouter.Method, CallOptions)
        /// Meant as a call, which fails with this.
        case failed(Status)
        /// Refused in terms of HTTP.
        case refused(ResponseHead)
        /// Nothing of the router's.
        case foreign
    }

    let outcome: Outcome
    /// The handler and the options of a call that can be answered at once.
    let local: MethodRouter.LocalHandler?
    let options: CallOptions?

    init(_ outcome: Outcome) {
        self.outcome = outcome
        if case .call(.local(let handler), let options) = outcome, !options.isExpired {
            (local, self.options) = (handler, options)
        } else {
            (local, options) = (nil, nil)
        }
    }
}
