import CNghttp2
import NIOCore
import Testing

@testable import HTTP

/// Requests that are well-formed and requests that are not, given to a connection and to a session that leaves the rules
/// of RFC 9113 section 8 to nghttp2: both have to reset the same streams.
@Suite struct RequestRulesTests {
    typealias Field = (name: String, value: String)

    /// A request, frame by frame.
    struct Request {
        var head: [Field]
        var data: [Int] = []
        var trailers: [Field]?

        /// - Parameter stream: odd.
        func frames(on stream: Int) -> [[UInt8]] {
            let isEmpty = data.isEmpty && trailers == nil
            var frames = [HTTP2LimitTests.frame(1, flags: isEmpty ? 5 : 4, stream: stream, encode(head))]
            for (index, count) in data.enumerated() {
                let isLast = index == data.count - 1 && trailers == nil
                let bytes = [UInt8](repeating: 1, count: count)
                frames.append(HTTP2LimitTests.frame(0, flags: isLast ? 1 : 0, stream: stream, bytes))
            }
            if let trailers { frames.append(HTTP2LimitTests.frame(1, flags: 5, stream: stream, encode(trailers))) }
            return frames
        }
    }

    /// Fields that are not to be indexed (RFC 7541 section 6.2.2).
    static func encode(_ fields: [Field]) -> [UInt8] {
        var bytes: [UInt8] = []
        for (name, value) in fields {
            bytes.append(0)
            for text in [name, value] {
                bytes.append(UInt8(text.utf8.count))
                bytes += text.utf8
            }
        }
        return bytes
    }

    // MARK: What is compared

    /// nghttp2 alone.
    private final class Reference {
        private var session: OpaquePointer?
        private(set) var sent: [UInt8] = []
        private var requests = 0

        init() throws {
            var callbacks: OpaquePointer?
            try #require(nghttp2_session_callbacks_new(&callbacks) == 0)
            defer { nghttp2_session_callbacks_del(callbacks) }
            nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks) { _, frame, user in
                guard let frame, frame.pointee.hd.type == 1, frame.pointee.headers.cat == NGHTTP2_HCAT_REQUEST else {
                    return 0
                }
                user.map { Unmanaged<Reference>.fromOpaque($0).takeUnretainedValue().requests += 1 }
                return 0
            }
            let user = Unmanaged.passUnretained(self).toOpaque()
            try #require(nghttp2_session_server_new(&session, callbacks, user) == 0)
        }

        deinit { nghttp2_session_del(session) }

        var heads: Int { requests }

