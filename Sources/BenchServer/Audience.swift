import NIOCore
import RPC

/// The streams that all get the same messages; bound to the one event loop there is.
final class Audience {
    private let eventLoop: any EventLoop
    private let framed = frame(message())
    private var members: [ObjectIdentifier: Member] = [:]

    init(eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
    }

    func join(_ stream: ServerStream) {
        let member = Member(stream, framed)
        members[ObjectIdentifier(stream)] = member
        stream.onWritable = { member.pay() }
        stream.onClose = { [unowned stream] in self.members[ObjectIdentifier(stream)] = nil }
        stream.start()
    }

    /// Sends everybody a message in each of so many turns of the loop, then ends their streams.
    func tell(rounds: Int) {
        for member in members.values { rounds > 0 ? member.owe() : member.end() }
        guard rounds > 0 else { return }
        let audience = NIOLoopBound(self, eventLoop: eventLoop)
        eventLoop.execute { audience.value.tell(rounds: rounds - 1) }
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

    func owe() {
        owed += 1
        // With more than one the stream was full, and says when it is not.
        if owed == 1 { pay() }
    }

    func end() {
        hasEnded = true
        pay()
    }

    func pay() {
        while owed > 0, stream.isWritable {
            owed -= 1
            stream.send(framed: framed)
        }
        if hasEnded, owed == 0 { stream.finish(.ok) }
    }
}
