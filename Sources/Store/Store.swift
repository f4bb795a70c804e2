internal import Digest
internal import Foundation
public import Logging
internal import Messages
public import Redis
internal import Synchronization

/// Everything that is kept: threads, runs, the worker queue and the event log, in Redis.
///
/// The only room that knows keys and scripts. Stateless but for its connections: any number of gateways and workers share a
/// server. The async methods may be called from anywhere; those that take an event loop run there and call back there.
public final class Store: Sendable {
    public let keys: Keys
    public let redis: RedisClient
    /// How long a run may wait for a worker; zero: for ever.
    let queueLimit: Duration
    let webhooks: WebhookRules
    let forkLimits: ForkLimits
    let logger: Logger
    /// The worker of this process, if it has one that is at work.
    let nearby = Mutex<(any NearbyWorker)?>(nil)

    /// How long an idempotency key is remembered, in seconds.
    static let idempotencySeconds = 24 * 60 * 60
    /// The tenant of requests that name none.
    public static let commonTenant = "default"
    /// How many runs may wait on one thread.
    static let pendingLimit = 100

    public init(
        redis: RedisClient,
        keys: Keys,
        queueLimit: Duration = .zero,
        webhooks: WebhookRules = WebhookRules(),
        forkLimits: ForkLimits = ForkLimits(),
        logger: Logger
    ) {
        self.redis = redis
        self.keys = keys
        self.queueLimit = queueLimit
        self.webhooks = webhooks
        self.forkLimits = forkLimits
        self.logger = logger
    }

    /// A new id for a thread or a run: a random UUID (RFC 9562, section 5.4). Foundation opens a file for each that it makes.
    static func makeID() -> String {
        var generator = SystemRandomNumberGenerator()
        let high: UInt64 = generator.next() & ~(0xF << 12) | 4 << 12
        let low: UInt64 = generator.next() & ~(3 << 62) | 2 << 62
        return String(unsafeUninitializedCapacity: 36) { text in
            var digits = 0
            for place in 0..<36 {
                if place == 8 || place == 13 || place == 18 || place == 23 {
                    text[place] = UInt8(ascii: "-")
                    continue
                }
                let digit = UInt8(truncatingIfNeeded: (digits < 16 ? high : low) >> (60 - digits % 16 * 4)) & 0xF
                text[place] = digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10
                digits += 1
            }
            return 36
        }
    }

    static var now: Int64 { Int64(Date().timeIntervalSince1970 * 1000) }

    /// Whether the server answers. - Throws: `.unavailable`.
    public func ping() async throws(StoreError) {
        do { try await redis.ping() } catch { throw StoreError(error) }
    }

    /// Refuses a server that would throw data away.
    ///
    /// - Throws: `.invalid` when the server's `maxmemory-policy` would evict, `.unavailable`.
    public func prepare() async throws(StoreError) {
        do {
            try await redis.requireNoEviction()
        } catch  where error.code == .configuration {
            throw StoreError(.invalid, error.message, field: "redis.url")
        } catch {
            throw StoreError(error)
        }
    }

    // MARK: Sending

    func send(_ command: RedisCommand) async throws(StoreError) -> RESPValue {
        do { return try await redis.send(command) } catch { throw StoreError(error) }
    }

    /// Runs a script and takes its answer apart: the word for the outcome, and what comes with it.
    func run(
        _ script: RedisScript,
        _ keys: [String],
        _ arguments: [RedisArgument]
    ) async throws(StoreError) -> (outcome: String, values: [RESPValue]) {
        let reply: RESPValue
        do { reply = try await redis.run(script, keys: keys, arguments: arguments) } catch { throw StoreError(error) }
        return try Self.outcome(reply, of: script)
    }

    static func outcome(
        _ reply: RESPValue,
        of script: RedisScript
    ) throws(StoreError) -> (outcome: String, values: [RESPValue]) {
        guard let values = reply.array, let outcome = values.first?.string else {
            throw .unexpected(reply, of: script.name)
        }
        return (outcome, Array(values.dropFirst()))
    }
}

extension Message {
    /// What tells this request from another under the same idempotency key.
    var fingerprint: String { SHA256.digest(serialized()).hexadecimal }
}

extension Store {
    /// A hash as a dictionary; empty where there is no such key.
    func hash(_ reply: RESPValue) -> [String: String] { Self.hash(reply) }

    static func hash(_ reply: RESPValue) -> [String: String] {
        let flat = reply.array ?? []
        var result: [String: String] = [:]
        for index in stride(from: 0, to: flat.count - 1, by: 2) {
            if let name = flat[index].string { result[name] = flat[index + 1].string }
        }
        return result
    }
}

extension String {
    /// Whether this can be an id of ours: it goes into keys and into file names.
    var isIdentifier: Bool {
        !isEmpty && utf8.count <= 128
            && utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
                    true
                default: false
                }
            }
    }
}
