public import Messages
internal import OrderedCollections
internal import Redis

extension Store {
    /// Creates a thread and its first event. An idempotency key stands for the thread's id before there is the thread: who repeats the
    /// request creates what is still missing.
    ///
    /// - Parameter tenant: whose it is, see ``Tenant``.
    /// - Returns: the thread, and whether it is the one of an earlier request under the same idempotency key.
    /// - Throws: `.invalid` for a tenant that is none, `.conflict` when the idempotency key stands for another request, `.notFound` when
    ///   its thread was deleted, `.unavailable`.
    public func initiate(
        _ request: InitiateThreadRequest,
        tenant: String = Store.commonTenant
    ) async throws(StoreError) -> (thread: Messages.Thread, isReplay: Bool) {
        try Tenant.check(tenant)
        let id = try await id(for: request, of: tenant)
        let event = Event(threadID: id, type: "thread_created", time: Self.now)
        let metadata = JSON.object(OrderedDictionary(uniqueKeysWithValues: request.metadata.map { ($0, .string($1)) }))
        let create = RedisCall.script(
            ThreadScripts.initiate,
            keys: keys.scriptKeys(id),
            arguments: [
                RedisArgument(metadata.bytes), RedisArgument(event.serialized()),
                RedisArgument(request.webhook?.stored ?? ""),
                request.idempotencyKey.isEmpty ? "" : RedisArgument(keys.tombstone(id)),
            ]
        )
        let (outcome, values) = try await listing(id, create, of: ThreadScripts.initiate)
        guard outcome != "deleted", let value = values.first else {
            try await unlist(id)
            throw .threadNotFound(id)
        }
        guard outcome == "ok" else { return (makeThread(id, hash(value)), true) }
        let first = value.string.flatMap { EventID($0) } ?? .zero
        let thread = Messages.Thread(
            threadID: id,
            status: "idle",
            metadata: request.metadata,
            createdAt: Int64(clamping: first.milliseconds),
            updatedAt: Int64(clamping: first.milliseconds),
            seq: 1,
            lastID: first.description,
            usage: Usage(),
            version: 1,
            webhook: request.webhook
        )
        return (thread, false)
    }

    /// The id of the thread that is to be created: a new one, or that for which the idempotency key stands.
    private func id(for request: InitiateThreadRequest, of tenant: String) async throws(StoreError) -> String {
        let (id, key) = (Tenant.makeThreadID(for: tenant), request.idempotencyKey)
        guard !key.isEmpty else { return id }
        let fingerprint = request.inCanonicalOrder.fingerprint
        let claim = RedisCommand(
            "SET",
            .key(keys.idempotency(tenant, key)),
            RedisArgument(fingerprint + id),
            "NX",
            "GET",
            "EX",
            RedisArgument(Self.idempotencySeconds)
        )
        guard let known = try await send(claim).string else { return id }
        guard known.hasPrefix(fingerprint) else { throw .keyReused(key) }
        return String(known.dropFirst(fingerprint.count))
    }

    // MARK: The list of all threads

    /// Creates a thread and lists it: in a cluster, where the two lie on different servers, one after the other. That the thread is to be
    /// looked at is put down first, so that the sweeper lists what was only created, see ``tend(_:_:_:)``.
    ///
    /// - Returns: what the script that creates it has answered.
    func listing(
        _ id: String,
        _ create: RedisCall,
        of script: RedisScript
    ) async throws(StoreError) -> (outcome: String, values: [RESPValue]) {
        let calls = [.command(sweepSoon(id)), create, .command(list(id, since: Self.now))]
        var values: [RESPValue] = []
        for reply in await redis.send(pipeline: calls) {
            do { values.append(try reply.get()) } catch { throw StoreError(error) }
        }
        return try Self.outcome(values[1], of: script)
    }

    /// Puts a thread among those that are listed, by the time of its creation, unless it is there.
    func list(_ id: String, since time: Int64) -> RedisCommand {
        let threads = keys.threads(of: Tenant.owner(of: id))
        return RedisCommand("ZADD", .key(threads), "NX", RedisArgument(time), RedisArgument(id))
    }

