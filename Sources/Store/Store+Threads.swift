public import Messages
internal import OrderedCollections
internal import Redis

extension Store {
    /// Creates a thread and its first event.
    ///
    /// - Parameter tenant: whose it is, see ``Tenant``.
    /// - Returns: the thread, and whether it is the one of an earlier request under the same idempotency key.
    /// - Throws: `.invalid` for a tenant that is none, `.conflict` when the idempotency key stands for another request, `.unavailable`.
    public func initiate(
        _ request: InitiateThreadRequest,
        tenant: String = Store.commonTenant
    ) async throws(StoreError) -> (thread: Messages.Thread, isReplay: Bool) {
        try Tenant.check(tenant)
        let id = Tenant.makeThreadID(for: tenant)
        let event = Event(threadID: id, type: "thread_created", time: Self.now)
        let metadata = JSON.object(OrderedDictionary(uniqueKeysWithValues: request.metadata.map { ($0, .string($1)) }))
        let key = request.idempotencyKey
        let (outcome, values) = try await run(
            ThreadScripts.initiate,
            [keys.metadata(id), keys.stream(id), keys.threads(of: tenant), keys.idempotency(tenant, key)],
            [
                RedisArgument(id), RedisArgument(metadata.bytes), RedisArgument(event.serialized()),
                RedisArgument(keys.live(id)), key.isEmpty ? "" : RedisArgument(request.inCanonicalOrder.fingerprint),
                RedisArgument(Self.idempotencySeconds), RedisArgument(request.webhook?.stored ?? ""),
            ]
        )
        guard outcome != "mismatch", let id = values.first?.string else { throw .keyReused(key) }
        let replies = await redis.send(
            batch: [RedisCommand("HGETALL", RedisArgument(keys.metadata(id))), sweepSoon(id)]
        )
        let fields: [String: String]
        do { (fields, _) = (hash(try replies[0].get()), try replies[1].get()) } catch { throw StoreError(error) }
        guard !fields.isEmpty else { throw .threadNotFound(id) }
        return (makeThread(id, fields), outcome == "replayed")
    }

    /// - Throws: `.notFound`, `.unavailable`.
    public func thread(_ id: String) async throws(StoreError) -> Messages.Thread {
        guard id.isIdentifier else { throw .threadNotFound(id) }
        let fields = hash(try await send(RedisCommand("HGETALL", RedisArgument(keys.metadata(id)))))
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
        let threads = RedisArgument(keys.threads(of: tenant))
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
        let commands = ids.prefix(size).map { RedisCommand("HGETALL", RedisArgument(keys.metadata($0))) }
        for (id, reply) in zip(ids, await redis.send(batch: commands)) {
            switch reply {
            case .success(let value):
                if case let fields = hash(value), !fields.isEmpty { page.append(makeThread(id, fields)) }
            case .failure(let error): throw StoreError(error)
            }
        }
        return ListThreadsResponse(threads: page, nextPageToken: ids.count > size ? ids[size - 1] : "")
    }

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
            [keys.metadata(id), keys.stream(id)],
            [
                RedisArgument(keys.live(id)), RedisArgument(String(request.version)), RedisArgument(event.serialized()),
                RedisArgument(metadataLimit), RedisArgument(request.metadata.count),
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

    /// - Parameter time: when the last event was, as far as the caller knows; `.busy` if another has come.
    func deleteThread(_ id: String, unchangedSince time: Int64?) async throws(StoreError) {
        guard id.isIdentifier else { throw .threadNotFound(id) }
        let (outcome, values) = try await run(
            ThreadScripts.delete,
            [
                keys.metadata(id), keys.stream(id), keys.runs(id), keys.pending(id), keys.messages(id), keys.memory(id),
                keys.threads(of: Tenant.owner(of: id)), keys.schedules(id),
            ],
            [
                RedisArgument(id), RedisArgument(keys.live(id)), RedisArgument(keys.run(id, "")),
                time.map { RedisArgument($0) } ?? "",
            ]
        )
        switch outcome {
        case "missing": throw .threadNotFound(id)
        case "busy":
            throw StoreError(.busy, "run \(values.first?.string ?? "") is active on thread \(id); cancel it first")
        default: break
        }
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
