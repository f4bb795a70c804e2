internal import Messages
internal import NIOCore
internal import Store

/// Lets a call wait until a run has ended: it watches the run's events as any viewer does.
struct RunWaiting: Sendable {
    let store: Store
    let fanouts: Fanouts
    let loops: any EventLoopGroup
    /// After this the call is answered with the run as it is then.
    let limit: TimeAmount

    /// Cancelling the task ends the wait, and with it what was watched for it alone.
    ///
    /// - Parameter orForQuestion: return as well when the run asks something.
    func wait(_ thread: String, _ run: String, orForQuestion: Bool = false) async throws -> Run {
        let extent = try await store.extent(ofRun: run, on: thread)
        // The state is read after the place in the log from which on is watched: what happens in between is seen.
        let state = try await store.run(thread, run)
        if state.hasEnded || orForQuestion && state.requiresAction { return state }
        let part = Viewer.Request.RunPart(id: run, start: extent.start, end: extent.end, ahead: extent.ahead)
        let request = Viewer.Request(start: .after(extent.newest), run: part)
        let loop = loops.next()
        let (sink, watched) = try await loop.submit {
            let sink = WaitingSink(on: loop, asks: orForQuestion)
            fanouts.fanout(on: loop).watch(thread, request, sink: sink)
            return (NIOLoopBound(sink, eventLoop: loop), sink.watched(upTo: limit))
        }.get()
        // A future does not hear of it when the task that waits for it is cancelled.
        try await withTaskCancellationHandler {
            try await watched.get()
        } onCancel: {
            loop.execute { sink.value.leave(StoreError(.unavailable, "the request was cancelled")) }
        }
        return try await store.run(thread, run)
    }
}

/// Takes a run's events to nowhere, and tells when the one came that is waited for. Lives on its loop.
private final class WaitingSink: EventSink {
    private let done: EventLoopPromise<Void>
    private let asks: Bool
    var observer: (any EventSinkObserver)?
    private var timer: Scheduled<Void>?
    private(set) var isOver = false
    let isWritable = true

    init(on loop: any EventLoop, asks: Bool) {
        done = loop.makePromise()
        self.asks = asks
    }

    /// Fulfilled when the event has come or the time is over.
    func watched(upTo limit: TimeAmount) -> EventLoopFuture<Void> {
        let loop = done.futureResult.eventLoop
        if !isOver { timer = loop.assumeIsolated().scheduleTask(in: limit) { [weak self] in self?.leave() } }
        return done.futureResult
    }

    func begin() {}

    func send(_ item: StreamItem) {
        if asks, item.type == "run_requires_action" { leave() }
    }

    func finish(_ error: StoreError?) {
        guard !isOver else { return }
        isOver = true
        timer?.cancel()
        if let error { done.fail(error) } else { done.succeed() }
    }

    func leave(_ error: StoreError? = nil) {
        finish(error)
        observer?.sinkClosed()
    }
}
