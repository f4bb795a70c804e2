import HTTP
public import NIOCore

/// What a handler is told about its call.
public struct CallContext: Sendable {
    private let head: RequestHead
    /// When the caller gives the call up. The server answers DEADLINE_EXCEEDED then, whatever the handler does.
    public let deadline: NIODeadline?
    /// Of a call with one request message: whether it came compressed.
    public let requestWasCompressed: Bool

    init(_ request: RequestHead, _ options: CallOptions, requestWasCompressed: Bool = false) {
        head = request
        deadline = options.deadline
        self.requestWasCompressed = requestWasCompressed
    }

    /// The method called: `/package.Service/Method`.
    public var path: String { head.path }
    public var metadata: Metadata { Metadata(head.headers) }
    public var remoteAddress: SocketAddress? { head.remoteAddress }
    public var authority: String { head.authority }
    /// In an asynchronous handler: whether the call is over, by the caller's wish, its deadline, or its disappearance.
    public var isCancelled: Bool { Task.isCancelled }
}
