import Messages
import Redis
import Synchronization
import Testing

@testable import Modem
@testable import Store

@Suite(.timeLimit(.minutes(1)))
struct HatchTests {
    private func makeJob(_ run: String = "r") -> Job {
        let name = RunName(thread: "t", run: run, tenant: "default")
        return Job(entry: RunLease(name, worker: "w", length: .seconds(1)).entry, isHeld: false)
    }

    private func makeRun(_ job: Job) -> ClaimedRun {
        ClaimedRun(job.entry, ExecuteRunRequest(threadID: "t", task: "x"), messages: .array([]), memory: .null)
    }

    @Test func `takes nothing until it is open, nor when it is shut`() {
        let hatch = Hatch()
        #expect(!hatch.expect(makeJob()))
        hatch.open(ifShut: hatch.shutCount)
        #expect(hatch.isOpen && hatch.expect(makeJob()))
        hatch.shut()
        #expect(!hatch.isOpen && !hatch.expect(makeJob("s")))
    }

    @Test func `an answer that was asked for before it was shut does not open it`() {
        let hatch = Hatch()
        let asked = hatch.shutCount
        hatch.shut()
        hatch.open(ifShut: asked)
        #expect(!hatch.isOpen)
        hatch.open(ifShut: hatch.shutCount)
        #expect(hatch.isOpen)
    }

    @Test func `closed, it lets through what was expected, and then ends`() async {
        let hatch = Hatch()
        hatch.open(ifShut: 0)
        let (coming, missing) = (makeJob("a"), makeJob("b"))
        #expect(hatch.expect(coming) && hatch.expect(missing))
        hatch.close()
        hatch.open(ifShut: hatch.shutCount)
        #expect(!hatch.expect(makeJob("c")))
        #expect(hatch.deliver(coming.entry) { makeRun(coming) } == nil)
        #expect(hatch.forget(missing.entry) === missing && hatch.forget(missing.entry) == nil)
        var delivered: [Job] = []
        for await (job, run) in hatch.deliveries {
            delivered.append(job)
            #expect(run().runID == "a" && job.isHeld.load(ordering: .relaxed))
        }
        #expect(delivered.map { $0 === coming } == [true])
    }

    @Test func `what nobody takes in any more comes back`() async {
        let hatch = Hatch()
        hatch.open(ifShut: 0)
        let job = makeJob()
        #expect(hatch.expect(job))
        await Task { for await _ in hatch.deliveries {} }.cancelAndWait()
        #expect(hatch.deliver(job.entry) { makeRun(job) } === job)
    }
}

extension Task where Success == Void, Failure == Never {
    fileprivate func cancelAndWait() async {
        cancel()
        await value
    }
}