    /// - Returns: whether it was listed.
    @discardableResult
    func unlist(_ id: String) async throws(StoreError) -> Bool {
        let threads = keys.threads(of: Tenant.owner(of: id))
        return try await send(RedisCommand("ZREM", .key(threads), RedisArgument(id))).int == 1
    }

    // MARK: Reading

    /// - Throws: `.notFound`, `.unavailable`.
    public func thread(_ id: String) async throws(StoreError) -> Messages.Thread {
        guard id.isIdentifier else { throw .threadNotFound(id) }
        let fields = hash(try await send(RedisCommand("HGETALL", .key(keys.metadata(id)))))
        guard !fields.isEmpty else { throw .threadNotFound(id) }
        return makeThread(id, fields)
    }

    /// A page of a tenant's threads, newest first.
    public func threads(
        _ request: ListThreadsRequest,
        tenant: String = Store.commonTenant
    ) async throws(StoreError) -> ListThreadsResponse {
        try Tenant.check(tenant)
        let size = try Self.pageSize(request.pageSize)
        let threads = RedisArgument.key(keys.threads(of: tenant))
        var start = 0
        if !request.pageToken.isEmpty {
            guard request.pageToken.isIdentifier else { throw .pageToken }
            let rank = try await send(
                RedisCommand("ZREVRANK", threads, RedisArgument(request.pageToken))
            )
            guard let rank = rank.int else { throw .pageToken }
            start = Int(rank) + 1
        }
        // One more than asked for tells whether there is a next page.
        let range = RedisCommand(
            "ZREVRANGE",
            threads,
            RedisArgument(start),
            RedisArgument(start + size)
        )
        let ids = (try await send(range).array ?? []).compactMap(\.string)
        var page: [Messages.Thread] = []
        let commands = ids.prefix(size).map { RedisCommand("HGETALL", .key(keys.metadata($0))) }
        for (id, reply) in zip(ids, await redis.send(batch: commands)) {
            switch reply {
            case .success(let value):
                if case let fields = hash(value), !fields.isEmpty { page.append(makeThread(id, fields)) }
            case .failure(let error): throw StoreError(error)
            }
        }
        return ListThreadsResponse(threads: page, nextPageToken: ids.count > size ? ids[size - 1] : "")
    }

    // MARK: Changes

    /// Changes what a client has attached to a thread.
    ///
    /// - Throws: `.stale` when it has another version, `.exhausted` when there is too much metadata, `.notFound`, `.unavailable`.
    public func update(_ request: UpdateThreadRequest, metadataLimit: Int) async throws(StoreError) -> Messages.Thread {
        let id = request.threadID
        guard id.isIdentifier else { throw .threadNotFound(id) }
        var fields: [RedisArgument] = []
        if !request.title.isEmpty || request.clear.contains("title") {
            fields += ["title", RedisArgument(request.title)]
        }
        if !request.tags.isEmpty || request.clear.contains("tags") {
            fields += ["tags", RedisArgument(JSON.array(request.tags.map { .string($0) }).bytes)]
        }
        let event = Event(threadID: id, type: "thread_updated", time: Self.now)
        let (outcome, values) = try await run(
            ThreadScripts.update,
            keys.scriptKeys(id),
            [
                RedisArgument(String(request.version)), RedisArgument(event.serialized()), RedisArgument(metadataLimit),
                RedisArgument(request.metadata.count),
            ] + request.metadata.flatMap { [RedisArgument($0), RedisArgument($1)] } + fields
        )
        switch outcome {
        case "ok": return try await thread(id)
        case "missing": throw .threadNotFound(id)
        case "stale":
            let now = values.first?.string ?? ""
            throw StoreError(.stale, "the thread has version \(now) by now, not \(request.version)", field: "version")
        default: throw StoreError(.exhausted, "at most \(metadataLimit) entries", field: "metadata")
        }
    }

