public import Curl
public import Logging
internal import Messages
public import ServiceLifecycle
public import Store
internal import Synchronization

/// How webhooks are told of events; the defaults are those of `config.toml`.
public struct WebhookConfiguration: Sendable {
    /// Nil: nothing can be signed, so nothing is sent.
    public var signer: WebhookSigner?
    /// Whether receivers may have addresses that are not public.
    public var allowsPrivate = false
    /// From the beginning of a try to the head of the answer.
    public var timeout = Duration.seconds(15)
    /// An event that was not taken so often is given up.
    public var maxTries = 8
    /// How long a try waits after one that has failed.
    public var retries = RetryBackoff(base: .seconds(10), limit: .seconds(3600))
    /// How many tries go on at once in this process.
    public var concurrency = 64
    /// How many of them with one receiver, so that one that is slow does not hold up the others.
    public var concurrencyPerHost = 16
    /// About how long an event waits whose receiver has as many and takes none; a fiftieth of it where it does.
    public var crowdedDelay = Duration.seconds(10)
    /// How often runs are looked for that have something to tell.
    public var interval = Duration.seconds(1)
    /// How long tries may go on after the process was asked to stop.
    public var grace = Duration.seconds(30)
    public var userAgent = "baud"

    public init() {}
}

/// Tells webhooks what has become of runs: takes what is laid down in their outboxes, and sends it until it has arrived or is given up.
///
/// A service of the executable. Any number of these, in any number of processes, share the work: each event is in the hands of one of
/// them under a lease, and one whose holder is gone is sent by another. So an event arrives at least once, and the events of a run
/// in their order.
public final class WebhookSender: Service {
    /// What a try has come to.
    enum Outcome: Sendable, Equatable {
        case arrived
        /// Another try may go better.
        case failed(String)
        /// No further try will.
        case refused(String)
    }

    private struct Host {
        var tries = 0
        /// When it took something, or else when there was none before these tries.
        var lastSign = ContinuousClock.now
    }

    private let store: Store
    private let client: CurlClient
    private let configuration: WebhookConfiguration
    private let logger: Logger
    private let slots: Slots
    /// Receivers with which tries go on, by host and port.
    private let hosts = Mutex<[String: Host]>([:])

    /// - Parameter client: for nothing else, see ``CurlRequest/isPublicOnly``.
    public init(store: Store, client: CurlClient, configuration: WebhookConfiguration, logger: Logger) {
        self.store = store
        self.client = client
        self.configuration = configuration
        self.logger = logger
        slots = Slots(configuration.concurrency)
    }

