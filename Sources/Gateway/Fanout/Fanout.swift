internal import Logging
internal import Messages
public import NIOCore
internal import Store

#if canImport(Glibc)
internal import Glibc
#endif

/// All who watch on one event loop, and the one Redis subscription that serves them.
///
/// Made, used and closed on its loop. A thread that nobody watches costs nothing here.
final class Fanout {
    private let store: Store
    private let loop: any EventLoop
    private let subscriptions: Subscriptions
    private let intervals: StreamIntervals
    private var feeds: [String: ThreadFeed] = [:]
    private var flows: [ObjectIdentifier: FlowViewer] = [:]
    private var ticker: Scheduled<Void>?

    init(store: Store, loop: any EventLoop, intervals: StreamIntervals, logger: Logger) {
        self.store = store
        self.loop = loop
        self.intervals = intervals
        subscriptions = Subscriptions(store: store, loop: loop, logger: logger)
    }

    /// Streams a thread's events into the sink until the peer leaves, the request's run ends or the thread is deleted.
    func watch(_ thread: String, _ request: Viewer.Request, sink: any EventSink) {
        guard !sink.isOver else { return sink.finish(nil) }
        startTicking()
        _ = (feeds[thread] ?? open(thread)).watch(request, sink: sink)
    }

    /// Finds out what of a thread is to be watched, then streams it. What cannot be found ends the sink with the error.
    func watch(
        _ thread: String,
        sink: any EventSink,
        _ request: @escaping @Sendable () async throws -> Viewer.Request
    ) {
        let found = loop.makePromise(of: Viewer.Request.self)
        found.completeWithTask(request)
        found.futureResult.assumeIsolated().whenComplete { result in
            switch result {
            case .success(let request): self.watch(thread, request, sink: sink)
            case .failure(let error): sink.finish(StoreError(describing: error))
            }
        }
    }

    /// Streams a legacy stream's entries into the sink until the peer leaves.
    func watchFlow(_ flow: String, _ input: String, after cursor: EventID, sink: any EventSink) {
        guard !sink.isOver else { return sink.finish(nil) }
        let viewer = FlowViewer(cursor: cursor, sink: sink) { [store, loop] cursor, count, completion in
            store.flow(flow, input, after: cursor, count: count, on: loop, completion: completion)
        } onEnd: { [weak self] viewer in
            self?.flows[ObjectIdentifier(viewer)] = nil
        }
        flows[ObjectIdentifier(viewer)] = viewer
        startTicking()
        viewer.poll()
    }

    func close() {
        ticker?.cancel()
        subscriptions.close()
    }

    private func open(_ thread: String) -> ThreadFeed {
        let reader = ThreadFeed.Reader { [store, loop] cursor, count, completion in
            store.page(of: thread, after: cursor, count: count, on: loop, completion: completion)
        } state: { [store, loop] completion in
            store.state(of: thread, on: loop, completion: completion)
        }
        let feed = ThreadFeed(thread: thread, reader: reader) { [weak self] in
            self?.feeds[thread] = nil
            self?.subscriptions.unwatch(thread: thread)
        }
        feeds[thread] = feed
        subscriptions.watch(
            thread: thread,
            onReady: { [weak feed] in feed?.becameReady() },
            onEvents: { [weak feed] in feed?.announced($0) },
            onGap: { [weak feed] in feed?.mayHaveMissed() }
        )
        return feed
    }

    /// One timer for all viewers of the loop, while there are any.
    private func startTicking() {
        guard ticker == nil else { return }
        ticker = loop.assumeIsolated().scheduleTask(in: intervals.tick) { [weak self] in
            self?.ticker = nil
            self?.tick()
        }
    }

    private func tick() {
        let now = NIODeadline.now()
        for feed in feeds.values { feed.tick(now, intervals) }
        for flow in flows.values { flow.tick(now, keepAlive: intervals.keepAlive) }
        if !feeds.isEmpty || !flows.isEmpty { startTicking() }
    }
}

/// How often streams say something without an event to tell of.
public struct StreamIntervals: Sendable {
    /// A stream on which nothing was sent for so long gets `keep_alive`.
    public var keepAlive = TimeAmount.seconds(10)
    /// While a run is queued its viewers get `waiting` so often.
    public var waiting = TimeAmount.seconds(5)
    /// How often the two are looked after; also how often legacy streams are polled.
    public var tick = TimeAmount.milliseconds(250)

    public init() {}
}

extension Int64 {
    /// The wall clock's time in milliseconds since 1970.
    static var unixMilliseconds: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
    }
}
