import Curl
import Digest
import Foundation
import Messages
import Redis
import ServiceLifecycle
import Store
import TestSupport
import Testing

@testable import Modem

typealias Reply = StandInModelServer.Reply

@Suite(.timeLimit(.minutes(1)))
struct WebhookSenderTests {
    private static let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

    /// Senders work while `body` runs.
    private func sending(
        _ bench: ModemBench,
        senders count: Int = 1,
        _ configure: (inout WebhookConfiguration) -> Void = { _ in },
        _ body: () async throws -> Void
    ) async throws {
        var configuration = WebhookConfiguration()
        configuration.signer = WebhookSigner(secret: Self.secret)
        configuration.allowsPrivate = true
        configuration.retries = RetryBackoff(base: .milliseconds(10), limit: .milliseconds(50))
        configuration.interval = .milliseconds(20)
        configuration.timeout = .seconds(5)
        configure(&configuration)
        let client = try CurlClient()
        let senders = (0..<count).map { _ in
            WebhookSender(store: bench.store, client: client, configuration: configuration, logger: .quiet)
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for sender in senders { group.addTask { try await sender.run() } }
            try await body()
            group.cancelAll()
        }
        await client.shutdown()
    }

    private func ended(_ bench: ModemBench, _ url: String, _ status: RunEnd.Status = .completed) async throws -> Run {
        let thread = try await bench.store.initiate(InitiateThreadRequest()).thread.threadID
        let request = ExecuteRunRequest(threadID: thread, task: "x", webhook: Webhook(url: url))
        let run = try await bench.store.execute(request).run
        let claimed = try #require(try await bench.store.claimNext(for: "w"))
        try await RunLog(run: claimed, store: bench.store).finish(RunEnd(status, text: "döne"))
        return run
    }

    private func until(_ condition: () async throws -> Bool) async throws {
        while try await !condition() { try await Task.sleep(for: .milliseconds(5)) }
    }

