import Synchronization
import Testing

@testable import Workflow

@Suite(.timeLimit(.minutes(1)))
struct AlarmClockTests {
    private final class Heard: Sendable {
        let names = Mutex<[String]>([])
        func add(_ name: String) { names.withLock { $0.append(name) } }
        var all: [String] { names.withLock { $0 } }
    }

    private func wait(until condition: () -> Bool) async throws {
        while !condition() { try await Task.sleep(for: .milliseconds(5)) }
    }

    @Test func `alarms go off in their order, whichever was set first`() async throws {
        let (clock, heard) = (AlarmClock(), Heard())
        let now = ContinuousClock.now
        _ = clock.set(now + .milliseconds(300)) { heard.add("third") }
        _ = clock.set(now + .milliseconds(50)) { heard.add("first") }
        _ = clock.set(now + .milliseconds(150)) { heard.add("second") }
        try await wait { heard.all.count == 3 }
        #expect(heard.all == ["first", "second", "third"])
        #expect(.now >= now + .milliseconds(300))
    }

    @Test func `an alarm that is cancelled says nothing, and those behind it are heard`() async throws {
        let (clock, heard) = (AlarmClock(), Heard())
        let first = clock.set(.now + .milliseconds(30)) { heard.add("first") }
        _ = clock.set(.now + .milliseconds(60)) { heard.add("second") }
        clock.cancel(first)
        try await wait { !heard.all.isEmpty }
        #expect(heard.all == ["second"])
        // The timer is set anew by whoever comes after all have gone off.
        _ = clock.set(.now) { heard.add("third") }
        try await wait { heard.all.count == 2 }
        #expect(heard.all == ["second", "third"])
    }

    @Test func `a step's time begins anew with each step, the run's does not`() async throws {
        let steps = RunClock(stepLimit: .seconds(4))
        let (count, over) = try await steps.limit(
            {
                for _ in 0..<12 {
                    steps.begin()
                    try await Task.sleep(for: .milliseconds(400))
                }
                return 12
            },
            to: .now + .seconds(3600)
        )
        #expect(count == 12 && over == nil)
        let run = RunClock(stepLimit: .seconds(3600))
        let end = try await run.limit(
            {
                while !Task.isCancelled {
                    run.begin()
                    try? await Task.sleep(for: .milliseconds(20))
                }
                return "stopped"
            },
            to: .now + .milliseconds(100)
        )
        #expect(end.0 == "stopped" && end.over == .run)
    }
}