        func receive(_ bytes: [UInt8]) {
            _ = nghttp2_session_mem_recv(session, bytes, bytes.count)
            var next: UnsafePointer<UInt8>?
            while case let count = nghttp2_session_mem_send(session, &next), count > 0 {
                sent += UnsafeBufferPointer(start: next, count: count)
            }
        }
    }

    /// Gives both the requests, all at once or frame by frame, and returns how many were resets.
    private func compare(_ requests: [Request], atOnce: Bool, _ comment: Comment) throws -> Int {
        var heads = 0
        let bench = try ConnectionBench.http2(.server { _ in heads += 1 })
        let reference = try Reference()
        try bench.receive(HTTP2LimitTests.preface)
        reference.receive(HTTP2LimitTests.preface)
        let frames = requests.enumerated().map { ($0 * 2 + 1, $1.frames(on: $0 * 2 + 1)) }
        if atOnce {
            let bytes = frames.flatMap { Array($1.joined()) }
            try bench.receive(bytes)
            reference.receive(bytes)
        }
        for (stream, frames) in frames where !atOnce {
            // What follows a reset is answered as the connection likes.
            for frame in frames where SentFrame.resets(in: reference.sent)[stream] == nil {
                try bench.receive(frame)
                reference.receive(frame)
            }
        }
        let resets = SentFrame.resets(in: reference.sent)
        #expect(SentFrame.resets(in: bench.sent) == resets, comment)
        #expect(heads == reference.heads, comment)
        return resets.count
    }

    // MARK: Requests at random

    private static let names = [
        ":method", ":path", ":scheme", ":authority", ":status", ":protocol", ":a", ":", "", "host", "content-length",
        "te",
        "connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade", "a", "A", "a b", "a\0", "ä",
        "te ",
    ]
    private static let values = [
        "", "GET", "get", "CONNECT", "OPTIONS", "G T", "/", "/a?b#c", "*", "**", "a", "/ä", "/ b", "http", "HTTPS",
        "ftp",
        "+ftp", "h_p", "1x", "x:80", "x y", "u@[::1]", "5", "05", "+5", "-1", "3", "9223372036854775807",
        "9223372036854775808", "trailers", "Trailers", "trailersx", "TRAILERR", " a", "a ", "\t", " ", "a\0b", "a\nb",
        "a\u{7F}",
    ]
    /// `:method`, `:scheme`, `:path`, `:authority`, and others.
    private static let usual: [[Field]] = [
        [(":method", "POST"), (":scheme", "http"), (":path", "/a"), (":authority", "x"), ("te", "trailers")],
        [(":method", "GET"), (":scheme", "https"), (":path", "/"), ("host", "x")],
        [(":method", "OPTIONS"), (":scheme", "HTTP"), (":path", "*"), (":authority", "x"), ("host", "y")],
        [(":method", "CONNECT"), (":authority", "x:80"), ("content-length", "5")],
        [(":method", "PUT"), (":scheme", "x"), (":path", "a"), (":authority", "x"), ("content-length", "5")],
        [(":method", "POST"), (":scheme", "http"), (":path", "/a"), (":authority", "x"), ("content-length", "5")],
    ]

    private func altered(_ fields: [Field], _ random: inout Random) -> [Field] {
        var fields = fields
        let place = random.below(fields.count)
        switch random.below(6) {
        case 0: fields.remove(at: place)
        case 1: fields.insert(fields[random.below(fields.count)], at: place)
        case 2: fields.swapAt(place, random.below(fields.count))
        case 3: fields[place].name = Self.names[random.below(Self.names.count)]
        case 4: fields[place].value = Self.values[random.below(Self.values.count)]
        case _:
            let name = Self.names[random.below(Self.names.count)]
            fields.insert((name, Self.values[random.below(Self.values.count)]), at: random.below(fields.count + 1))
        }
        return fields
    }

    private func request(_ random: inout Random) -> Request {
        var request = Request(head: Self.usual[random.below(Self.usual.count)])
        for _ in 0..<random.below(3) where !request.head.isEmpty { request.head = altered(request.head, &random) }
        let lengths = [[], [], [5], [2, 3], [0, 5], [2], [5, 1], [6], [0]]
        request.data = lengths[random.below(lengths.count)]
        if random.happens(oneIn: 4) {
            request.trailers =
                random.happens(oneIn: 2) ? [("a", "b")] : altered([("a", "b"), ("te", "trailers")], &random)
            // Of a length or a host in trailers nghttp2 says nothing, see `trailersHaveNoFieldsOfTheHead`.
            request.trailers?.removeAll { $0.name == "content-length" || $0.name == "host" }
        }
        return request
    }

    @Test(arguments: [false, true]) func sameStreamsAreResetAsByNghttp2(atOnce: Bool) throws {
        var (total, resets) = (0, 0)
        for seed in 0..<1_500 {
            var random = Random(state: UInt64(seed))
            let requests = (0..<(1 + random.below(12))).map { _ in request(&random) }
            total += requests.count
            resets += try compare(requests, atOnce: atOnce, "seed \(seed)")
        }
        #expect(resets > total / 5 && resets < total * 4 / 5, "\(resets) of \(total)")
    }

    /// Each field of a list replaced by each of the names and each of the values.
    @Test func oneWrongFieldIsFound() throws {
        for fields in Self.usual {
            for place in fields.indices {
                let changed =
                    Self.names.map { (name: $0, value: fields[place].value) }
                    + Self.values.map { (name: fields[place].name, value: $0) }
                for field in changed {
                    var request = Request(head: fields, data: [5])
                    request.head[place] = field
                    _ = try compare([request], atOnce: true, "\(field)")
                }
            }
        }
    }

    // MARK: What nghttp2 does otherwise

    @Test(arguments: ["content-length", "host"]) func trailersHaveNoFieldsOfTheHead(name: String) throws {
        let bench = try ConnectionBench.http2(.server { _ in })
        try bench.receive(HTTP2LimitTests.preface)
        let request = Request(head: Self.usual[0], data: [5], trailers: [(name, "5")])
        try bench.receive(request.frames(on: 1).joined())
        #expect(SentFrame.resets(in: bench.sent) == [1: 1])
    }

    @Test func trailersEndTheirStream() throws {
        let bench = try ConnectionBench.http2(.server { _ in })
        try bench.receive(HTTP2LimitTests.preface)
        try bench.receive(Request(head: Self.usual[0], data: [5, 0]).frames(on: 1).prefix(2).joined())
        try bench.receive(HTTP2LimitTests.frame(1, flags: 4, stream: 1, Self.encode([("a", "b")])))
        #expect(SentFrame.resets(in: bench.sent) == [1: 1])
    }

    // MARK: Priority

    @Test(arguments: [
        ("u=0", 0, false), ("i", 3, true), ("u=7, i", 7, true), ("i=?1,u=1", 1, true), ("i=?0", 3, false),
        ("u=2;a=1 , b=\"c\"", 2, false), ("", 3, false), ("x", 3, false),
    ]) func priorityIsRead(field: String, urgency: UInt32, isIncremental: Bool) throws {
        let priority = try #require(StreamPriority(field))
        #expect(priority.urgency == urgency && priority.isIncremental == isIncremental)
    }

    @Test(arguments: ["u=8", "u=-1", "u=", "u=a"]) func priorityOutOfRangeIsPassedOver(field: String) {
        #expect(StreamPriority(field) == nil)
    }

    @Test func urgentAnswerGoesFirst() throws {
        let bench = try ConnectionBench.http2(
            .server { $0.respond(ResponseHead(status: 200), body: ByteBuffer(string: $0.request.path)) }
        )
        try bench.receive(HTTP2LimitTests.preface)
        let paths = [("/last", "u=7"), ("/usual", ""), ("/first", "u=0")]
        let frames = paths.enumerated().flatMap { index, path in
            var head = Self.usual[1] + [("priority", path.1)]
            head[2].value = path.0
            return Request(head: head).frames(on: 2 * index + 1)
        }
        try bench.receive(frames.joined())
        let places = try ["/first", "/usual", "/last"].map {
            try #require(bench.sent.firstRange(of: $0.utf8)).lowerBound
        }
        #expect(places == places.sorted())
    }
}
