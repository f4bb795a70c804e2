import NIOCore
import RPC

/// The streams that all get the same messages; bound to the one event loop there is.
final class Audience {
    private let framed = frame(ByteBuffer(repeating: messageByte, count: messageLength))
    private var members: [Member] = []

    func join(_ stream: ServerStream) {
        let member = Member(stream)
        members.append(member)
        stream.onWritable = { member.pay() }
        stream.onClose = { member.leave() }
        stream.start()
    }

    /// Sends everybody the message so many times, then ends their streams.
    func tell(times: Int) {
        for member in members { member.tell(framed, times) }
        members = []
    }
}

/// A stream and how many messages it was not able to send yet.
private final class Member {
    /// Nil when it has ended.
    private var stream: ServerStream?
    /// The message, once there is one.
    private var framed: ByteBuffer?
    private var owed = 0

    init(_ stream: ServerStream) {
        self.stream = stream
    }

    func leave() {
        stream = nil
    }

    func tell(_ framed: ByteBuffer, _ times: Int) {
        self.framed = framed
        owed += times
        pay()
    }

    func pay() {
        guard let stream, let framed else { return }
        var hasRoom = stream.isWritable
        while owed > 0, hasRoom {
            owed -= 1
            hasRoom = stream.send(framed: framed)
        }
        if owed == 0 { stream.finish(.ok) }
    }
}
