import NIOCore
import Testing

@testable import Redis

struct RESPParserTests {
    private let limits = RESPLimits(elements: 100, bytes: 1024 * 1024)

    private func bytes(_ text: String) -> RESPValue { .bytes(ByteBuffer(string: text)) }

    @discardableResult
    private func parse(_ text: String, chunk: Int? = nil, limits: RESPLimits? = nil) throws -> [RESPValue] {
        let parser = RESPParser(limits: limits ?? self.limits)
        var rest = ByteBuffer(string: text)
        var values: [RESPValue] = []
        while let part = rest.readSlice(length: min(chunk ?? rest.readableBytes, rest.readableBytes)),
            part.readableBytes > 0
        {
            try parser.feed(part)
            while let value = try parser.next() { values.append(value) }
        }
        return values
    }

    static let stream =
        "+OK\r\n:-42\r\n$-1\r\n*-1\r\n$0\r\n\r\n$5\r\nhe\r\nl\r\n*0\r\n-ERR no\r\n"
        + "*3\r\n:1\r\n*2\r\n$1\r\na\r\n-ERR in\r\n$2\r\nbc\r\n"

    @Test("every type comes out the same, whatever the reads", arguments: [nil, 1, 2, 3, 7])
    func types(chunk: Int?) throws {
        #expect(
            try parse(Self.stream, chunk: chunk) == [
                .simple("OK"), .integer(-42), .null, .null, bytes(""), bytes("he\r\nl"), .array([]), .error("ERR no"),
                .array([.integer(1), .array([bytes("a"), .error("ERR in")]), bytes("bc")]),
            ]
        )
    }

    @Test(
        "what is no RESP2 is refused",
        arguments: ["hello\r\n", "*2147483648\r\n", "*-2\r\n", "$-2\r\n", "%1\r\n", "$3\r\nabcdef\r\n:1\r\n"]
    )
    func malformed(text: String) {
        #expect { try parse(text) } throws: { ($0 as? RedisError)?.code == .protocol }
    }

    @Test func `an announced array is refused before it is allocated`() {
        #expect { try parse("*2147483646\r\n") } throws: {
            ($0 as? RedisError)?.message == "a reply has more than 100 elements"
        }
        #expect(throws: RedisError.self) { try parse(String(repeating: "*60\r\n", count: 2)) }
    }

    @Test func `a bulk string that never ends is refused`() {
        let part = String(repeating: "x", count: 64 * 1024)
        #expect(throws: RedisError.self) {
            try parse("$999999999999\r\n" + String(repeating: part, count: 32), chunk: 64 * 1024)
        }
        #expect(throws: RedisError.self) {
            let large = "$65536\r\n\(part)\r\n"
            try parse("*20\r\n" + String(repeating: large, count: 20))
        }
    }

    @Test func `limits count per reply, not per connection`() throws {
        let reply = "*60\r\n" + String(repeating: ":1\r\n", count: 60)
        #expect(try parse(reply + reply + reply).count == 3)
    }

    @Test func `accessors`() {
        #expect(bytes("12").int == 12)
        #expect(RESPValue.integer(7).string == "7")
        #expect(RESPValue.simple("OK").string == "OK")
        #expect(RESPValue.null.isNull && RESPValue.null.string == nil)
        #expect(RESPValue.array([.null]).array == [.null])
        #expect(bytes("a").bytes == ByteBuffer(string: "a"))
    }
}
