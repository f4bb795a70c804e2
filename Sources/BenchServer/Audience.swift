import NIOCore
import RPC

/// The streams that all get the same messages; bound to the one event loop there is.
final class Audience {
    private let framed = frame(ByteBuffer(repeating: messageByte, count: messageLength))
    private var members: [ObjectIdentifier: Member] = [:]

    func join(_ stream: ServerStream) {
        let member = Member(stream, framed)
        members[ObjectIdentifier(stream)] = member
        stream.onWritable = { member.pay() }
        stream.onClose = { [unowned stream] in self.members[ObjectIdentifier(stream)] = nil }
        stream.start()
    }

    /// Sends everybody the message so many times, then ends their streams.
    func tell(times: Int) {
        for member in Array(members.values) { member.tell(times) }
    }
}

/// A stream and how many messages it was not able to send yet.
private final class Member {
    private let stream: ServerStream
    private let framed: ByteBuffer
    private var owed = 0
    private var hasEnded = false

    init(_ stream: ServerStream, _ framed: ByteBuffer) {
        self.stream = stream
        self.framed = framed
    }

    func tell(_ times: Int) {
        owed += times
        hasEnded = true
        pay()
    }

    func pay() {
        var hasRoom = stream.isWritable
        while owed > 0, hasRoom {
            owed -= 1
            hasRoom = stream.send(framed: framed)
        }
        if hasEnded, owed == 0 { stream.finish(.ok) }
    }
}
