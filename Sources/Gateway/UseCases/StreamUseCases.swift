internal import Messages
internal import NIOCore
internal import Store

/// Watching threads, runs and legacy flows.
struct StreamUseCases: Sendable {
    let store: Store
    let runs: RunUseCases

    var endpoints: [Endpoint] {
        [
            .streaming(.streamThread, streamThread),
            .streaming(.executeAndStream, executeAndStream),
            .streaming(.streamFlow, streamFlow),
        ]
    }

    @Sendable private func streamThread(
        _ request: StreamThreadRequest,
        _ caller: Caller,
        _ sink: any EventSink,
        _ fanout: Fanout
    ) throws {
        let lastID = request.lastID.isEmpty ? caller.lastEventID ?? "" : request.lastID
        let start = try Self.start(lastID)
        let onGap = try Self.onGap(request.onGap)
        if request.runID.isEmpty {
            fanout.watch(request.threadID, Viewer.Request(start: start, onGap: onGap), sink: sink)
        } else {
            fanout.watch(request.threadID, sink: sink) {
                let extent = try await store.extent(ofRun: request.runID, on: request.threadID)
                return Viewer.Request(request.runID, Self.start(start, within: extent), extent, onGap)
            }
        }
    }

    @Sendable private func executeAndStream(
        _ request: ExecuteRunRequest,
        _ caller: Caller,
        _ sink: any EventSink,
        _ fanout: Fanout
    ) throws {
        let start = try Self.start(caller.lastEventID ?? "")
        fanout.watch(request.threadID, sink: sink) {
            let (run, _) = try await runs.execute(request, caller)
            let extent = try await store.extent(ofRun: run.runID, on: run.threadID)
            return Viewer.Request(run.runID, Self.start(start, within: extent), extent)
        }
    }

    @Sendable private func streamFlow(
        _ request: StreamFlowRequest,
        _ caller: Caller,
        _ sink: any EventSink,
        _ fanout: Fanout
    ) throws {
        let lastID = request.lastID.isEmpty ? caller.lastEventID ?? "" : request.lastID
        guard case .after(let cursor) = try Self.start(lastID) else {
            throw StoreError(.invalid, "a legacy stream begins with an id or with 0", field: "last_id")
        }
        fanout.watchFlow(request.flowUUID, request.flowInputUUID, after: cursor, sink: sink)
    }

    private static func start(_ lastID: String) throws(StoreError) -> Viewer.Request.Start {
        switch lastID {
        case "", "0": return .after(.zero)
        case "$": return .newest
        default:
            guard let id = EventID(lastID) else {
                let form = "must be the id of an event (milliseconds-counter), 0 for the oldest or $ for what is new"
                throw StoreError(.invalid, form, field: "last_id")
            }
            return .after(id)
        }
    }

    private static func onGap(_ word: String) throws(StoreError) -> Viewer.Request.OnGap {
        switch word {
        case "", "snapshot": return .snapshot
        case "error": return .error
        default: throw StoreError(.invalid, "must be snapshot or error", field: "on_gap")
        }
    }

    /// Not before the run; and if the run has ended, not after its last event, so that the stream tells of the end. A run may end at
    /// any moment, so what is new is counted from when it was seen to go on, not from when the stream begins.
    private static func start(_ start: Viewer.Request.Start, within extent: RunExtent) -> Viewer.Request.Start {
        switch (start, extent.end) {
        case (.newest, nil): .after(extent.newest)
        case (.newest, let end?): .after(end.predecessor)
        case (.after(let id), let end?): .after(min(max(id, extent.start), end.predecessor))
        case (.after(let id), nil): .after(max(id, extent.start))
        }
    }
}

extension Viewer.Request {
    fileprivate init(_ run: String, _ start: Start, _ extent: RunExtent, _ onGap: OnGap = .snapshot) {
        let run = RunPart(id: run, start: extent.start, end: extent.end, ahead: extent.ahead)
        self.init(start: start, run: run, onGap: onGap)
    }
}
