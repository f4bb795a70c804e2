public import Messages
public import OrderedCollections

extension BaudClient {
    /// Creates a thread.
    ///
    /// - Parameters:
    ///   - metadata: at most 64 entries of at most 512 bytes each.
    ///   - idempotencyKey: 1-255 characters; a retry with the same key within 24 hours gives the same thread.
    public func initiateThread(
        metadata: OrderedDictionary<String, String> = [:],
        idempotencyKey: String? = nil
    ) async throws(BaudClientError) -> Messages.Thread {
        let request = InitiateThreadRequest(metadata: metadata, idempotencyKey: idempotencyKey ?? "")
        return try await call(.initiateThread, request, isRepeatable: idempotencyKey != nil)
    }

    public func getThread(_ thread: String) async throws(BaudClientError) -> Messages.Thread {
        try await call(.getThread, GetThreadRequest(threadID: thread), isRepeatable: true)
    }

    /// A page of the threads, newest first.
    ///
    /// - Parameters:
    ///   - pageSize: 1 to 100; 0 stands for 50.
    ///   - pageToken: `nextPageToken` of the page before; empty for the first.
    public func listThreads(
        pageSize: UInt32 = 0,
        pageToken: String = ""
    ) async throws(BaudClientError) -> ListThreadsResponse {
        let request = ListThreadsRequest(pageSize: pageSize, pageToken: pageToken)
        return try await call(.listThreads, request, isRepeatable: true)
    }

    public func deleteThread(_ thread: String) async throws(BaudClientError) {
        // Not repeatable: after a lost answer the second call would say that there is no such thread.
        let _: DeleteThreadResponse = try await call(
            .deleteThread,
            DeleteThreadRequest(threadID: thread),
            isRepeatable: false
        )
    }

    /// Changes title, tags and metadata.
    ///
    /// - Parameter request: what is to change; with a `version`, only if the thread still has that one.
    /// - Throws: ``BaudClientError/Code/aborted`` when it has another.
    public func updateThread(_ request: UpdateThreadRequest) async throws(BaudClientError) -> Messages.Thread {
        try await call(.updateThread, request, isRepeatable: request.version != 0)
    }

    /// Makes a thread that knows what this one knew at some point.
    ///
    /// - Parameters:
    ///   - lastID: the last event that it is to know; empty: the newest.
    ///   - run: instead, the last run, which has ended.
    public func forkThread(
        _ thread: String,
        at lastID: String = "",
        after run: String? = nil
    ) async throws(BaudClientError) -> Messages.Thread {
        let request = ForkThreadRequest(threadID: thread, lastID: lastID, runID: run ?? "")
        // Not repeatable: each call makes another thread.
        return try await call(.forkThread, request, isRepeatable: false)
    }

    /// The conversation as far as it has come, and the cursor from which its events go on.
    public func snapshot(of thread: String) async throws(BaudClientError) -> ThreadSnapshot {
        try await call(.getThreadSnapshot, GetThreadSnapshotRequest(threadID: thread), isRepeatable: true)
    }
}
