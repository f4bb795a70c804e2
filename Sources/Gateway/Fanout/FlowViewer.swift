internal import Messages
internal import NIOCore
internal import Store

/// One client's stream of a legacy stream's entries, `stream:{flow_uuid}:{flow_input_uuid}`.
///
/// Whoever writes such a stream announces nothing, so it is polled with every tick of its ``Fanout``.
final class FlowViewer: EventSinkObserver {
    private static let pageSize = 64

    private let sink: any EventSink
    private let read: (EventID, Int, @escaping (Result<[FlowEvent], StoreError>) -> Void) -> Void
    private let onEnd: (FlowViewer) -> Void
    private var cursor: EventID
    private var isReading = false
    private var hasBegun = false
    private var hasEnded = false
    private var lastSent = NIODeadline.now()

    init(
        cursor: EventID,
        sink: any EventSink,
        read: @escaping (EventID, Int, @escaping (Result<[FlowEvent], StoreError>) -> Void) -> Void,
        onEnd: @escaping (FlowViewer) -> Void
    ) {
        self.cursor = cursor
        self.sink = sink
        self.read = read
        self.onEnd = onEnd
        sink.observer = self
    }

    func poll() {
        guard !isReading, !hasEnded, !hasBegun || sink.isWritable else { return }
        isReading = true
        read(cursor, Self.pageSize) { [self] result in
            isReading = false
            guard !hasEnded else { return }
            switch result {
            case .failure(let error):
                // An outage does not end a stream that has begun: the next tick tries again.
                if !hasBegun || error.code != .unavailable { end(error) }
            case .success(let events): take(events)
            }
        }
    }

    private func take(_ events: [FlowEvent]) {
        if !hasBegun {
            hasBegun = true
            sink.begin()
            if events.isEmpty { send(notice("waiting")) }
        }
        for event in events where !hasEnded {
            cursor = EventID(event.id) ?? cursor
            send(StreamItem(event))
        }
        if events.count == Self.pageSize { poll() }
    }

    func tick(_ now: NIODeadline, keepAlive: TimeAmount) {
        poll()
        guard hasBegun, !hasEnded, sink.isWritable, now - lastSent >= keepAlive else { return }
        send(notice("keep_alive"))
    }

    private func notice(_ type: String) -> StreamItem {
        let event = FlowEvent(type: type, data: "{}")
        return StreamItem(type: type, id: nil, message: ByteBuffer(bytes: event.serialized())) { _ in Array("{}".utf8) }
    }

    private func send(_ item: StreamItem) {
        lastSent = .now()
        sink.send(item)
    }

    // MARK: The end

    func sinkBecameWritable() { poll() }
    func sinkClosed() { leave() }
    func sinkDrains() { end(nil) }

    private func end(_ error: StoreError?) {
        guard !hasEnded else { return }
        sink.finish(error)
        leave()
    }

    private func leave() {
        guard !hasEnded else { return }
        hasEnded = true
        sink.observer = nil
        onEnd(self)
    }
}
