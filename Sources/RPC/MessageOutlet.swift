import NIOCore

/// The side of a call that messages are sent on; loop-bound.
protocol MessageSink: AnyObject, SendableMetatype {
    /// Whether there is room for another message.
    var isWritable: Bool { get }
    /// Why no message can be sent any more; nil as long as one can.
    var refusal: Status? { get }
    /// Tasks that wait for room. The sink opens the gate when it is writable again, and when it refuses from now on.
    var gate: WriteGate { get }

    func send(_ message: ByteBuffer, isCompressed: Bool)
}

/// Tasks that wait until they may send; loop-bound.
final class WriteGate {
    /// One task's wait. It is over when the continuation has been resumed.
    final class Ticket {
        fileprivate var continuation: CheckedContinuation<Void, Never>?
        fileprivate var isVoid = false

        func pass() {
            isVoid = true
            continuation.take()?.resume()
        }
    }

    private var tickets: [Ticket] = []

    func wait(_ ticket: Ticket, _ continuation: CheckedContinuation<Void, Never>) {
        guard !ticket.isVoid else { return continuation.resume() }
        ticket.continuation = continuation
        tickets.append(ticket)
    }

    func open() {
        for ticket in tickets { ticket.pass() }
        tickets.removeAll()
    }
}

/// Sends messages from tasks, and lets them wait for the peer.
struct MessageOutlet<Sink: MessageSink>: Sendable {
    private let sink: NIOLoopBound<Sink>
    private let eventLoop: any EventLoop

    /// On the event loop of the sink.
    init(_ sink: Sink, eventLoop: any EventLoop) {
        self.sink = NIOLoopBound(sink, eventLoop: eventLoop)
        self.eventLoop = eventLoop
    }

    /// Queues the message, and returns when there is room for another one.
    ///
    /// - Throws: the ``Status`` that ended the call; `CancellationError` when the task is cancelled in its wait.
    func write(_ message: ByteBuffer, isCompressed: Bool) async throws {
        let isWritable = try await perform { sink in
            if let refusal = sink.refusal { throw refusal }
            sink.send(message, isCompressed: isCompressed)
            return sink.isWritable
        }
        if !isWritable { try await waitForRoom() }
    }

    /// Runs something on the loop.
    func perform<T: Sendable>(_ body: @escaping @Sendable (Sink) throws -> T) async throws -> T {
        if eventLoop.inEventLoop { return try body(sink.value) }
        return try await eventLoop.submit { [sink] in try body(sink.value) }.get()
    }

    private func waitForRoom() async throws {
        let ticket = NIOLoopBoundBox.makeBoxSendingValue(WriteGate.Ticket(), eventLoop: eventLoop)
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                eventLoop.execute { [sink] in
                    let isOpen = sink.value.isWritable || sink.value.refusal != nil
                    if isOpen { continuation.resume() } else { sink.value.gate.wait(ticket.value, continuation) }
                }
            }
        } onCancel: {
            eventLoop.execute { ticket.value.pass() }
        }
        try Task.checkCancellation()
        try await perform { sink in
            if let refusal = sink.refusal { throw refusal }
        }
    }
}
