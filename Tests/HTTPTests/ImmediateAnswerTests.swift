import NIOCore
import Testing

@testable import HTTP

/// Requests that are answered at once, whose streams are used again, between requests that are not.
@Suite struct ImmediateAnswerTests {
    private static let head = PreparedHead(ResponseHead(status: 200))
    private static let trailers = PreparedTrailers(["t": "1"])
    private static let prefix = BytePrefix(0x0201, count: 2)

    /// Answers a path of one digit at once, with so many thousand bytes, or with that digit if there are none.
    private static func answer(_ request: RequestHead) -> ImmediateAnswer? {
        guard request.path.utf8.count == 2, let digit = request.path.utf8.last, digit <= UInt8(ascii: "9") else {
            return nil
        }
        let thousands = Int(digit) - 48
        let body = ByteBuffer(repeating: digit, count: thousands > 0 ? thousands * 1_000 : 1)
        return ImmediateAnswer(head, prefix: prefix, body, trailers)
    }

    /// What came on one stream.
    private struct Response: Equatable {
        var headers = 0
        var body: [UInt8] = []
        var hasEnded = false
        var wasReset = false
    }

    private func responses(_ bytes: [UInt8]) -> [Int: Response] {
        SentFrame.all(in: bytes).filter { $0.stream > 0 }.reduce(into: [:]) { responses, frame in
            var response = responses[frame.stream] ?? Response()
            switch frame.type {
            case 0: response.body += frame.payload
            case 1: response.headers += 1
            case 3: response.wasReset = true
            case _: break
            }
            response.hasEnded = response.hasEnded || frame.endsStream
            responses[frame.stream] = response
        }
    }

    private func request(_ path: String, stream: Int, isWhole: Bool) -> [UInt8] {
        let fields = [(":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "x")]
        let block = RequestRulesTests.encode(fields.map { (name: $0.0, value: $0.1) })
        return HTTP2LimitTests.frame(1, flags: isWhole ? 5 : 4, stream: stream, block)
    }

    @Test(arguments: 1...4) func eachAnswerIsThatOfItsRequest(seed: UInt64) throws {
        var random = Random(state: seed)
        var (expected, reset): ([Int: Response], Set<Int>) = ([:], [])
        let bench = try ConnectionBench.http2(
            .server { $0.respond(ResponseHead(status: 204)) },
            immediate: { request, _ in Self.answer(request) }
        )
        try bench.receive(HTTP2LimitTests.preface)
        var stream = 1
        for _ in 0..<300 {
            var bytes: [UInt8] = []
            for _ in 0..<(1 + random.below(8)) {
                let thousands = random.below(9)
                let whole: [UInt8] =
                    thousands > 0 ? Array(repeating: 48 + UInt8(thousands), count: thousands * 1_000) : [48]
                switch random.below(5) {
                case 0:
                    bytes += request("/other", stream: stream, isWhole: true)
                    expected[stream] = Response(headers: 1, hasEnded: true)
                case 1:
                    // Given up by the client; what came before that does not count.
                    bytes += request("/\(thousands)", stream: stream, isWhole: false)
                    bytes += HTTP2LimitTests.frame(3, stream: stream, [0, 0, 0, 8])
                    reset.insert(stream)
                case 2:
                    bytes += request("/\(thousands)", stream: stream, isWhole: false)
                    bytes += HTTP2LimitTests.frame(0, flags: 1, stream: stream, [1, 2, 3])
                    expected[stream] = Response(headers: 2, body: [1, 2] + whole, hasEnded: true)
                case _:
                    bytes += request("/\(thousands)", stream: stream, isWhole: true)
                    expected[stream] = Response(headers: 2, body: [1, 2] + whole, hasEnded: true)
                }
                stream += 2
            }
            // Room for as much as may come.
            bytes += HTTP2LimitTests.frame(8, stream: 0, [0, 1, 0, 0])
            try bench.receive(bytes)
        }
        #expect(responses(bench.sent).filter { !reset.contains($0.key) } == expected)
        #expect(bench.connection.isIdle && bench.connection.unsent == 0)
    }

    /// Every property of a stream that is used again is that of a new one.
    @Test func streamThatIsUsedAgainIsAsNew() throws {
        let bench = try ConnectionBench.http2(.server { _ in }, immediate: { request, _ in Self.answer(request) })
        let memory = SessionMemory()
        func properties(_ stream: HTTP2Stream) -> [String] {
            Mirror(reflecting: stream).children.map { "\($0.label ?? ""): \($0.value)" }
        }
        let stream = HTTP2Stream(id: 1, connection: bench.connection)
        stream.recordHead(RequestHead(method: "POST", path: "/3", headers: ["content-length": "3"]))
        let isWithin = withUnsafeBytes(of: (1, 2, 3) as (UInt8, UInt8, UInt8)) { stream.recordData($0) }
        #expect(isWithin && stream.recordEnd())
        stream.deliver()
        #expect(stream.recordClose(8) == .none)
        let used = properties(stream)
        memory.keep(stream)
        #expect(stream.id == 1)
        let other = HTTP2Stream(id: 3, connection: bench.connection)
        #expect(used != properties(other))
        stream.renew(id: 3, connection: bench.connection)
        #expect(properties(stream) == properties(other))
        stream.close(.disconnected)
    }

    @Test func streamThatSomebodyHoldsIsNotUsedAgain() throws {
        let bench = try ConnectionBench.http2(.server { _ in })
        let memory = SessionMemory()
        let held = HTTP2Stream(id: 1, connection: bench.connection)
        memory.keep(held)
        #expect(memory.stream(id: 3, connection: bench.connection) !== held)
        memory.keep(HTTP2Stream(id: 5, connection: bench.connection))
        #expect(memory.stream(id: 7, connection: bench.connection).id == 7)
    }
}