    /// Sends until the process is asked to stop, then lets the tries end within the grace.
    public func run() async throws {
        guard let signer = configuration.signer else {
            try? await gracefulShutdown()
            return
        }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.send(signer) }
            group.addTask {
                try? await gracefulShutdown()
                // Ends at once where there is nothing left to wait for.
                try? await Task.sleep(for: self.configuration.grace)
            }
            await group.next()
            group.cancelAll()
        }
    }

    // MARK: What is due

    private func send(_ signer: WebhookSigner) async {
        await withDiscardingTaskGroup { tries in
            await withTaskCancellationOrGracefulShutdownHandler {
                while true {
                    await slots.wait()
                    guard !Task.isShuttingDownGracefully, !Task.isCancelled else { return }
                    let pause = await take(signer, &tries)
                    guard pause > .zero else { continue }
                    await cancelWhenGracefulShutdown { try? await Task.sleep(for: pause) }
                }
            } onCancelOrGracefulShutdown: {
                self.slots.close()
            }
        }
    }

    /// Begins with what is due, as far as there is room. - Returns: how long to wait before the next look.
    private func take(_ signer: WebhookSigner, _ tries: inout DiscardingTaskGroup) async -> Duration {
        let taken = slots.take(upTo: configuration.concurrency)
        do {
            let (due, next) = try await store.dueWebhooks(count: taken, lease: lease)
            slots.give(taken - due.count)
            for item in due {
                tries.addTask {
                    await self.look(at: item, signer)
                    self.slots.give(1)
                }
            }
            return due.isEmpty ? min(configuration.interval, max(next ?? .seconds(3600), .milliseconds(10))) : .zero
        } catch {
            slots.give(taken)
            logger.warning("webhooks could not be looked after", metadata: ["error": "\(error)"])
            return configuration.interval
        }
    }

    /// Longer than a try, with some time for Redis.
    private var lease: Duration { configuration.timeout + .seconds(15) }

    // MARK: One event

    private func look(at due: DueWebhook, _ signer: WebhookSigner) async {
        var logger = logger
        logger[metadataKey: "thread"] = "\(due.thread)"
        logger[metadataKey: "run"] = "\(due.run)"
        do {
            let begin = ContinuousClock.now
            guard let delivery = try await store.claim(due, lease: lease) else { return }
            // A process that stood still meanwhile has lost its lease; there is time for the try only right after it.
            guard .now - begin < .seconds(10) else { return }
            let host = WebhookURL.authority(of: delivery.run.webhook?.url ?? "")
            if let delay = enter(host) { return try await store.putBack(delivery, for: delay) }
            let outcome = await attempt(delivery, signer)
            leave(host, hasTaken: outcome == .arrived)
            try await settle(delivery, outcome, logger)
        } catch {
            logger.warning("a webhook's event is sent once more", metadata: ["error": "\(error)"])
        }
    }

    /// - Returns: nil where there is room for one more try with this host, else how long to keep off it: not for long where it takes what
    /// it is sent, or has had no time to yet.
    private func enter(_ name: String) -> Duration? {
        hosts.withLock { hosts in
            var host = hosts[name] ?? Host()
            guard host.tries < configuration.concurrencyPerHost else {
                let isLively = .now - host.lastSign < .seconds(2)
                return configuration.crowdedDelay / (isLively ? 50 : 1) * Double.random(in: 0.5...1.5)
            }
            host.tries += 1
            hosts[name] = host
            return nil
        }
    }

    private func leave(_ name: String, hasTaken: Bool) {
        hosts.withLock { hosts in
            guard var host = hosts[name] else { return }
            host.tries -= 1
            if hasTaken { host.lastSign = .now }
            hosts[name] = host.tries == 0 ? nil : host
        }
    }

    private func settle(_ delivery: WebhookDelivery, _ outcome: Outcome, _ logger: Logger) async throws {
        let reason: String
        switch outcome {
        case .arrived: return try await store.complete(delivery)
        case .failed(let why) where delivery.tries < configuration.maxTries:
            let delay = configuration.retries.delay(after: delivery.tries - 1)
            logger.info(
                "a webhook did not take an event",
                metadata: ["event": "\(delivery.event)", "try": "\(delivery.tries)", "reason": "\(why)"]
            )
            return try await store.postpone(delivery, by: delay)
        case .failed(let why), .refused(let why): reason = why
        }
        logger.error(
            "a webhook's event is given up",
            metadata: ["event": "\(delivery.event)", "tries": "\(delivery.tries)", "reason": "\(reason)"]
        )
        try await store.bury(delivery)
    }

    private func attempt(_ delivery: WebhookDelivery, _ signer: WebhookSigner) async -> Outcome {
        let url = delivery.run.webhook?.url ?? ""
        if let problem = WebhookURL.problem(with: url, allowsPrivate: configuration.allowsPrivate) {
            return .refused("the URL \(problem)")
        }
        let body: [UInt8]
        do { body = try WebhookMessage.body(of: delivery) } catch { return .refused("the event cannot be read") }
        let timestamp = Int64.unixSeconds
        let request = CurlRequest(
            url: url,
            method: "POST",
            headers: [
                ("content-type", "application/json"), ("user-agent", configuration.userAgent),
                ("webhook-id", delivery.id), ("webhook-timestamp", String(timestamp)),
                ("webhook-signature", signer.signature(of: body, id: delivery.id, timestamp: timestamp)),
            ],
            body: body,
            firstByteTimeout: configuration.timeout,
            isPublicOnly: !configuration.allowsPrivate
        )
        do {
            let response = try await client.send(request)
            response.body.discardRest()
            return Self.outcome(of: response.status)
        } catch {
            switch error.code {
            case .invalidRequest, .forbidden: return .refused(error.message)
            default: return .failed(error.message)
            }
        }
    }

    /// 2xx is an end, and 410 says that nobody is there any more. A redirect is not followed.
    static func outcome(of status: Int) -> Outcome {
        switch status {
        case 200...299: .arrived
        case 410: .refused("status 410")
        default: .failed("status \(status)")
        }
    }
}
