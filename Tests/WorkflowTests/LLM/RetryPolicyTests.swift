import Synchronization
import Testing

@testable import Workflow

struct RetryPolicyTests {
    private let failure = ModelError(.overloaded, "busy", isRetryable: true)

    private func wish(_ delay: Duration) -> ModelError {
        ModelError(.rateLimited, "slow down", isRetryable: true, retryAfter: delay)
    }

    @Test func fullJitterBelowABoundThatDoubles() {
        let policy = RetryPolicy(attempts: 10, random: { 1 })
        let delays = (1...8).map { policy.delay(after: failure, attempt: $0) }
        #expect(delays == [0.5, 1, 2, 4, 8, 16, 30, 30].map { .seconds($0) })
        #expect(RetryPolicy(random: { 0 }).delay(after: failure, attempt: 4) == .zero)
    }

    @Test func fiveTries() {
        let policy = RetryPolicy(random: { 0.5 })
        #expect(policy.delay(after: failure, attempt: 4) != nil)
        #expect(policy.delay(after: failure, attempt: 5) == nil)
    }

    @Test func obeysShortWishesAndGivesUpOnLongOnes() {
        let policy = RetryPolicy(random: { 0.5 })
        #expect(policy.delay(after: wish(.seconds(60)), attempt: 1) == .seconds(60))
        #expect(policy.delay(after: wish(.seconds(61)), attempt: 1) == nil)
        #expect(policy.delay(after: ModelError(.invalidRequest, "no"), attempt: 1) == nil)
    }

    @Test func whatTheReceiverThrowsIsNotRetried() async {
        let attempts = Mutex(0)
        let receiver = ModelError(.overloaded, "the receiver's own", isRetryable: true)
        let error = await #expect(throws: ModelError.self) {
            let onDelta = { @Sendable (_: ModelDelta) async throws in throw receiver }
            _ = try await RetryPolicy(sleep: { _ in }).run(onDelta: onDelta) { _, sink in
                attempts.withLock { $0 += 1 }
                try await sink.emit(.text("x"))
                throw failure
            }
        }
        #expect(error == receiver)
        #expect(attempts.withLock { $0 } == 1)
    }

    @Test func aLongSilenceUnderSignsOfLifeIsOver() {
        let start = ContinuousClock.now
        var watch = ProgressWatch(StreamLimits(firstToken: .seconds(9), betweenTokens: .seconds(2)), now: start)
        #expect(!watch.isOver(at: start + .seconds(9)))
        #expect(watch.isOver(at: start + .seconds(10)))
        watch.progress(at: start + .seconds(20))
        #expect(!watch.isOver(at: start + .seconds(22)))
        #expect(watch.isOver(at: start + .seconds(23)))
    }

    @Test(arguments: [
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0), ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777),
        ("Tue, 29 Feb 2028 23:59:59 GMT", 1_835_481_599),
        ("Fri, 01 Mar 2024 00:00:00 GMT", 1_709_251_200),
    ])
    func dates(text: String, seconds: Int) {
        #expect(HTTPDate.seconds(text) == seconds)
    }

    @Test(arguments: [
        "", "tomorrow", "Sun, 06 Nov 1994 08:49:37 CET", "Sun, 99 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49 GMT",
    ])
    func whatIsNoDate(text: String) {
        #expect(HTTPDate.seconds(text) == nil)
    }
}

struct ModelCatalogTests {
    private let catalog = ModelCatalog(providers: ["script": ScriptProvider()], aliases: ["execution": "script/demo"])

    @Test func resolvesNamesAndAliases() throws {
        #expect(try catalog.resolve("execution").model == "demo")
        #expect(try catalog.resolve("script/a/b:c").model == "a/b:c")
    }

    @Test(arguments: [
        ("gpt", "provider/model"), ("openai/gpt", "those configured: script"), ("script/", "provider/model"),
    ])
    func saysWhatWouldBeRight(name: String, hint: String) {
        let error = #expect(throws: ModelError.self) { _ = try catalog.resolve(name) }
        #expect(error?.code == .unknownModel)
        #expect(error?.message.contains(hint) == true)
    }
}
