import Messages
import NIOCore
import Store
import Testing

@testable import Gateway

/// The viewer and its feed as machines: no Redis, no clock, no loop.
struct ViewerTests {
    @Test func `back-log, then live, from one cursor`() {
        let bench = ViewerBench()
        bench.store(150)
        let (_, sink) = bench.watch()
        #expect(!sink.hasBegun)
        bench.settle()
        #expect(sink.hasBegun && sink.sent == Array(1...150))
        let reads = bench.readCount
        bench.emit(10)
        #expect(sink.sent == Array(1...160))
        #expect(bench.readCount == reads, "live events cost no reads")
    }

    @Test func `events announced while a page is being read come once and in order`() {
        let bench = ViewerBench()
        bench.store(3)
        let (_, sink) = bench.watch()
        let old = bench.page(after: .zero, count: 64)
        bench.emit(4)
        #expect(sink.sent.isEmpty)
        bench.answer(.success(old))
        bench.settle()
        #expect(sink.sent == Array(1...7))
        bench.emit()
        #expect(sink.sent == Array(1...8))
    }

    @Test func `a page that was read before the ring went on is not sent again`() {
        let bench = ViewerBench()
        bench.store(2)
        let (viewer, sink) = bench.watch()
        bench.settle()
        viewer.readAgain()
        let old = bench.page(after: ViewerBench.id(2), count: 64)
        bench.emit(5)
        #expect(sink.sent == Array(1...7), "the ring does not wait for the page")
        bench.answer(.success(old))
        bench.emit()
        #expect(sink.sent == Array(1...8))
    }

    @Test func `nothing is read before every event is sure to be announced`() {
        let bench = ViewerBench(isReady: false)
        bench.store(2)
        let (_, sink) = bench.watch()
        #expect(bench.readCount == 0)
        bench.feed.becameReady()
        bench.settle()
        #expect(sink.sent == [1, 2])
    }

    @Test func `a stream that waits for Redis too long says so`() {
        let bench = ViewerBench(isReady: false)
        let (viewer, sink) = bench.watch()
        viewer.tick(after: .seconds(2))
        #expect(sink.ends.isEmpty)
        viewer.tick(after: .seconds(3))
        #expect(sink.ends.map(\.?.code) == [.unavailable] && !sink.hasBegun && bench.unwatched == 1)
    }

