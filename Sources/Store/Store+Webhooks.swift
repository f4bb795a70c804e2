public import Messages
public import NIOCore
internal import Redis

/// What the store has to know of webhooks.
public struct WebhookRules: Sendable {
    /// Of runs that have none by their request or their thread.
    public var fallback: Webhook?
    /// How many runs may have a webhook and not have ended, or not have been heard by it.
    public var limit: Int

    public init(fallback: Webhook? = nil, limit: Int = 100_000) {
        self.fallback = fallback
        self.limit = limit
    }
}

/// A run that may have something to tell its webhook, in the hands of one who finds out.
public struct DueWebhook: Sendable, Hashable {
    public let thread: String
    public let run: String
    /// The end of the lease, by which what comes between is recognized.
    fileprivate let lease: String

    fileprivate var member: String { "\(thread) \(run)" }
}

/// One try to tell a webhook of an event.
public struct WebhookDelivery: Sendable {
    public let due: DueWebhook
    /// The event's id; with the run's it names this message, at every try.
    public let event: String
    /// The event in the wire format.
    public let message: ByteBuffer
    /// The run as it was right after the event.
    public let run: Run
    /// This one included.
    public let tries: Int

    public var id: String { "\(due.run)_\(event)" }
}

/// Webhooks: what the scripts have laid down in a run's outbox is taken, tried, and removed once it has arrived or is given up.
///
/// A run is in the index from before it is accepted until its last event has arrived. Whoever ends it brings it forward; where that
/// is lost it is looked at now and then anyway, so no event is forgotten.
extension Store {
    /// How long, in milliseconds, until a run is looked at though nobody has said that it has something to tell.
    private static let webhookLook = 60_000
    /// How many events that were given up are remembered, and for how many milliseconds.
    private static let deadWebhookCount = 10_000
    private static let deadWebhookAge = 7 * 86_400_000

    // MARK: The index

    /// Goes before a run that has a webhook is accepted. - Throws: `.exhausted`, `.unavailable`.
    func expectWebhook(of run: String, on thread: String) async throws(StoreError) {
        let (outcome, _) = try await self.run(
            WebhookScripts.expect,
            [keys.webhooks],
            [RedisArgument("\(thread) \(run)"), RedisArgument(Self.webhookLook), RedisArgument(webhooks.limit)]
        )
        guard outcome == "ok" else {
            let what = "runs with a webhook have not ended or not been delivered (webhooks.max_pending)"
            throw StoreError(.exhausted, "\(webhooks.limit) \(what)", field: "webhook")
        }
    }

    /// The run that was expected has not come to be. What is left of it goes by itself if this fails.
    func forgetWebhook(of run: String, on thread: String) async {
        _ = await redis.send(batch: [
            RedisCommand("ZREM", .key(keys.webhooks), RedisArgument("\(thread) \(run)"))
        ])
    }

    /// Brings forward the runs of a thread that have something to tell.
    func announceWebhooks(of runs: [String], on thread: String) async throws(StoreError) {
        guard !runs.isEmpty else { return }
        let members = runs.flatMap { [RedisArgument("0"), RedisArgument("\(thread) \($0)")] }
        _ = try await send(RedisCommand("ZADD", [.key(keys.webhooks)] + members))
    }

    /// Takes runs that may have something to tell; each is one caller's until the lease is over.
    ///
    /// - Returns: the runs, and in how long the next one is due, nil if none is in sight.
    /// - Throws: `.unavailable`.
    public func dueWebhooks(
        count: Int,
        lease: Duration
    ) async throws(StoreError) -> (due: [DueWebhook], next: Duration?) {
        let (_, values) = try await run(
            WebhookScripts.take,
            [keys.webhooks],
            [RedisArgument(count), RedisArgument(lease.milliseconds)]
        )
        guard values.count == 3, let ends = values[0].string, let next = values[1].int else {
            throw .unexpected(.array(values), of: "take")
        }
        let due = (values[2].array ?? []).compactMap { value -> DueWebhook? in
            guard let parts = value.string?.split(separator: " "), parts.count == 2 else { return nil }
            return DueWebhook(thread: String(parts[0]), run: String(parts[1]), lease: ends)
        }
        return (due, next < 0 ? nil : .milliseconds(next))
    }

    // MARK: A run's outbox

