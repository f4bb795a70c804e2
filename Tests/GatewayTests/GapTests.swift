import Messages
import NIOCore
import Store
import Testing

@testable import Gateway

/// What a viewer is told of events that are no longer kept.
struct GapTests {
    @Test func `what was trimmed away under a viewer is told, with the runs in its stead, and the rest follows`() {
        let bench = ViewerBench()
        bench.store(1)
        let (_, sink) = bench.watch()
        bench.settle()
        sink.isWritable = false
        bench.emit(1000)
        bench.trim(500)
        sink.becomeWritable()
        bench.settle()
        #expect(sink.sent == [1] && bench.stateReads.count == 1)
        bench.emit()
        #expect(sink.sent == [1], "nothing is sent before the snapshot")
        bench.answerState([("a", 3), ("b", 499), ("c", 700)])
        bench.settle()
        #expect(sink.types[1...2] == ["stream_gap", "stream_snapshot"])
        #expect(sink.gaps == [StreamGap(from: 2, to: 500)])
        #expect(sink.snapshots.map { $0.runs.map(\.runID) } == [["a", "b"]], "c's first event is still to come")
        #expect(sink.snapshots.first?.seq == 500 && sink.snapshots.first?.omittedRuns == 3)
        #expect(sink.sent == [1] + Array(501...1002))
    }

    @Test func `a cursor that is no longer kept is no silent step over what followed it`() {
        let bench = ViewerBench()
        bench.store(10)
        bench.trim(6)
        let (_, sink) = bench.watch(from: .after(ViewerBench.id(4)))
        bench.settle()
        bench.answerState([])
        bench.settle()
        // How far the client had come is not known any more; that it may miss something is.
        #expect(sink.gaps == [StreamGap(from: 1, to: 6)] && sink.sent == Array(7...10))
    }

    @Test func `a cursor that is kept has missed nothing`() {
        let bench = ViewerBench()
        bench.store(10)
        bench.trim(4)
        let (_, sink) = bench.watch(from: .after(ViewerBench.id(5)))
        bench.settle()
        #expect(sink.gaps.isEmpty && sink.sent == Array(6...10))
    }

    @Test func `a log of which nothing is kept`() {
        let bench = ViewerBench()
        bench.store(10)
        bench.trim(10)
        let (_, sink) = bench.watch(from: .after(ViewerBench.id(4)))
        bench.settle()
        bench.answerState([("a", 1)])
        bench.settle()
        #expect(sink.gaps == [StreamGap(from: 1, to: 10)] && sink.snapshots.first?.runs.count == 1)
        bench.emit()
        bench.settle()
        #expect(sink.sent == [11])
    }

    @Test func `with on_gap error the stream ends`() {
        let bench = ViewerBench()
        bench.store(10)
        bench.trim(6)
        let (_, sink) = bench.watch(from: .after(ViewerBench.id(4)), onGap: .error)
        bench.settle()
        #expect(sink.ends.map(\.?.code) == [.gone] && sink.ends.first??.message.contains("1 to 6") == true)
        #expect(bench.stateReads.isEmpty && sink.sent.isEmpty && !sink.hasBegun, "the error is the whole answer")
    }

    @Test(arguments: [Viewer.Request.OnGap.snapshot, .error])
    func `from the oldest is from the oldest that is kept`(onGap: Viewer.Request.OnGap) {
        let bench = ViewerBench()
        bench.store(10)
        bench.trim(4)
        let (_, sink) = bench.watch(onGap: onGap)
        bench.settle()
        if onGap == .snapshot { bench.answerState([]) }
        bench.settle()
        #expect(sink.sent == Array(5...10) && sink.ends.isEmpty)
        #expect(sink.gaps == (onGap == .snapshot ? [StreamGap(from: 1, to: 4)] : []))
    }

    @Test(arguments: [Viewer.Request.OnGap.snapshot, .error])
    func `folded deltas are told as such, and are no error`(onGap: Viewer.Request.OnGap) {
        let bench = ViewerBench()
        bench.store(10)
        bench.fold(4...7)
        let (_, sink) = bench.watch(from: .after(ViewerBench.id(2)), onGap: onGap)
        bench.settle()
        #expect(sink.sent == [3, 8, 9, 10] && sink.ends.isEmpty && bench.stateReads.isEmpty)
        #expect(sink.gaps == (onGap == .snapshot ? [StreamGap(from: 4, to: 7, folded: true)] : []))
    }

    @Test func `an outage while the runs are read is waited out`() {
        let bench = ViewerBench()
        bench.store(10)
        bench.trim(6)
        let (viewer, sink) = bench.watch(from: .after(ViewerBench.id(4)))
        bench.settle()
        bench.failState(StoreError(.unavailable, "away"))
        #expect(sink.items.isEmpty && sink.ends.isEmpty)
        viewer.tick(after: .seconds(1))
        bench.settle()
        bench.answerState([])
        bench.settle()
        #expect(sink.gaps.count == 1 && sink.sent == Array(7...10))
    }

    @Test func `a viewer that stalls while the runs are read goes on where it was`() {
        let bench = ViewerBench()
        bench.store(10)
        bench.trim(6)
        let (viewer, sink) = bench.watch(from: .after(ViewerBench.id(4)))
        bench.settle()
        sink.isWritable = false
        viewer.tick(after: .seconds(1))
        bench.answerState([])
        sink.becomeWritable()
        bench.settle()
        #expect(sink.sent == Array(7...10))
    }

    @Test func `what is missing before a run's first event is no part of its stream`() {
        let bench = ViewerBench()
        bench.store(4, run: "a")
        bench.store(type: "run_queued", run: "b")
        bench.store(type: "run_completed", run: "b", final: true)
        bench.trim(4)
        let (_, sink) = bench.watch(
            from: .after(ViewerBench.id(4)),
            run: "b",
            runStart: ViewerBench.id(4),
            onGap: .error
        )
        bench.settle()
        #expect(sink.types == ["run_queued", "run_completed"] && sink.endedWell)
    }

    @Test func `the stream of a run whose last event is not kept ends all the same`() {
        let bench = ViewerBench()
        bench.store(4, run: "a")
        bench.store(2, run: "b")
        bench.trim(4)
        let (_, sink) = bench.watch(run: "a", runEnd: ViewerBench.id(4))
        bench.settle()
        bench.answerState([("a", 0), ("b", 4)])
        bench.settle()
        #expect(sink.gaps.count == 1 && sink.snapshots.first?.runs.map(\.runID) == ["a"] && sink.endedWell)
        #expect(sink.sent.isEmpty)
    }
}
