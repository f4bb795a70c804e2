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

    /// What a server makes of these reads.
    private func heads(_ reads: some Sequence<[UInt8]>) throws -> [RequestHead] {
        var heads: [RequestHead] = []
        let bench = try ConnectionBench.http2(
            .server { exchange in
                heads.append(exchange.request)
                exchange.respond(ResponseHead(status: 204))
            }
        )
        try bench.receive(HTTP2LimitTests.preface)
        for bytes in reads { try bench.receive(bytes) }
        #expect(bench.isOpen)
        return heads
    }

    /// Sends the requests one in a read, or all in one, and returns what was asked for.
    private func heads(_ requests: [Request], atOnce: Bool) throws -> [RequestHead] {
        let frames = requests.enumerated().map { index, request in
            HTTP2LimitTests.frame(1, flags: 5, stream: 2 * index + 1, request.fields)
        }
        return try heads(atOnce ? [Array(frames.joined())] : frames)
    }

    private func describe(_ head: RequestHead) -> String {
        ([head.path, head.authority] + head.headers.map { $0.name + $0.value }).joined(separator: " ")
    }

    @Test(arguments: [false, true]) func eachListMeansWhatItSays(atOnce: Bool) throws {
        let heads = try heads(Self.requests, atOnce: atOnce)
        #expect(heads.map(describe) == Self.requests.map(\.head))
        #expect(heads[2] === heads[1] && heads[5] === heads[3], "a list that comes again has the same head")
        guard !atOnce else { return }
        #expect(heads[9] === heads[3], "also where others came in between, if its block is known")
        #expect(heads[10] !== heads[1], "a few are kept, not all")
        #expect(heads[12] !== heads[2] && heads[14] !== heads[12], "none that came before the table changed")
    }

    // MARK: Against a model of the table

    /// HPACK's dynamic table, as a client that uses little of it knows it, and what it says by it.
    private struct Encoder {
        /// The newest first; all are there, as they are few and short.
        private var table: [(name: String, value: Character)] = []

        /// A header list, of one of a few authorities and perhaps another field, and what it means.
        mutating func request(_ random: inout Random) -> Request {
            let restart: [UInt8] = [0x20, 0x3F, 0xE1, 0x1F]
            let isRestarted = random.happens(oneIn: 40)
            if isRestarted { table = [] }
            var (fields, value): ([UInt8], Character) = ([], ["x", "y", "z"][random.below(3)])
            let known = table.indices.prefix(5).filter { table[$0].name == ":authority" }
            if random.happens(oneIn: 12) {
                fields = [0x41, 1, value.asciiValue ?? 0]
                table.insert((":authority", value), at: 0)
            } else if known.isEmpty || random.happens(oneIn: 12) {
                fields = [0x01, 1, value.asciiValue ?? 0]
            } else {
                let index = known[random.below(known.count)]
                value = table[index].value
                fields = [0xBE + UInt8(index)]
            }
            var head = "/ \(value)"
            if let index = table.indices.prefix(5).first(where: { table[$0].name == "t" }), random.happens(oneIn: 3) {
                fields.append(0xBE + UInt8(index))
                head += " t\(table[index].value)"
            }
            table = Array(table.prefix(20))
            return Request(fields: (isRestarted ? restart : []) + RequestHeadTests.get + fields, head: head)
        }

        mutating func trailers(_ random: inout Random) -> [UInt8] {
            let value: Character = ["1", "2"][random.below(2)]
            guard random.happens(oneIn: 2) else { return RequestHeadTests.field("t", value) }
            table.insert(("t", value), at: 0)
            return [0x40, 1, UInt8(ascii: "t"), 1, value.asciiValue ?? 0]
        }
    }

    /// A request, in one of the forms that it can have.
    private func frames(_ fields: [UInt8], stream: Int, _ encoder: inout Encoder, _ random: inout Random) -> [UInt8] {
        func frame(_ type: UInt8, _ flags: UInt8, _ payload: [UInt8]) -> [UInt8] {
            HTTP2LimitTests.frame(type, flags: flags, stream: stream, payload)
        }
        switch random.below(40) {
        case 0:
            let cut = random.below(fields.count + 1)
            return frame(1, 1, Array(fields[..<cut])) + frame(9, 4, Array(fields[cut...]))
        case 1: return frame(1, 13, [2] + fields + [0, 0])
        case 2: return frame(1, 37, [0, 0, 0, 0, 9] + fields)
        case 3: return frame(1, 4, fields) + frame(1, 5, encoder.trailers(&random))
        case 4..<12: return frame(1, 4, fields) + frame(0, 1, random.bytes(random.below(2_000)))
        case _: return frame(1, 5, fields)
        }
    }

    /// The same bytes mean one thing or another, by what was put into the table before; and reads are cut anywhere.
    @Test(arguments: 1...8) func blocksMeanWhatTheTableSays(seed: UInt64) throws {
        var random = Random(state: seed)
        var encoder = Encoder()
        var (bytes, expected, reads): ([UInt8], [String], [[UInt8]]) = ([], [], [])
        for index in 0..<1_500 {
            let request = encoder.request(&random)
            bytes += frames(request.fields, stream: 2 * index + 1, &encoder, &random)
            expected.append(request.head)
            guard random.happens(oneIn: 4) else { continue }
            let cut = random.happens(oneIn: 3) ? 1 + random.below(bytes.count) : bytes.count
            reads.append(Array(bytes[..<cut]))
            bytes.removeFirst(cut)
        }
        let heads = try heads(reads + [bytes])
        #expect(heads.map(describe) == expected)
        let repeated = heads.count - Set(heads.map(ObjectIdentifier.init)).count
        #expect(repeated > 100, "many blocks are known")
    }

    @Test func trailersAreNoRequestThoughTheirBlockIsKnown() throws {
        var exchanges: [Exchange] = []
        let bench = try ConnectionBench.http2(.server { exchanges.append($0) })
        try bench.receive(HTTP2LimitTests.preface)
        let fields = Self.get + [0x01, 1, UInt8(ascii: "x")]
        try bench.receive(HTTP2LimitTests.frame(1, flags: 5, stream: 1, fields))
        try bench.receive(HTTP2LimitTests.frame(1, flags: 4, stream: 3, fields))
        try bench.receive(HTTP2LimitTests.frame(1, flags: 5, stream: 3, fields))
        #expect(exchanges.count == 2 && exchanges[1].request === exchanges[0].request)
        #expect(bench.count(HTTP2LimitTests.frame(3, stream: 3, [0, 0, 0, 1])) == 1)
        #expect(bench.isOpen)
    }

    /// What a connection holds on to is bounded, though a short block can stand for a long list.
    @Test func longListsAreNotKept() throws {
        final class Weak { weak var head: RequestHead? }
        var heads: [Weak] = []
        let bench = try ConnectionBench.http2(
            .server { exchange in
                let head = Weak()
                head.head = exchange.request
                heads.append(head)
                exchange.respond(ResponseHead(status: 204))
            }
        )
        try bench.receive(HTTP2LimitTests.preface)
        // A field of 3,900 bytes is put into the table.
        let long: [UInt8] = [0x40, 1, 97, 0x7F, 0xBD, 0x1D] + [UInt8](repeating: 98, count: 3_900)
        try bench.receive(HTTP2LimitTests.frame(1, flags: 5, stream: 1, Self.get + [0x01, 1, 120] + long))
        for stream in [3, 5, 7] {
            let fields = Self.get + [0x01, 1, 97 + UInt8(stream)] + [0xBE, 0xBE, 0xBE]
            try bench.receive(HTTP2LimitTests.frame(1, flags: 5, stream: stream, fields))
        }
        try bench.receive(HTTP2LimitTests.frame(1, flags: 5, stream: 9, Self.get + [0x01, 1, 120]))
        #expect(bench.isOpen && heads.map { $0.head != nil } == [false, false, false, false, true])
    }

    /// What one connection reads is no other's, though they read into the same memory.
    @Test func connectionsOfOneLoopHaveTheirOwnRequests() throws {
        let scratch = ReadScratch()
        var seen: [String] = []
        func handle(_ exchange: Exchange) {
            exchange.collectBody(upTo: 100) { result in
                let body = (try? result.get()).map { String(buffer: $0) } ?? "none"
                seen.append(exchange.request.authority + body)
                exchange.respond(ResponseHead(status: 204))
            }
        }
        let benches = try (0..<2).map { _ in try ConnectionBench.http2(.server(handle), readScratch: scratch) }
        for bench in benches { try bench.receive(HTTP2LimitTests.preface) }
        var expected: [String] = []
        for round in 0..<6 {
            for (bench, name) in zip(benches, ["x", "y"]) {
                let stream = 4 * round + 1
                let fields = [0x83] + Self.get.dropFirst() + [0x01, 1] + Array(name.utf8)
                var bytes: [UInt8] = []
                for (stream, body) in [(stream, "\(round)a"), (stream + 2, "\(round)b")] {
                    bytes += HTTP2LimitTests.frame(1, flags: 4, stream: stream, fields)
                    bytes += HTTP2LimitTests.frame(0, flags: 1, stream: stream, Array((name + body).utf8))
                    expected.append(name + name + body)
                }
                try bench.receive(bytes)
            }
        }
        #expect(seen == expected)
    }

    // MARK: What changes the table

    /// Blocks, and whether HPACK's table is after them as before (RFC 7541 section 6).
    static let blocks: [(block: [UInt8], leavesTable: Bool)] = [
        ([], true), ([0x82, 0xBE], true), ([0xFF, 0x80, 0x01], true), ([0x00, 1, 97, 1, 98], true),
        ([0x10, 1, 97, 0x81, 0x1F], true), ([0x04, 2, 47, 97], true), ([0x0F, 0x0D, 1, 0x35], true),
        ([0x1F, 0x0D, 0], true), ([0x40, 1, 97, 1, 98], false), ([0x82, 0x41, 1, 120], false), ([0x20], false),
        ([0x3F, 0xE1, 0x1F], false), ([0x82, 0x7F, 0x0D, 0], false),
        // Cut off, no index, no end.
        ([0x00, 1, 97, 1], false), ([0x00, 1, 97], false), ([0x04, 2, 47], false), ([0x0F], false), ([0x04], false),
        ([0x80], false), ([0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01], false),
        ([0x00, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F, 97, 0], false),
    ]

    @Test(arguments: blocks.indices) func whatChangesTheTableIsTold(index: Int) {
        let (block, leavesTable) = Self.blocks[index]
        #expect(block.withUnsafeBytes { HPACK.leavesTable($0) } == leavesTable)
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
