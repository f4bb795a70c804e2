import Messages
import NIOCore
import RPC
import Store
import Testing

@testable import Gateway

struct CORSPolicyTests {
    private func headers(_ policy: CORSPolicy, _ origin: String?) -> [String: String] {
        Dictionary(policy.headers(for: origin), uniquingKeysWith: { first, _ in first })
    }

    @Test func `without origins there is no CORS`() {
        #expect(headers(CORSPolicy(), "https://a.example").isEmpty)
    }

    @Test func `an exact origin is allowed, another is not, and caches are told that it matters`() {
        var policy = CORSPolicy()
        policy.origins = ["https://a.example"]
        var allowed = headers(policy, "https://a.example")
        #expect(allowed.removeValue(forKey: "access-control-expose-headers")?.contains("x-request-id") == true)
        #expect(allowed == ["vary": "origin", "access-control-allow-origin": "https://a.example"])
        for other in [
            "https://b.example", "http://a.example", "https://a.example.evil", "https://a.example:8443", "null", "",
        ] {
            #expect(headers(policy, other) == ["vary": "origin"])
        }
        #expect(headers(policy, nil) == ["vary": "origin"])
    }

    @Test func `credentials go with exact origins only`() {
        var policy = CORSPolicy()
        policy.origins = ["*", "https://a.example"]
        #expect(headers(policy, "https://b.example")["access-control-allow-origin"] == "*")
        policy.credentials = true
        #expect(headers(policy, "https://b.example") == ["vary": "origin"])
        #expect(headers(policy, "https://a.example")["access-control-allow-credentials"] == "true")
    }
}

struct ErrorTableTests {
    /// Every code, with what it is in gRPC and in HTTP, and whether another try makes sense.
    private static let table: [(StoreError.Code, Status.Code, Int, Bool)] = [
        (.notFound, .notFound, 404, false),
        (.conflict, .alreadyExists, 409, false),
        (.busy, .aborted, 409, false),
        (.exhausted, .resourceExhausted, 429, true),
        (.invalid, .invalidArgument, 400, false),
        (.gone, .outOfRange, 410, false),
        (.unavailable, .unavailable, 503, true),
        (.stale, .aborted, 409, false),
        (.internal, .internal, 500, false),
    ]

    @Test(arguments: table)
    func `every code has its place`(code: StoreError.Code, grpc: Status.Code, http: Int, retries: Bool) {
        #expect(code.grpc == grpc && code.http == http && (code.retryAfter != nil) == retries)
        #expect(Status(StoreError(code, "why")).code == grpc)
    }

    @Test func `a field at fault is named`() {
        #expect(Status(StoreError(.invalid, "is wrong", field: "task")).message == "task: is wrong")
        let field = StoreError(describing: MessageError.field("steps[2]", reason: "must be text"))
        #expect(field.code == .invalid && field.field == "steps[2]" && field.message == "must be text")
    }

    @Test func `what is not meant for clients does not reach them`() {
        struct Secret: Error, CustomStringConvertible { let description = "password=1234" }
        let error = StoreError(describing: Secret())
        #expect(error.code == .internal && !error.message.contains("1234"))
        #expect(!Status(Secret()).message.contains("1234"))
    }

    @Test func `bytes that are no message, and a call that was cancelled`() {
        #expect(Status(MessageError.malformed(type: "baud.v1.Run")).code == .internal)
        #expect(StoreError(describing: CancellationError()).code == .unavailable)
    }
}

struct StreamItemTests {
    @Test func `an entry of a legacy stream cannot break out of its field`() {
        let item = StreamItem(FlowEvent(id: "1-0", type: "a\nevent: b", data: "{\"x\":\r\n1}\n\nid: 9"))
        let frame = String(buffer: item.sseFrame)
        #expect(frame.split(separator: "\n", omittingEmptySubsequences: false).count == 5)
        #expect(frame.hasPrefix("id: 1-0\nevent: a event: b\ndata: {") && frame.hasSuffix("\n\n"))
    }

    @Test func `an event as SSE: cursor, type, one line of JSON`() {
        let event = Event(threadID: "t", type: "keep_alive", time: 1)
        let frame = String(buffer: StreamItem(unstored: event).sseFrame)
        #expect(frame.hasPrefix("event: keep_alive\ndata: {") && frame.hasSuffix("}\n\n"))
    }
}
