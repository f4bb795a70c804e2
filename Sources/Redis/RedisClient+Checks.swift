internal import NIOCore

extension RedisClient {
    /// Whether the deployment answers; a server that is still loading its data is not available.
    public func ping() async throws(RedisError) {
        _ = try await send(RedisCommand("PING"))
    }

    /// Makes sure that no server would rather throw stored data away than refuse a write.
    ///
    /// - Throws: `.configuration`, with how to mend it, for a `maxmemory-policy` that evicts.
    public func requireNoEviction() async throws(RedisError) {
        for info in try await sendToMasters(RedisCommand("INFO", "memory")) {
            guard let policy = info.field("maxmemory_policy") else {
                throw RedisError(.configuration, "\(configuration.deployment) does not tell its maxmemory-policy")
            }
            guard policy == "noeviction" else {
                throw RedisError(
                    .configuration,
                    "\(configuration.deployment) would evict data (maxmemory-policy \(policy)): "
                        + "set it by CONFIG SET maxmemory-policy noeviction, and in redis.conf"
                )
            }
        }
    }

    /// Looks at all that an installation needs of its deployment: that every master answers and evicts nothing, that a
    /// cluster serves all slots, and that the sentinels can agree on a new master.
    ///
    /// - Returns: what was found, for people.
    /// - Throws: what is not as it should be, as `.configuration` or `.unavailable`.
    public func examine() async throws(RedisError) -> String {
        try await requireNoEviction()
        switch configuration.deployment {
        case .server(let address):
            return "\(address) answers"
        case .sentinel(let sentinels, let master):
            return "master \(master) answers, \(try await quorum(master, sentinels))"
        case .cluster:
            let infos = try await sendToMasters(RedisCommand("CLUSTER", "INFO"))
            for info in infos where info.field("cluster_state") != "ok" || info.field("cluster_slots_ok") != "16384" {
                let slots = info.field("cluster_slots_ok") ?? "?"
                throw RedisError(
                    .unavailable,
                    "the cluster serves \(slots) of 16384 slots: see redis-cli --cluster check"
                )
            }
            return "a cluster of \(infos.count) masters serves all slots"
        }
    }

    /// What a sentinel answers to the question whether enough of them are there to replace the master.
    private func quorum(_ master: String, _ sentinels: [RedisAddress]) async throws(RedisError) -> String {
        let configuration = configuration.forSentinels
        let loop = anyLoop
        let result = await withCheckedContinuation { continuation in
            loop.execute {
                let command = RedisCommand("SENTINEL", "CKQUORUM", RedisArgument(master))
                RedisQuery(command, of: sentinels, configuration: configuration, loop: loop) { reply, _ in
                    reply.string ?? ""
                } completion: {
                    continuation.resume(returning: $0)
                }.start()
            }
        }
        return try result.get()
    }
}

extension RESPValue {
    /// The value of a line `name:value` in a text as `INFO` gives it.
    fileprivate func field(_ name: String) -> Substring? {
        (string ?? "").split(whereSeparator: \.isNewline).first { $0.hasPrefix(name + ":") }?.dropFirst(name.count + 1)
    }
}
