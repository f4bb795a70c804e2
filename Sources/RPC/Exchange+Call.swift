import HTTP
import NIOCore

/// The parts of a gRPC response (the Responses section of the gRPC HTTP/2 protocol).
extension Exchange {
    /// How messages can be compressed for this caller; nil if it takes them only as they are.
    var acceptedCompression: Compression? { Compression(acceptedBy: request.headers["grpc-accept-encoding"]) }

    /// - Parameter compression: what messages may be compressed with.
    func startCall(_ initial: Metadata = Metadata(), compression: Compression? = nil) {
        if compression == nil, initial.isEmpty { return start(PreparedHead.call) }
        var head = ResponseHead.call
        if let compression { head.headers.add("grpc-encoding", compression.rawValue) }
        initial.append(to: &head.headers)
        start(head)
    }

    /// - Parameter compression: what this message is compressed with; it was announced at the start.
    /// - Returns: whether there is room for another message.
    @discardableResult
    func writeMessage(_ message: ByteBuffer, compression: Compression? = nil) -> Bool {
        if let compression, let compressed = compression.compress(message) {
            return write(compressed, after: Framing.prefix(ofLength: compressed.readableBytes, flag: 1))
        }
        return write(message, after: Framing.prefix(ofLength: message.readableBytes, flag: 0))
    }

    /// Ends the call: with trailers, or, where nothing was sent, with the one head that is head and trailers in one.
    func finishCall(_ status: Status, trailing: Metadata = Metadata()) {
        guard hasResponded else { return finish(ResponseHead(failing: status, trailing: trailing)) }
        if status.isPlainOK, trailing.isEmpty { finish(.ok) } else { finish(trailers: status.trailers(trailing)) }
    }

    /// Sends all of a unary call's answer.
    func finishCall(_ reply: Reply) {
        let compression = reply.isCompressed ? acceptedCompression : nil
        startCall(reply.initialMetadata, compression: compression)
        writeMessage(reply.message, compression: compression)
        finishCall(.ok, trailing: reply.trailingMetadata)
    }

    /// Holds the call to its deadline: `expire` is to end it then, unless it has ended. The timer is the call's to cancel
    /// when the exchange is closed.
    ///
    /// An answer can be stuck behind a window that the caller keeps closed; then a reset follows a second later.
    func schedule(_ options: CallOptions, _ expire: @escaping () -> Void) -> Scheduled<Void>? {
        guard let deadline = options.deadline, let stuckDeadline = options.stuckDeadline else { return nil }
        let loop = eventLoop.assumeIsolated()
        return loop.scheduleTask(deadline: deadline) {
            expire()
            loop.scheduleTask(deadline: stuckDeadline) { self.reset() }
        }
    }
}

extension ResponseHead {
    fileprivate static let call = ResponseHead(status: 200, headers: ["content-type": "application/grpc"])

    /// The one head that is head and trailers of a call that fails before it has answered anything.
    init(failing status: Status, trailing: Metadata = Metadata()) {
        self = .call
        if status.code == .unimplemented { headers.add("grpc-accept-encoding", Compression.accepted) }
        for field in status.trailers(trailing) { headers.add(field.name, field.value) }
    }
}

extension PreparedHead {
    /// What the answer to a call begins with, unless it has metadata of its own.
    static let call = PreparedHead(ResponseHead.call)
}

extension PreparedTrailers {
    /// What a call ends with that went well and has no more to say.
    static let ok = PreparedTrailers(Status.ok.trailers())
}

extension Status {
    static let deadlinePassed = Status(.deadlineExceeded, "the deadline has passed")
}
