import NIOCore
import Testing

@testable import HTTP

/// Header lists that are equal, or nearly equal, to those before them on their connection.
@Suite struct RequestHeadTests {
    /// One request, as its header list is encoded, and what the server makes of it.
    struct Request {
        let fields: [UInt8]
        let head: String
    }

    /// `GET / http`.
    private static let get: [UInt8] = [0x82, 0x86, 0x84]
    /// `:authority: x`, put into the dynamic table, and then the newest field there.
    private static let authority: [UInt8] = [0x41, 1, UInt8(ascii: "x")]
    private static let sameAuthority: [UInt8] = [0xBE]

    /// A field that no table has.
    private static func field(_ name: Character, _ value: Character) -> [UInt8] {
        [0x00, 1, name.asciiValue ?? 0, 1, value.asciiValue ?? 0]
    }

    static let requests = [
        Request(fields: get + authority, head: "/ x"),
        Request(fields: get + sameAuthority, head: "/ x"),
        Request(fields: get + sameAuthority, head: "/ x"),
        // Longer, the same again, another end, other pseudo-header fields, and shorter.
        Request(fields: get + sameAuthority + field("n", "1"), head: "/ x n1"),
        Request(fields: get + sameAuthority + field("n", "1"), head: "/ x n1"),
        Request(fields: get + sameAuthority + field("n", "1"), head: "/ x n1"),
        Request(fields: get + sameAuthority + field("n", "2"), head: "/ x n2"),
        Request(fields: [0x82, 0x86, 0x04, 2] + Array("/a".utf8) + sameAuthority, head: "/a x"),
        Request(fields: get + sameAuthority + field("n", "1") + field("m", "2"), head: "/ x n1 m2"),
        Request(fields: get + sameAuthority + field("n", "1"), head: "/ x n1"),
        Request(fields: get + sameAuthority, head: "/ x"),
        // The same text in other memory.
        Request(fields: get + authority, head: "/ x"),
        Request(fields: get + sameAuthority, head: "/ x"),
        // The table is emptied, and its memory may be used again.
        Request(fields: [0x20, 0x3F, 0xE1, 0x1F] + get + [0x41, 1, UInt8(ascii: "y")], head: "/ y"),
        Request(fields: get + sameAuthority, head: "/ y"),
        Request(fields: get + [0x41, 1, UInt8(ascii: "x")], head: "/ x"),
        Request(fields: get + [0xBF], head: "/ y"),
        Request(fields: get + [0xBE], head: "/ x"),
    ]

    /// Sends the requests one in a read, or all in one, and returns what was asked for.
    private func heads(_ requests: [Request], atOnce: Bool) throws -> [RequestHead] {
        var heads: [RequestHead] = []
        let bench = try ConnectionBench.http2(
            .server { exchange in
                heads.append(exchange.request)
                exchange.respond(ResponseHead(status: 204))
            }
        )
        try bench.receive(HTTP2LimitTests.preface)
        let frames = requests.enumerated().map { index, request in
            HTTP2LimitTests.frame(1, flags: 5, stream: 2 * index + 1, request.fields)
        }
        if atOnce { try bench.receive(frames.joined()) } else { for frame in frames { try bench.receive(frame) } }
        #expect(bench.isOpen)
        return heads
    }

    private func describe(_ head: RequestHead) -> String {
        ([head.path, head.authority] + head.headers.map { $0.name + $0.value }).joined(separator: " ")
    }

    @Test(arguments: [false, true]) func eachListMeansWhatItSays(atOnce: Bool) throws {
        let heads = try heads(Self.requests, atOnce: atOnce)
        #expect(heads.map(describe) == Self.requests.map(\.head))
        #expect(heads[2] === heads[0] && heads[5] === heads[3], "a list that repeats is decoded once")
        #expect(heads[9] === heads[3] && heads[12] === heads[11], "also where others came in between")
    }

    @Test(arguments: 1...5) func anyOrderOfListsMeansTheSame(seed: UInt64) throws {
        var random = Random(state: seed)
        let values = ["1", "2", "3"].map { Character($0) }
        var requests = [Self.requests[0]]
        for _ in 0..<500 {
            let fields = (0..<random.below(4)).map { _ in
                (name: ["n", "m"][random.below(2)] as Character, value: values[random.below(3)])
            }
            let text = fields.map { " \($0.name)\($0.value)" }.joined()
            let bytes = fields.flatMap { Self.field($0.name, $0.value) }
            requests.append(Request(fields: Self.get + Self.sameAuthority + bytes, head: "/ x" + text))
        }
        #expect(try heads(requests, atOnce: false).map(describe) == requests.map(\.head))
    }

    @Test func listThatContinuesAKnownOneIsBoundedAsAWhole() throws {
        var heads = 0
        let bench = try ConnectionBench.http2(
            .server { exchange in
                heads += 1
                exchange.respond(ResponseHead(status: 204))
            }
        )
        try bench.receive(HTTP2LimitTests.preface)
        // 60 fields, twice, and then 120 that begin with them.
        let fields = (0..<60).flatMap { _ in Self.field("n", "1") }
        for (stream, fields) in [(1, fields), (3, fields), (5, fields + fields)] {
            try bench.receive(HTTP2LimitTests.frame(1, flags: 5, stream: stream, Self.get + Self.authority + fields))
        }
        #expect(heads == 2)
        #expect(bench.count(HTTP2LimitTests.frame(3, stream: 5, [0, 0, 0, 2])) == 1)
    }
}
