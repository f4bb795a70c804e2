import Client
import Glibc
import Testing

@testable import baud

@Suite struct TerminalTextTests {
    @Test(arguments: [
        ("plain", "plain"), ("a\tb\nc", "a    b\nc"), ("a\r\nb", "a\nb"), ("\u{1B}[1;31mred\u{1B}[0m", "red"),
        ("\u{1B}]0;title\u{07}x", "x"), ("\u{1B}]8;;u\u{1B}\\x", "x"), ("\u{1B}[", ""), ("\u{1B}", ""),
        ("\u{1B}7x", "x"),
        ("a\u{85}\u{7F}\u{0}b", "ab"), ("日本\u{202E}", "日本"),
    ])
    func cleaning(text: String, clean: String) {
        #expect(TerminalText.clean(text) == clean)
    }

    @Test(arguments: [
        ("abc", 3, "abc"), ("abcd", 3, "ab…"), ("日本語", 6, "日本語"), ("日本語", 5, "日本…"), ("日本語", 4, "日…"),
        ("ab", 1, "…"), ("ab", 0, ""), ("👍🏽👍🏽", 3, "👍🏽…"),
    ])
    func cutting(text: String, width: Int, cut: String) {
        #expect(TerminalText.cut(text, to: width) == cut)
        #expect(TerminalText.columns(of: cut) <= width)
    }

    @Test func timesThatMakeNoSense() {
        #expect(Amounts.duration(from: .min, to: -1) == "0.0 s")
        #expect(Amounts.duration(from: .max, to: .min) == "0.0 s")
        #expect(Amounts.duration(from: .min, to: .max).hasSuffix(" s"))
    }

    @Test func amounts() {
        #expect([0, 999, 1_000, 1_234_567].map { Amounts.number($0) } == ["0", "999", "1,000", "1,234,567"])
        #expect([0, 1, 2].map { Amounts.count($0, "turn") } == ["0 turns", "1 turn", "2 turns"])
        #expect(
            [-5, 0, 1_234, 9_999, 10_000, 59_999, 60_000, 185_000].map { Amounts.duration(milliseconds: $0) }
                == ["0.0 s", "0.0 s", "1.2 s", "9.9 s", "10 s", "59 s", "1 min 0 s", "3 min 5 s"]
        )
    }
}

@Suite struct TerminalTests {
    @Test(arguments: [
        (true, [:], true), (false, [:], false), (true, ["NO_COLOR": "1"], false), (true, ["NO_COLOR": ""], true),
        (true, ["TERM": "dumb"], false), (true, ["TERM": "xterm"], true),
    ])
    func escapes(isTerminal: Bool, environment: [String: String], expected: Bool) {
        #expect(Terminal.takesEscapes(isTerminal: isTerminal) { environment[$0] } == expected)
    }

    @Test func writingToAReaderThatHasGone() throws {
        signal(SIGPIPE, SIG_IGN)
        var ends: [Int32] = [0, 0]
        try #require(pipe(&ends) == 0)
        close(ends[0])
        defer { close(ends[1]) }
        #expect(throws: Terminal.Closed.self) { try Terminal(ends[1]).write("x") }
    }

    @Test func aComplaintNamesCauseAndCure() {
        let complaint = Complaint(BaudClientError(.unavailable, "cannot connect"), url: "http://h:1")
        let text = "error: cannot connect\n  is a server running? start one with: baud serve\n"
        #expect(complaint.text(Palette(isColoured: false)) == text)
        let other = Complaint(BaudClientError(.notFound, "there is no thread t"), url: "http://h:1")
        #expect(other.text(Palette(isColoured: true)) == "\u{1B}[31merror:\u{1B}[0m there is no thread t\n")
    }
}

@Suite struct DoctorTests {
    private static let plain = Palette(isColoured: false)

    @Test func redisIsRequiredInAVersionThatDoes() {
        let modern = "Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=1\n"
        #expect(Doctor.redis(.passed(modern)) == .good("redis-server", "7.0.15"))
        #expect(Doctor.redis(.passed("Redis server v=6.2.1 sha=0")).grade == .missing)
        #expect(Doctor.redis(.passed("?")).grade == .missing)
        #expect(Doctor.redis(.absent).lines(Self.plain).hasPrefix("✗ redis-server: not found\n  cure: "))
    }

    @Test func theSandboxHasToWork() {
        #expect(
            Doctor.sandbox(.passed(""), version: "bubblewrap 0.8.0\n").lines(Self.plain)
                == "✓ bubblewrap: 0.8.0, makes a sandbox\n"
        )
        #expect(Doctor.sandbox(.failed("No permissions"), version: "").grade == .missing)
        #expect(Doctor.sandbox(.absent, version: "").grade == .missing)
    }

    @Test func whatOnlyLimits() {
        #expect(Doctor.search(.absent).grade == .warning)
        #expect(Doctor.search(.passed("ripgrep 13.0.0\n-SIMD")) == .good("ripgrep", "13.0.0"))
        #expect(Doctor.openFiles(limit: 1_024).grade == .warning)
        #expect(Doctor.openFiles(limit: 65_536) == .good("open files", "at most 65,536"))
        #expect(Doctor.openFiles(limit: nil) == .good("open files", "no limit"))
    }

    @Test func probesTellTheThreeOutcomesApart() async {
        #expect(await Probe.run("echo", "x") == .passed("x\n"))
        #expect(await Probe.run("sh", "-c", "echo y >&2; exit 3") == .failed("y\n"))
        #expect(await Probe.run("no-such-program-anywhere") == .absent)
    }
}