    @Test func `the signature of the published example`() throws {
        let signer = try #require(WebhookSigner(secret: Self.secret))
        let body = Array(#"{"test": 2432232314}"#.utf8)
        let signature = signer.signature(of: body, id: "msg_p5jXN8AQM9LWM0D4loKWxJek", timestamp: 1_614_265_330)
        #expect(signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
        #expect("\(signer)" == "***" && String(reflecting: signer) == "***")
    }

    @Test(arguments: ["", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_", "whsec_c2hvcnQ=", "whsec_%%%"])
    func `secrets that are none`(text: String) { #expect(WebhookSigner(secret: text) == nil) }

    @Test(arguments: [
        "https://example.com", "HTTPS://example.com/a?b#c", "http://example.com:8080/", "https://1.1.1.1/x",
        "https://[2606:4700::1111]:443/",
    ])
    func `URLs that will do`(url: String) {
        #expect(WebhookURL.problem(with: url, allowsPrivate: false) == nil)
    }

    @Test(arguments: [
        "", "example.com", "ftp://example.com", "file:///etc/passwd", "https://", "https:///x", "https://a b",
        "https://a\\b", "https://user@example.com", "https://u:p@example.com", "https://a:0", "https://a:99999",
        "https://a:b", "https://[::1", "https://[a]", "https://ex\u{e4}mple.com", "https://a/\n", "https://a%2eb",
        "https://a/" + String(repeating: "x", count: 2048),
    ])
    func `URLs that will not`(url: String) { #expect(WebhookURL.problem(with: url, allowsPrivate: true) != nil) }

    @Test(arguments: [
        "http://localhost/", "http://LOCALHOST:80", "http://a.localhost", "http://127.0.0.1", "http://10.1.2.3/x",
        "http://169.254.169.254/latest", "http://[::1]/", "http://[::ffff:10.0.0.1]", "http://[fe80::1]",
    ])
    func `private URLs, where they are not allowed`(url: String) {
        #expect(WebhookURL.problem(with: url, allowsPrivate: false)?.contains("webhooks.allow_private") == true)
        #expect(WebhookURL.problem(with: url, allowsPrivate: true) == nil)
    }

    @Test func `an event is tried until it is taken, under one id and with the signature of each try`() async throws {
        let server = try StandInModelServer([
            Reply(status: 500, ""), Reply(status: 302, headers: [("location", "/x")], ""),
            Reply(status: 204, chunks: [], hasLength: true),
        ])
        defer { server.stop() }
        try await ModemBench.with { bench in
            let run = try await ended(bench, server.url + "/hook")
            try await sending(bench) {
                await server.received(3)
                try await until { try await bench.store.webhookStats() == (0, 0) }
            }
            #expect(server.requests.map(\.line) == Array(repeating: "POST /hook HTTP/1.1", count: 3))
            let key = Array(try #require(Data(base64Encoded: String(Self.secret.dropFirst(6)))))
            for request in server.requests {
                let id = try #require(request.headers["webhook-id"])
                let time = try #require(request.headers["webhook-timestamp"])
                let code = HMACSHA256.code(for: Array("\(id).\(time).".utf8) + request.body, key: key)
                #expect(request.headers["webhook-signature"] == "v1," + Data(code).base64EncodedString())
                #expect(id == server.requests[0].headers["webhook-id"])
                #expect(request.body == server.requests[0].body)
                #expect(request.headers["content-type"] == "application/json")
            }
            let body = try JSON(parsing: server.requests[0].body)
            #expect(body["type"]?.string == "run_completed")
            #expect(body["timestamp"]?.string?.hasSuffix("Z") == true)
            #expect(body["data"]?["event"]?["type"]?.string == "run_completed")
            #expect(body["data"]?["event"]?["id"]?.string?.isEmpty == false)
            #expect(body["data"]?["run"]?["run_id"]?.string == run.runID)
            #expect(body["data"]?["run"]?["text"]?.string == "döne")
        }
    }

    @Test(arguments: [(410, 1), (404, 3), (500, 3)])
    func `an event that nobody takes is given up`(status: Int, tries: Int) async throws {
        let server = try StandInModelServer([Reply(status: status, "no")])
        defer { server.stop() }
        try await ModemBench.with { bench in
            _ = try await ended(bench, server.url)
            try await sending(bench) {
                $0.maxTries = 3
            } _: {
                try await until { try await bench.store.webhookStats() == (0, 1) }
            }
            #expect(server.requests.count == tries)
        }
    }

    @Test func `a receiver that is silent is given up in time`() async throws {
        // The head of an answer without an end is an answer; a word that one is to come is none.
        for (status, expected) in [(200, (0, 0)), (100, (0, 1))] {
            let server = try StandInModelServer([Reply(status: status, chunks: [], ending: .hang)])
            defer { server.stop() }
            try await ModemBench.with { bench in
                _ = try await ended(bench, server.url)
                try await sending(bench) {
                    $0.timeout = .milliseconds(300)
                    $0.maxTries = 2
                } _: {
                    try await until { try await bench.store.webhookStats() == expected }
                }
                #expect(server.requests.count == (status == 200 ? 1 : 2))
            }
        }
    }

    @Test func `addresses that are not public are not called, even if their URL was accepted`() async throws {
        let server = try StandInModelServer([Reply("secret")])
        defer { server.stop() }
        try await ModemBench.with { bench in
            // By a name that resolves to loopback, by an address in another spelling, and plainly.
            for host in ["localhost.", "2130706433", "127.0.0.1"] {
                _ = try await ended(bench, "http://\(host):\(server.port)/")
            }
            try await sending(bench) {
                $0.allowsPrivate = false
            } _: {
                try await until { try await bench.store.webhookStats() == (0, 3) }
            }
            #expect(server.requests.isEmpty)
        }
    }

    @Test func `many senders share the work, and each event is sent once`() async throws {
        let server = try StandInModelServer([Reply("ok")])
        defer { server.stop() }
        try await ModemBench.with { bench in
            try await sending(bench, senders: 3) {
                for _ in 0..<60 { _ = try await ended(bench, server.url) }
                try await until { try await bench.store.webhookStats() == (0, 0) }
            }
            #expect(server.requests.count == 60)
            #expect(Set(server.requests.compactMap { $0.headers["webhook-id"] }).count == 60)
        }
    }

    @Test func `a receiver that is silent does not hold up another`() async throws {
        // Connections are taken, and nothing is said.
        let silent = try StandInModelServer([Reply(status: 100, chunks: [], ending: .hang)])
        let server = try StandInModelServer([Reply("ok")])
        defer { server.stop() }
        defer { silent.stop() }
        try await ModemBench.with { bench in
            for _ in 0..<12 { _ = try await ended(bench, silent.url) }
            for _ in 0..<12 { _ = try await ended(bench, server.url) }
            try await sending(bench) {
                $0.concurrency = 4
                $0.concurrencyPerHost = 2
                $0.crowdedDelay = .milliseconds(50)
                $0.timeout = .seconds(30)
            } _: {
                await server.received(12)
                #expect(silent.requests.count == 2)
                try await until { try await bench.store.webhookStats() == (12, 0) }
            }
        }
    }

    @Test func `a sender that is ended in the middle of a try leaves the event to another`() async throws {
        let server = try StandInModelServer([Reply(status: 100, chunks: [], ending: .hang), Reply("ok")])
        defer { server.stop() }
        try await ModemBench.with { bench in
            let run = try await ended(bench, server.url)
            try await sending(bench) {
                $0.timeout = .seconds(30)
            } _: {
                await server.received(1)
            }
            #expect(try await bench.store.webhookStats() == (1, 0))
            // Its lease is over by then.
            let name = "thread:\(run.threadID):run:\(run.runID)"
            let event = try #require(
                try await bench.store.redis.send(RedisCommand("LINDEX", RedisArgument("\(name):outbox"), "0")).string
            )
            let entry = RedisArgument("\(name):webhook:\(event)")
            _ = try await bench.store.redis.send(RedisCommand("HSET", entry, "webhook_again", "1"))
            let member = RedisArgument("\(run.threadID) \(run.runID)")
            _ = try await bench.store.redis.send(RedisCommand("ZADD", "queue:default:webhooks", "1", member))
            try await sending(bench) {
                try await until { try await bench.store.webhookStats() == (0, 0) }
            }
            #expect(server.requests.count == 2)
            #expect(server.requests[0].headers["webhook-id"] == server.requests[1].headers["webhook-id"])
        }
    }
}
