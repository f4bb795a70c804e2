import Messages
import Testing

@testable import baud

/// What `baud load` makes of what it sees.
@Suite struct LoadTests {
    private static let begin = ContinuousClock.now

    private static func event(_ seq: UInt64, _ payload: Event.Payload? = nil, final type: String? = nil) -> Event {
        Event(
            id: "\(seq)-0",
            seq: seq,
            runID: "r",
            type: type ?? "task_agent_execute",
            final: type != nil,
            payload: payload
        )
    }

    private static let text = Event.Payload.taskAgentExecute(
        AgentProgress(progress: .textDelta(TextDelta(text: "word")))
    )

    private static func sample(_ events: [Event], accepted: Duration = .milliseconds(1)) -> LoadSample {
        var sample = LoadSample(begin: begin)
        sample.accept(at: begin + accepted)
        for (index, event) in events.enumerated() {
            sample.record(event, at: begin + accepted + .milliseconds(index + 1))
        }
        sample.end()
        return sample
    }

    @Test func aRunInOrderHasItsTimesAndNoFault() {
        let waiting = Event(type: "waiting")
        let sample = Self.sample([
            waiting, Self.event(2), Self.event(3, Self.text), Self.event(4, final: "run_completed"),
        ])
        #expect(sample.fault == nil)
        #expect(sample.events == 3)
        #expect(sample.accepted == .milliseconds(1))
        #expect(sample.firstText == .milliseconds(4))
        #expect(sample.whole == .milliseconds(5))
    }

    @Test(arguments: [
        ([event(2), event(4), event(5, final: "run_completed")], "event 4 came after event 2"),
        ([event(2), event(2), event(3, final: "run_completed")], "event 2 came after event 2"),
        ([event(2), event(3)], "its events ended without a final one"),
        ([event(2), event(3, final: "run_failed")], "it ended with run_failed"),
        ([event(2, final: "run_completed"), event(3)], "an event came after the final one"),
    ])
    func whatIsNotInOrderIsAFault(events: [Event], fault: String) {
        #expect(Self.sample(events).fault == fault)
    }

    @Test func percentilesAreByNearestRank() {
        let times = LoadReport.Times((1...200).shuffled().map { .milliseconds($0) })
        #expect(times.percentile(50) == .milliseconds(100))
        #expect(times.percentile(99) == .milliseconds(198))
        #expect(times.percentile(100) == .milliseconds(200))
        #expect(LoadReport.Times([.milliseconds(7)]).percentile(50) == .milliseconds(7))
    }

    @Test func theReportHasRatesTimesAndFaults() {
        var report = LoadReport()
        let good = Self.sample([Self.event(2, Self.text), Self.event(3, final: "run_completed")])
        for _ in 0..<3 { report.add(good) }
        report.add(Self.sample([Self.event(2, final: "run_failed")]))
        let json = report.json(elapsed: .seconds(2))
        #expect(json.hasPrefix(#"{"runs":4,"failed":1,"seconds":2.00,"runs_per_second":2.0,"events":7,"#))
        #expect(json.contains(#""accepted_ms_p50":1.00"#))
        #expect(json.contains(#""whole_run_ms_max":3.00"#))
        let text = report.text(elapsed: .seconds(2), palette: Palette(isColoured: false))
        #expect(text.hasPrefix("2.0 runs/s  4 runs in 2.00 s, 1 failed\n"))
        #expect(text.contains("7 events, 3.5 a second\n1 time: it ended with run_failed\n"))
    }

    @Test func reasonsAreBounded() {
        var report = LoadReport()
        for number in 0..<100 {
            var sample = LoadSample()
            sample.fail("reason \(number)")
            report.add(sample)
        }
        #expect(report.faults.count == 11)
        #expect(report.faults["other reasons"] == 90)
    }
}