    /// Takes the oldest event that a run has to tell, for one try.
    ///
    /// - Parameter lease: how long nobody else tries it.
    /// - Returns: nil where there is nothing to be tried now.
    /// - Throws: `.unavailable`.
    public func claim(_ due: DueWebhook, lease: Duration) async throws(StoreError) -> WebhookDelivery? {
        let (outcome, values) = try await run(
            WebhookScripts.claim,
            outboxKeys(due),
            [RedisArgument(keys.webhookEntry(due.thread, due.run)), RedisArgument(lease.milliseconds)]
        )
        guard outcome == "ok" else {
            try await settle(due, outcome, values)
            return nil
        }
        guard values.count == 3, let id = values[0].string, let event = EventID(id),
            let bytes = bytes(of: "webhook_event", in: values[2])
        else { throw .unexpected(.array(values), of: "claim") }
        return WebhookDelivery(
            due: due,
            event: id,
            message: StoredEvent(id: event, bytes: bytes).serialized(),
            run: makeRun(due.thread, due.run, values[2]),
            tries: Int(values[1].int ?? 0)
        )
    }

    /// The event has arrived, or nobody is to try it again. - Throws: `.unavailable`; then it comes once more.
    public func complete(_ delivery: WebhookDelivery) async throws(StoreError) {
        try await release(delivery, delay: "")
    }

    /// The event is to be tried again after a while. - Throws: `.unavailable`; then it is tried when the lease is over.
    public func postpone(_ delivery: WebhookDelivery, by delay: Duration) async throws(StoreError) {
        try await release(delivery, delay: RedisArgument(delay.milliseconds))
    }

    /// The event was not tried, and is to be after a while. - Throws: `.unavailable`; then it is tried when the lease is over.
    public func putBack(_ delivery: WebhookDelivery, for delay: Duration) async throws(StoreError) {
        try await release(delivery, delay: RedisArgument(delay.milliseconds), isUncounted: true)
    }

    /// Gives the event up; it is counted for a week. - Throws: `.unavailable`; then it is tried once more.
    public func bury(_ delivery: WebhookDelivery) async throws(StoreError) {
        _ = try await run(
            WebhookScripts.bury,
            [keys.deadWebhooks],
            [
                RedisArgument("\(delivery.due.member) \(delivery.event)"), RedisArgument(Self.deadWebhookCount),
                RedisArgument(Self.deadWebhookAge),
            ]
        )
        try await complete(delivery)
    }

    private func release(
        _ delivery: WebhookDelivery,
        delay: RedisArgument,
        isUncounted: Bool = false
    ) async throws(StoreError) {
        let due = delivery.due
        let (outcome, values) = try await run(
            WebhookScripts.release,
            outboxKeys(due),
            [
                RedisArgument(keys.webhookEntry(due.thread, due.run)), RedisArgument(delivery.event),
                RedisArgument(delivery.tries), delay, isUncounted ? "1" : "",
            ]
        )
        try await settle(due, outcome, values)
    }

    private func settle(_ due: DueWebhook, _ outcome: String, _ values: [RESPValue]) async throws(StoreError) {
        let again: RedisArgument
        switch outcome {
        case "held": again = RedisArgument(values.first?.int ?? 0)
        case "silent": again = RedisArgument(Self.webhookLook)
        case "over": again = ""
        // Another has it by now, and sees to the index.
        default: return
        }
        let arguments: [RedisArgument] = [RedisArgument(due.member), RedisArgument(due.lease), again]
        _ = try await run(WebhookScripts.settle, [keys.webhooks], arguments)
    }

    private func outboxKeys(_ due: DueWebhook) -> [String] {
        [keys.run(due.thread, due.run), keys.outbox(due.thread, due.run)]
    }

    private func bytes(of field: String, in record: RESPValue) -> ByteBuffer? {
        let flat = record.array ?? []
        guard let name = flat.indices.first(where: { $0 % 2 == 0 && flat[$0].string == field }) else { return nil }
        return flat[name + 1].bytes
    }

    // MARK: Numbers

    /// How many runs have or may yet have something to tell, and how many events were given up within the last seven days.
    public func webhookStats() async throws(StoreError) -> (outstanding: Int, dead: Int) {
        let since = RedisArgument(Self.now - Int64(Self.deadWebhookAge))
        let replies = await redis.send(
            batch: [
                RedisCommand("ZCARD", .key(keys.webhooks)),
                RedisCommand("ZCOUNT", .key(keys.deadWebhooks), since, "+inf"),
            ]
        )
        do { return (Int(try replies[0].get().int ?? 0), Int(try replies[1].get().int ?? 0)) } catch {
            throw StoreError(error)
        }
    }
}

extension Webhook {
    /// As it is kept with a thread and with a run: the events that are told, `*` for all, and the URL, which has no blanks.
    var stored: String { "\(events.isEmpty ? "*" : events.joined(separator: ",")) \(url)" }

    init?(stored: String) {
        let parts = stored.split(separator: " ")
        guard parts.count == 2 else { return nil }
        let events = parts[0] == "*" ? [] : parts[0].split(separator: ",").map(String.init)
        self.init(url: String(parts[1]), events: events)
    }
}
