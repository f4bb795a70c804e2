import NIOCore
import Testing

@testable import Redis

struct RedisCommandTests {
    @Test func `arguments of every type are bulk strings`() {
        var buffer = ByteBuffer()
        let command = RedisCommand(
            "SET",
            "k\u{e9}",
            RedisArgument([0, 255]),
            RedisArgument(ByteBuffer(string: "b")),
            -5,
            RedisArgument(Int64.max)
        )
        command.write(to: &buffer)
        let expected =
            Array("*6\r\n$3\r\nSET\r\n$3\r\nk\u{e9}\r\n$2\r\n".utf8) + [0, 255]
            + Array("\r\n$1\r\nb\r\n$2\r\n-5\r\n$19\r\n9223372036854775807\r\n".utf8)
        #expect(Array(buffer.readableBytesView) == expected)
    }

    @Test(arguments: [0, 9, 10, -1, 99, 100, Int64.max, Int64.min])
    func `numbers are their decimal digits`(number: Int64) {
        var buffer = ByteBuffer()
        RedisCommand("X", RedisArgument(number)).write(to: &buffer)
        #expect(String(buffer: buffer) == "*2\r\n$1\r\nX\r\n$\(String(number).utf8.count)\r\n\(number)\r\n")
    }

    /// The vectors of FIPS 180, and one of exactly one block.
    @Test(arguments: [
        ("", "da39a3ee5e6b4b0d3255bfef95601890afd80709"),
        ("abc", "a9993e364706816aba3e25717850c26c9cd0d89d"),
        ("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", "84983e441c3bd26ebaae4aa1f95129e5e54670f1"),
        (String(repeating: "a", count: 64), "0098ba824b5c16427bd7a1122a5a442a25ec644d"),
    ])
    func sha1(text: String, digest: String) {
        #expect(RedisScript(name: "test", source: text).sha1 == digest)
    }

    @Test func `the ceiling of the back-off doubles from 50 ms to 1 s and falls back after a success`() {
        var generator = Highest()
        var backoff = Backoff()
        let waits = (0..<7).map { _ in backoff.next(using: &generator) }
        #expect(waits == [50, 100, 200, 400, 800, 1000, 1000].map { .milliseconds($0) })
        backoff.reset()
        #expect(backoff.next(using: &generator) == .milliseconds(50))
    }

    private struct Highest: RandomNumberGenerator {
        mutating func next() -> UInt64 { .max }
    }
}
