import NIOCore
import NIOPosix
import Redis
import TestSupport
import Testing

struct SubscriptionTests {
    private func withListener(
        _ redis: TestRedis,
        ping: Duration = .seconds(5),
        _ body: @Sendable (Listener, RedisClient) async throws -> Void
    ) async throws {
        func setPing(_ configuration: inout RedisConfiguration) { configuration.pingInterval = ping }
        try await withClient(redis, configure: setPing) { client, group in
            let listener = try await Listener(client, loop: group.next())
            try await body(listener, client)
            try await listener.close()
        }
    }

    @Test func `messages come for what is subscribed, until it is not`() async throws {
        try await TestRedis.with { redis in
            try await withListener(redis) { listener, client in
                var events = listener.events.makeAsyncIterator()
                listener.subscribe("a")
                #expect(await events.next() == .ready("a"))
                listener.subscribe("b")
                #expect(await events.next() == .ready("b"))
                _ = try await client.send(RedisCommand("PUBLISH", "a", "1"))
                #expect(await events.next() == .message("a", "1"))
                listener.unsubscribe("a")
                _ = try await client.send(RedisCommand("PUBLISH", "a", "2"))
                _ = try await client.send(RedisCommand("PUBLISH", "b", "3"))
                #expect(await events.next() == .message("b", "3"))
            }
        }
    }

    @Test func `a channel left and joined in one turn is ready only with its last confirmation`() async throws {
        try await TestRedis.with { redis in
            try await withListener(redis) { listener, client in
                var events = listener.events.makeAsyncIterator()
                listener.subscribe("other")
                #expect(await events.next() == .ready("other"))
                for _ in 0..<20 {
                    listener.subscribeTwice("a")
                    #expect(await events.next() == .ready("a"))
                    let receivers = try await client.send(RedisCommand("PUBLISH", "a", "x")).int
                    #expect(receivers == 1)
                    #expect(await events.next() == .message("a", "x"))
                    listener.unsubscribe("a")
                }
            }
        }
    }

    @Test func `after a restart every channel is subscribed again and reported as a gap`() async throws {
        try await TestRedis.with { redis in
            try await withListener(redis) { listener, client in
                var events = listener.events.makeAsyncIterator()
                let channels = (0..<600).map { "c\($0)" }
                for channel in channels { listener.subscribe(channel) }
                for _ in channels { _ = await events.next() }
                await redis.kill()
                try await redis.start()
                var gaps: Set<String> = []
                for _ in channels { if case .gap(let channel)? = await events.next() { gaps.insert(channel) } }
                #expect(gaps == Set(channels))
                let receivers = try await eventually { try await client.send(RedisCommand("PUBLISH", "c7", "x")) }
                #expect(receivers.int == 1)
                #expect(await events.next() == .message("c7", "x"))
            }
        }
    }

    @Test func `a server that no longer answers pings is given up`() async throws {
        try await TestRedis.with { redis in
            try await withListener(redis, ping: .milliseconds(50)) { listener, _ in
                var events = listener.events.makeAsyncIterator()
                listener.subscribe("a")
                #expect(await events.next() == .ready("a"))
                await redis.pause()
                let resumed = Task {
                    // The connection is dead after two silent intervals; the gap proves that it was replaced.
                    try await Task.sleep(for: .milliseconds(300))
                    await redis.resume()
                }
                #expect(await events.next() == .gap("a"))
                try await resumed.value
            }
        }
    }

    @Test func `a subscription made without a server is ready when it comes up`() async throws {
        try await TestRedis.with { redis in
            await redis.kill()
            try await withListener(redis) { listener, _ in
                var events = listener.events.makeAsyncIterator()
                listener.subscribe("a")
                try await redis.start()
                #expect(await events.next() == .ready("a"))
            }
        }
    }
}

/// What a subscription has reported.
enum Notice: Equatable, Sendable {
    case ready(String)
    case gap(String)
    case message(String, String)
}

/// A subscription on its loop, with what it reports as a stream.
final class Listener: Sendable {
    let loop: any EventLoop
    let events: AsyncStream<Notice>
    private let sink: AsyncStream<Notice>.Continuation
    private let subscription: NIOLoopBoundBox<Subscription?>

    init(_ client: RedisClient, loop: any EventLoop) async throws {
        self.loop = loop
        let (events, sink) = AsyncStream.makeStream(of: Notice.self)
        self.events = events
        self.sink = sink
        subscription = .makeEmptyBox(valueType: Subscription.self, eventLoop: loop)
        try await loop.submit { [subscription] in
            subscription.value = client.makeSubscription(on: loop) {
                sink.yield(.gap($0))
            }
        }.get()
    }

    func subscribe(_ channel: String, isSharded: Bool = false) {
        loop.execute { self.subscribeOnLoop(channel, isSharded) }
    }

    /// Subscribes, leaves and subscribes again in one turn of the loop.
    func subscribeTwice(_ channel: String) {
        loop.execute {
            self.subscribeOnLoop(channel)
            self.subscription.value?.unsubscribe(channel)
            self.subscribeOnLoop(channel)
        }
    }

    private func subscribeOnLoop(_ channel: String, _ isSharded: Bool = false) {
        subscription.value?.subscribe(channel, isSharded: isSharded) {
            self.sink.yield(.ready(channel))
        } onMessage: {
            self.sink.yield(.message(channel, String(buffer: $0)))
        }
    }

    func unsubscribe(_ channel: String) { loop.execute { self.subscription.value?.unsubscribe(channel) } }

    func close() async throws { try await loop.submit { self.subscription.value?.close() }.get() }
}