    /// Deletes a thread with all that belongs to it; those who watch it are told that it is gone.
    ///
    /// - Throws: `.busy` while a run is active, `.notFound`, `.unavailable`.
    public func deleteThread(_ id: String) async throws(StoreError) {
        try await deleteThread(id, unchangedSince: nil)
    }

    /// What is to be forgotten of the thread elsewhere comes after it is gone; that it is to be looked at is put down before, so that the
    /// sweeper finds what was left.
    ///
    /// - Parameter time: for the sweeper, which looks at the thread again in any case: when the last event was, as far as it knows;
    ///   `.busy` if another has come.
    func deleteThread(_ id: String, unchangedSince time: Int64?) async throws(StoreError) {
        guard id.isIdentifier else { throw .threadNotFound(id) }
        if time == nil { _ = try await send(sweepSoon(id)) }
        let (outcome, values) = try await run(
            ThreadScripts.delete,
            [
                keys.metadata(id), keys.stream(id), keys.runs(id), keys.pending(id), keys.messages(id), keys.memory(id),
                keys.schedules(id), keys.tombstone(id),
            ],
            [
                RedisArgument(keys.live(id)), RedisArgument(keys.run(id, "")), time.map { RedisArgument($0) } ?? "",
                RedisArgument(Self.idempotencySeconds),
            ]
        )
        guard outcome != "busy" else {
            throw StoreError(.busy, "run \(values.first?.string ?? "") is active on thread \(id); cancel it first")
        }
        try await unlist(id)
        if time == nil { _ = try await send(RedisCommand("ZREM", .key(keys.sweep), RedisArgument(id))) }
        guard outcome == "ok" else { throw .threadNotFound(id) }
    }

    static func pageSize(_ asked: UInt32) throws(StoreError) -> Int {
        guard asked <= 100 else { throw StoreError(.invalid, "at most 100 to a page", field: "page_size") }
        return asked == 0 ? 50 : Int(asked)
    }

    func makeThread(_ id: String, _ fields: [String: String]) -> Messages.Thread {
        func number<I: FixedWidthInteger>(_ name: String) -> I { fields[name].flatMap { I($0) } ?? 0 }
        // What initiate wrote can be parsed; a thread without its labels is still a thread.
        let metadata = (try? JSON(parsing: fields["metadata"] ?? "{}"))?.object ?? [:]
        let tags = (try? JSON(parsing: fields["tags"] ?? "[]"))?.array ?? []
        return Messages.Thread(
            threadID: id,
            status: fields["active"] == nil ? "idle" : "busy",
            metadata: metadata.compactMapValues(\.string),
            createdAt: number("created_at"),
            updatedAt: number("updated_at"),
            activeRunID: fields["active"] ?? "",
            seq: number("seq"),
            lastID: fields["last_id"] ?? "",
            runCount: number("run_count"),
            usage: Usage(
                inputTokens: number("input_tokens"),
                outputTokens: number("output_tokens"),
                cacheReadTokens: number("cache_read_tokens"),
                cacheWriteTokens: number("cache_write_tokens")
            ),
            title: fields["title"] ?? "",
            tags: tags.compactMap(\.string),
            version: fields["version"].flatMap { UInt64($0) } ?? 1,
            forkedFrom: fields["forked_from"].map { ThreadOrigin(threadID: $0, lastID: fields["forked_at"] ?? "") },
            webhook: fields["webhook"].flatMap { Webhook(stored: $0) }
        )
    }
}

extension InitiateThreadRequest {
    /// The order of a map's entries says nothing, so it must not make another request of a repeated one.
    fileprivate var inCanonicalOrder: InitiateThreadRequest {
        var copy = self
        copy.metadata.sort { $0.key < $1.key }
        return copy
    }
}

extension StoreError {
    static let pageToken = StoreError(.invalid, "is not a token that a page before gave", field: "page_token")

    static func keyReused(_ key: String) -> StoreError {
        StoreError(.conflict, "the idempotency key \(key) was used for another request", field: "idempotency_key")
    }
}
