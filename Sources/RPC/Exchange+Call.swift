import HTTP
import NIOCore

/// The parts of a gRPC response (the Responses section of the gRPC HTTP/2 protocol).
extension Exchange {
    private static let plainHead = ResponseHead(status: 200, headers: ["content-type": "application/grpc"])

    func startCall(_ initial: Metadata = Metadata()) {
        guard !initial.isEmpty else { return start(Self.plainHead) }
        var head = Self.plainHead
        initial.append(to: &head.headers)
        start(head)
    }

    func writeMessage(_ message: ByteBuffer) {
        let (first, second) = Framing.buffers(message)
        write(first)
        if let second { write(second) }
    }

    /// Ends the call: with trailers, or, where nothing was sent, with the one head that is head and trailers in one.
    func finishCall(_ status: Status, trailing: Metadata = Metadata()) {
        guard !hasResponded else { return finish(trailers: status.trailers(trailing)) }
        var head = Self.plainHead
        if status.code == .unimplemented { head.headers.add("grpc-accept-encoding", "identity") }
        for field in status.trailers(trailing) { head.headers.add(field.name, field.value) }
        finish(head)
    }
}