    @Test func `those who read at one place share one answer, and each event is encoded once`() {
        let bench = ViewerBench()
        bench.store(150)
        let sinks = (0..<50).map { _ in bench.watch().1 }
        bench.settle()
        #expect(bench.readCount == 4, "150 events are a first page of 16 and three of up to 64")
        for sink in sinks { #expect(sink.sent == Array(1...150)) }
        for place in 0..<150 { #expect(sinks.allSatisfy { $0.items[place] === sinks[0].items[place] }) }
    }

    @Test func `who joins after a gap does not rely on what was read before it`() {
        let bench = ViewerBench()
        let (_, early) = bench.watch()
        let old = bench.page(after: .zero, count: 64)
        bench.store(2)
        bench.feed.mayHaveMissed()
        let (_, late) = bench.watch()
        #expect(bench.reads.count == 2)
        bench.answer(.success(old))
        bench.settle()
        #expect(early.sent == [1, 2] && late.sent == [1, 2])
    }

    // MARK: The slow reader

    @Test func `a slow sink falls out of the ring and reads pages`() {
        let bench = ViewerBench()
        bench.store()
        let (_, sink) = bench.watch()
        bench.settle()
        sink.isWritable = false
        bench.emit(2000)
        #expect(sink.sent == [1] && bench.reads.isEmpty)
        sink.becomeWritable()
        #expect(bench.reads.count == 1)
        bench.settle()
        #expect(sink.sent == Array(1...2001))
    }

    @Test func `large events push each other out of the ring`() {
        let bench = ViewerBench()
        bench.store()
        let (_, sink) = bench.watch()
        bench.settle()
        sink.isWritable = false
        bench.emit(40, bytes: 64 * 1024)
        #expect(bench.feed.entry(seq: 2) == nil && bench.feed.entry(seq: 41) != nil)
        sink.becomeWritable()
        bench.settle()
        #expect(sink.sent == Array(1...41))
    }

    @Test func `a sink that takes one event at a time gets each once`() {
        let bench = ViewerBench()
        bench.store(100)
        let (_, sink) = bench.watch()
        sink.onSend = { [unowned sink] _ in sink.isWritable = false }
        bench.settle()
        for _ in 0..<220 {
            if sink.sent.count.isMultiple(of: 3) { bench.emit() }
            sink.becomeWritable()
            bench.settle()
        }
        #expect(sink.sent == Array(1...UInt64(sink.sent.count)) && sink.sent.count == bench.log.count)
    }

    @Test func `a stalled viewer lets go of its page`() {
        let bench = ViewerBench()
        bench.store(10)
        let (viewer, sink) = bench.watch()
        sink.onSend = { [unowned sink] _ in sink.isWritable = false }
        bench.settle()
        #expect(sink.sent == [1])
        viewer.tick(after: .seconds(1))
        sink.onSend = nil
        sink.becomeWritable()
        #expect(bench.reads.count == 1, "the rest of the page was kept")
        bench.settle()
        #expect(sink.sent == Array(1...10))
    }

    // MARK: Holes and outages

    @Test func `what was not announced is read`() {
        let bench = ViewerBench()
        let (_, sink) = bench.watch()
        bench.settle()
        bench.emit(2)
        bench.store(5)
        bench.emit(1)
        bench.settle()
        #expect(sink.sent == Array(1...8))
        bench.emit()
        #expect(sink.sent == Array(1...9))
    }

    @Test func `a hole in front of a viewer that has read past it is no gap`() {
        let bench = ViewerBench()
        let (viewer, sink) = bench.watch()
        bench.settle()
        bench.emit()
        let missed = bench.store(2)
        viewer.readAgain()
        bench.settle()
        #expect(sink.sent == [1, 2, 3])
        for event in missed { bench.feed.announced([event]) }
        bench.emit()
        #expect(sink.sent == [1, 2, 3, 4])
    }

    @Test func `after a lost subscription the log is read again`() {
        let bench = ViewerBench()
        let (_, sink) = bench.watch()
        bench.settle()
        bench.store(3)
        #expect(sink.sent.isEmpty)
        bench.feed.mayHaveMissed()
        bench.settle()
        #expect(sink.sent == [1, 2, 3])
    }

    @Test func `an outage in mid-stream is waited out`() {
        let bench = ViewerBench()
        let (viewer, sink) = bench.watch()
        bench.settle()
        bench.store(3)
        bench.feed.mayHaveMissed()
        for _ in 0..<5 {
            bench.answer(.failure(StoreError(.unavailable, "away")))
            #expect(bench.reads.isEmpty, "the next try comes with the next tick")
            viewer.tick(after: .zero)
        }
        bench.settle()
        #expect(sink.sent == [1, 2, 3] && sink.ends.isEmpty)
    }

    @Test func `an outage at the beginning is an answer`() {
        let bench = ViewerBench()
        let (_, sink) = bench.watch()
        bench.answer(.failure(StoreError(.unavailable, "away")))
        #expect(sink.ends.map(\.?.code) == [.unavailable] && !sink.hasBegun)
    }

    // MARK: Where it begins and ends

    @Test func `a cursor is exclusive`() {
        let bench = ViewerBench()
        bench.store(5)
        let (_, sink) = bench.watch(from: .after(ViewerBench.id(3)))
        bench.settle()
        bench.emit()
        #expect(sink.sent == [4, 5, 6])
    }

    @Test func `a cursor at the end of the log waits for what is new`() {
        let bench = ViewerBench()
        bench.store(5)
        let (_, sink) = bench.watch(from: .after(ViewerBench.id(5)))
        bench.settle()
        #expect(sink.hasBegun && sink.sent.isEmpty)
        bench.emit()
        #expect(sink.sent == [6])
    }

    @Test func `a cursor ahead of the log is refused`() {
        let bench = ViewerBench()
        bench.store(5)
        let (_, sink) = bench.watch(from: .after(ViewerBench.id(6)))
        bench.settle()
        #expect(sink.ends.map(\.?.code) == [.invalid] && sink.ends.first??.field == "last_id" && !sink.hasBegun)
    }

    @Test func `only what is new`() {
        let bench = ViewerBench()
        bench.store(100)
        let (_, sink) = bench.watch(from: .newest)
        bench.emit()
        bench.settle()
        bench.emit(2)
        // The event that came while the end was looked up counts as there.
        #expect(sink.sent == [102, 103])
    }

    @Test func `a run's stream carries its events and ends with the last`() {
        let bench = ViewerBench()
        bench.store(2, run: "a")
        bench.store(2, run: "b")
        let (_, sink) = bench.watch(run: "b")
        bench.settle()
        bench.emit(run: "a", final: true)
        bench.emit(type: "run_completed", run: "b", final: true)
        bench.emit(run: "c")
        #expect(sink.sent == [3, 4, 6] && sink.endedWell && bench.unwatched == 1)
        #expect(bench.feed.viewers.isEmpty)
    }

    @Test func `a thread's stream goes on after a run has ended`() {
        let bench = ViewerBench()
        let (_, sink) = bench.watch()
        bench.settle()
        bench.emit(final: true)
        bench.emit()
        #expect(sink.sent == [1, 2] && sink.ends.isEmpty)
    }

    @Test func `deletion ends every viewer`() {
        let bench = ViewerBench()
        let sinks = (0..<3).map { _ in bench.watch().1 }
        bench.settle()
        bench.feed.announced([])
        #expect(sinks.allSatisfy { $0.ends.map(\.?.code) == [.notFound] } && bench.feed.viewers.isEmpty)
    }

    @Test func `a deletion that was missed is found by reading`() {
        let bench = ViewerBench()
        let (_, sink) = bench.watch()
        bench.settle()
        bench.feed.mayHaveMissed()
        bench.answer(.failure(StoreError(.notFound, "no such thread")))
        #expect(sink.ends.map(\.?.code) == [.notFound])
    }

    @Test func `a server that stops ends the stream as it should`() {
        let bench = ViewerBench()
        let (_, sink) = bench.watch()
        bench.settle()
        sink.drain()
        #expect(sink.endedWell && bench.unwatched == 1)
        bench.emit()
        #expect(sink.sent.isEmpty)
    }

    // MARK: Re-entry

    @Test func `a sink that closes within send gets nothing more`() {
        let bench = ViewerBench()
        bench.store(10)
        let (viewer, sink) = bench.watch()
        sink.onSend = { [unowned sink] _ in if sink.sent.count == 3 { sink.close() } }
        bench.settle()
        bench.emit(5)
        viewer.tick(after: .seconds(60))
        #expect(sink.sent == [1, 2, 3] && sink.ends.isEmpty && bench.unwatched == 1)
    }

    @Test func `a sink that becomes writable within send does not mix up the order`() {
        let bench = ViewerBench()
        bench.store(10)
        let (_, sink) = bench.watch()
        sink.onSend = { [unowned sink] _ in sink.becomeWritable() }
        bench.settle()
        #expect(sink.sent == Array(1...10))
    }

    @Test func `a viewer that leaves another one's send does not disturb the rest`() {
        let bench = ViewerBench()
        let sinks = (0..<4).map { _ in bench.watch().1 }
        bench.settle()
        for sink in sinks { sink.onSend = { _ in for other in sinks where other !== sink { other.close() } } }
        bench.emit(2)
        #expect(sinks.map(\.sent).filter { !$0.isEmpty } == [[1, 2]] && bench.feed.viewers.count == 1)
    }

    @Test func `a page that comes after the peer has gone is dropped`() {
        let bench = ViewerBench()
        bench.store(3)
        let (_, sink) = bench.watch()
        sink.close()
        bench.settle()
        #expect(!sink.hasBegun && sink.items.isEmpty && bench.unwatched == 1)
    }

    @Test func `nobody holds a viewer that has ended`() {
        let bench = ViewerBench()
        let sink = RecordingSink()
        weak var viewer: Viewer?
        do {
            viewer = bench.watch(sink).0
            bench.settle()
        }
        #expect(viewer != nil)
        sink.close()
        #expect(viewer == nil)
    }

    // MARK: Events that are not stored

    @Test func `a queued run's viewer is told to wait, at once and every five seconds`() {
        let bench = ViewerBench()
        bench.store(type: "run_queued", run: "a")
        bench.store(type: "run_attempt_started", run: "a")
        bench.store(type: "run_queued", run: "b")
        let (viewer, sink) = bench.watch(run: "b")
        bench.settle()
        #expect(sink.types == ["run_queued", "waiting"] && sink.positions == [1])
        viewer.tick(after: .seconds(3))
        #expect(sink.positions == [1])
        viewer.tick(after: .seconds(6))
        #expect(sink.positions == [1, 1])
        bench.emit(type: "run_completed", run: "a", final: true)
        viewer.tick(after: .seconds(12))
        #expect(sink.positions == [1, 1, 0])
        bench.emit(type: "run_attempt_started", run: "b")
        viewer.tick(after: .seconds(18))
        #expect(sink.positions == [1, 1, 0], "a run that is carried out waits no more")
    }

    @Test func `runs that were queued before the stream begins count`() {
        let bench = ViewerBench()
        bench.store(type: "run_queued", run: "c")
        bench.store(type: "run_queued", run: "d")
        // Before c there are a, which is carried out, and b, which waits.
        let (viewer, sink) = bench.watch(run: "c", ahead: 2)
        bench.settle()
        bench.emit(type: "run_cancelled", run: "d", final: true)
        viewer.tick(after: .seconds(6))
        bench.emit(type: "run_completed", run: "a", final: true)
        viewer.tick(after: .seconds(12))
        bench.emit(type: "run_attempt_started", run: "b")
        viewer.tick(after: .seconds(18))
        bench.emit(type: "run_completed", run: "b", final: true)
        viewer.tick(after: .seconds(24))
        #expect(sink.positions == [2, 2, 1, 1, 0])
    }

    @Test func `a stream on which nothing happens is kept alive`() {
        let bench = ViewerBench()
        bench.store(type: "run_completed", final: true)
        let (viewer, sink) = bench.watch()
        bench.settle()
        viewer.tick(after: .seconds(9))
        #expect(sink.types == ["run_completed"])
        viewer.tick(after: .seconds(11))
        #expect(sink.types == ["run_completed", "keep_alive"] && sink.items[1].id == nil)
        sink.isWritable = false
        viewer.tick(after: .seconds(30))
        #expect(sink.types.count == 2, "nothing is put on top of what cannot be sent")
    }

    @Test func `one keep_alive does for all`() {
        let bench = ViewerBench()
        bench.store(type: "run_completed", final: true)
        let sinks = (0..<3).map { _ in bench.watch().1 }
        bench.settle()
        bench.feed.tick(.now() + .seconds(11), .standard)
        bench.feed.tick(.now() + .seconds(22), .standard)
        let items = sinks.map { $0.items.suffix(2) }
        #expect(items.allSatisfy { $0.map(\.type) == ["keep_alive", "keep_alive"] && $0.first === items[0].first })
        #expect(items[0].first !== items[0].last)
    }

    @Test func `a tick that ends the stream sends nothing behind its end`() {
        let bench = ViewerBench()
        bench.store(type: "run_queued")
        let (viewer, sink) = bench.watch(run: "r")
        bench.settle()
        bench.feed.mayHaveMissed()
        bench.answer(.failure(StoreError(.unavailable, "away")))
        // The announcement fills the ring while the sink is blocked; the tick then finds both.
        sink.isWritable = false
        bench.emit(type: "run_completed", final: true)
        sink.isWritable = true
        viewer.tick(after: .seconds(60))
        #expect(sink.types == ["run_queued", "waiting", "run_completed"] && sink.ends.count == 1)
    }
}

extension RecordingSink {
    /// What the `waiting` events say.
    fileprivate var positions: [UInt32] {
        items.filter { $0.type == "waiting" }.compactMap { item in
            var frame = item.grpcFrame
            frame.moveReaderIndex(forwardBy: 5)
            guard let event = try? Event(serialized: Array(frame.readableBytesView)),
                case .waiting(let waiting)? = event.payload
            else { return nil }
            return waiting.position
        }
    }
}
