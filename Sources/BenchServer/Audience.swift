import NIOCore
import RPC

/// The streams that all get the same messages; bound to the one event loop there is.
final class Audience {
    fileprivate let framed = frame(ByteBuffer(repeating: messageByte, count: messageLength))
    private var members: [Member] = []

    func join(_ stream: ServerStream) {
        let member = Member(stream, of: self)
        members.append(member)
        stream.onWritable = { member.pay() }
        stream.onClose = { member.leave() }
        stream.start()
    }

    /// Sends everybody the message so many times, then ends their streams.
    func tell(times: Int) {
        for member in members { member.tell(times) }
        members = []
    }
}

/// A stream and how many messages it was not able to send yet.
private final class Member {
    /// Nil when it has ended.
    private var stream: ServerStream?
    private unowned let audience: Audience
    /// Below 0 before it has been told of any.
    private var owed = -1

    init(_ stream: ServerStream, of audience: Audience) {
        self.stream = stream
        self.audience = audience
    }

    func leave() {
        stream = nil
    }

    func tell(_ times: Int) {
        owed = max(0, owed) + times
        pay()
    }

    func pay() {
        guard let stream, owed >= 0 else { return }
        var hasRoom = stream.isWritable
        while owed > 0, hasRoom {
            owed -= 1
            hasRoom = stream.send(framed: audience.framed)
        }
        if owed == 0 { stream.finish(.ok) }
    }
}
