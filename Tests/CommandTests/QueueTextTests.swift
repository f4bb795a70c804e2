import Messages
import Testing

@testable import baud

@Suite struct QueueTextTests {
    private let plain = Palette(isColoured: false)

    @Test func aQuietQueueIsFiveLines() {
        let text = QueueText.stats(Stats(workers: 2), plain)
        #expect(text == "workers     2\nunder way   0\nwaiting     none\nscheduled   0\ngiven up    0\n")
    }

    @Test func whatWaitsIsTold() {
        let stats = Stats(
            queued: 1_200,
            tenants: 1,
            oldestMs: 65_000,
            running: 8,
            deadLetters: 3,
            webhooks: 2,
            deadWebhooks: 1
        )
        let lines = QueueText.stats(stats, plain).split(separator: "\n")
        #expect(lines[0] == "workers     none: start one with baud modem")
        #expect(lines[2] == "waiting     1,200 of 1 tenant, the oldest for 1 min 5 s")
        #expect(lines[4] == "given up    3")
        #expect(lines[5] == "webhooks    2, 1 given up in a week")
    }

    @Test func aDeadLetterHasItsReasonAndNoEscapes() {
        let failure = Failure(code: "max_attempts", message: "lost \u{1B}[31mits\nworker")
        let letter = DeadLetter(threadID: "t", runID: "r", time: 1_790_000_000_000, error: failure)
        let text = QueueText.deadLetters(ListDeadLettersResponse(deadLetters: [letter], total: 4), plain)
        #expect(text.hasPrefix("t r 2026-09-21 14:13:20 UTC\n  max_attempts: lost "))
        #expect(text.hasSuffix("and 3 more\n"))
        #expect(!text.contains("\u{1B}"))
        #expect(text.split(separator: "\n").count == 3)
    }
}
