internal import HTTP
internal import Messages
internal import NIOCore
internal import Store

/// A viewer's server-sent events (HTML, section 9.2). An error before the first event is an ordinary answer in JSON.
final class SSESink: EventSink {
    private static let preamble = ByteBuffer(string: "retry: 1000\n\n")

    private let exchange: Exchange
    private let answer: Answer
    private(set) var isOver: Bool
    var observer: (any EventSinkObserver)?

    /// The exchange holds the sink until it has ended.
    init(_ exchange: Exchange, _ answer: Answer) {
        self.exchange = exchange
        self.answer = answer
        isOver = exchange.isClosed
        guard !isOver else { return }
        exchange.onWritable = { self.observer?.sinkBecameWritable() }
        exchange.onClose = { _ in
            self.isOver = true
            self.observer?.sinkClosed()
        }
        exchange.onDrain = {
            self.isOver = true
            self.observer?.sinkDrains()
        }
    }

    var isWritable: Bool { exchange.isWritable }

    func begin() {
        let head = answer.head(
            200,
            [("content-type", "text/event-stream"), ("cache-control", "no-cache"), ("x-accel-buffering", "no")]
        )
        exchange.start(head)
        exchange.write(Self.preamble)
        // HEAD asks for what GET would begin with, and no more.
        if exchange.request.method == "HEAD" { exchange.finish() }
    }

    func send(_ item: StreamItem) { exchange.write(item.sseFrame) }

    func finish(_ error: StoreError?) {
        if let error {
            guard exchange.hasResponded else { return answer.fail(error, on: exchange) }
            let failure = Failure(code: error.code.rawValue, message: error.message)
            send(StreamItem(unstored: Event(type: "error", time: .unixMilliseconds, payload: .error(failure))))
        } else if !exchange.hasResponded {
            begin()
        }
        exchange.finish()
    }
}
