import Testing

@testable import Modem

struct RetryBackoffTests {
    @Test func `the longest wait doubles up to a limit, and any shorter one may be drawn`() {
        let backoff = RetryBackoff()
        let longest = (0..<8).map { backoff.delay(after: $0, random: 1) }
        #expect(longest == [2, 4, 8, 16, 32, 60, 60, 60].map { .seconds($0) })
        #expect(backoff.delay(after: 5, random: 0) == .zero)
        #expect(backoff.delay(after: 10_000, random: 0.5) == .seconds(30))
        #expect((0..<100).allSatisfy { _ in (Duration.zero...Duration.seconds(8)).contains(backoff.delay(after: 2)) })
    }
}
