import NIOCore

/// A client's call as it is seen from outside its event loop. Its end is the end of everyone's interest in the call.
final class ClientCallHandle: Sendable {
    private let call: NIOLoopBound<ClientCall>
    private let eventLoop: any EventLoop
    let outlet: MessageOutlet<ClientCall>

    /// On the event loop.
    init(_ call: ClientCall) {
        eventLoop = call.eventLoop
        self.call = NIOLoopBound(call, eventLoop: eventLoop)
        outlet = MessageOutlet(call, eventLoop: eventLoop)
    }

    deinit {
        eventLoop.execute { [call] in call.value.cancel() }
    }

    /// Messages, at least one; none at the end. Cancelling the task cancels the call.
    func next() async throws -> [InboundMessage] {
        try await cancellingCall {
            try await withCheckedThrowingContinuation { continuation in
                eventLoop.execute { [call] in call.value.inbox.next(continuation) }
            }
        }
    }

    func initialMetadata() async throws -> Metadata {
        try await cancellingCall {
            try await withCheckedThrowingContinuation { continuation in
                eventLoop.execute { [call] in call.value.initialMetadata(continuation) }
            }
        }
    }

    /// The only message of a call that is to have one.
    func single() async throws -> ByteBuffer {
        var responses = RPCResponseStream(self).makeAsyncIterator()
        guard let message = try await responses.next() else { throw Status(.internal, "the reply has no message") }
        guard try await responses.next() == nil else { throw Status(.internal, "the reply has a second message") }
        return message
    }

    var hasEnded: Bool {
        get async throws { try await outlet.perform { $0.trailing != nil } }
    }

    /// Nil before the end.
    func trailingMetadata() async throws -> Metadata? {
        try await outlet.perform { $0.trailing }
    }

    private func cancellingCall<T: Sendable>(_ body: () async throws -> T) async throws -> T {
        try await withTaskCancellationHandler(operation: body) {
            eventLoop.execute { [call] in call.value.cancel() }
        }
    }
}
