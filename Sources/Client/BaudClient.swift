internal import HTTP
public import Logging
public import Messages
public import NIOCore
public import OrderedCollections
internal import RPC

/// A client of a Baud server: threads, runs and their events over gRPC.
///
/// It owns one connection, made by the first call and again after it was lost, which all calls share. It may be used
/// from anywhere. Calls have a deadline of 30 seconds, retries included, and end early when their task is cancelled. A
/// server that is silent for 30 seconds while it owes an answer or events is asked whether it is there, and counts as
/// lost when it says nothing for 20 more.
///
/// A call that finds the server unavailable is made again, a few times, if that cannot do a thing twice: all that only
/// read, `cancelRun`, and those that were given an idempotency key.
public final class BaudClient: Sendable {
    private let channel: RPCChannel
    private let callRetries: RetryPolicy
    let eventRetries: RetryPolicy
    let logger: Logger

    /// How long a call may take, with all its retries.
    static let deadline = Duration.seconds(30)

    /// Connects to nothing yet.
    ///
    /// - Parameters:
    ///   - url: `http://host:port` or `https://host:port`.
    ///   - credentials: for `https`; by default the system's authorities are trusted.
    ///   - group: one of its loops carries the connection.
    /// - Throws: ``BaudClientError/Code/invalidArgument`` when the URL is not of that form, or a file cannot be used.
    public convenience init(
        url: String,
        credentials: TLSCredentials = TLSCredentials(),
        group: any EventLoopGroup,
        logger: Logger
    ) throws(BaudClientError) {
        try self.init(
            url: url,
            credentials: credentials,
            group: group,
            logger: logger,
            callRetries: .calls,
            eventRetries: .events
        )
    }

    init(
        url: String,
        credentials: TLSCredentials = TLSCredentials(),
        group: any EventLoopGroup,
        logger: Logger,
        callRetries: RetryPolicy,
        eventRetries: RetryPolicy
    ) throws(BaudClientError) {
        let address = try ServerAddress(url: url)
        let tls = try address.makeTLS(credentials)
        channel = RPCChannel(
            host: address.host,
            port: address.port,
            tls: tls,
            keepAlive: KeepAlive(time: .seconds(30)),
            group: group,
            logger: logger
        )
        self.callRetries = callRetries
        self.eventRetries = eventRetries
        self.logger = logger
    }

    /// Closes the connection when the calls under way have ended. A later call opens it again.
    public func close() async {
        await channel.close()
    }
}

// MARK: - Threads

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
}

// MARK: - Runs

extension BaudClient {
    /// Queues a run and returns once it is stored.
    ///
    /// - Parameters:
    ///   - task: what the agent is to do; not empty.
    ///   - model: `provider/model` or an alias of the server's configuration; empty for its default.
    ///   - idempotencyKey: 1-255 characters; a retry with the same key within 24 hours gives the same run.
    public func executeRun(
        on thread: String,
        task: String,
        model: String = "",
        idempotencyKey: String? = nil
    ) async throws(BaudClientError) -> Run {
        let request = ExecuteRunRequest(
            threadID: thread,
            task: task,
            model: model,
            idempotencyKey: idempotencyKey ?? ""
        )
        return try await call(.executeRun, request, isRepeatable: idempotencyKey != nil)
    }

    /// Queues a run and follows it: what the method `ExecuteAndStream` does, but through lost connections as well.
    ///
    /// The call bears an idempotency key of its own making, so it can be repeated and still is one run.
    ///
    /// - Returns: the run as it was stored, and its events from the first to the one that is final.
    public func execute(
        on thread: String,
        task: String,
        model: String = ""
    ) async throws(BaudClientError) -> (run: Run, events: ThreadEvents) {
        let run = try await executeRun(on: thread, task: task, model: model, idempotencyKey: Self.makeIdempotencyKey())
        return (run, events(of: thread, run: run.runID))
    }

    public func getRun(_ run: String, of thread: String) async throws(BaudClientError) -> Run {
        try await call(.getRun, GetRunRequest(threadID: thread, runID: run), isRepeatable: true)
    }

    /// A page of a thread's runs, newest first; for the parameters see ``listThreads(pageSize:pageToken:)``.
    public func listRuns(
        of thread: String,
        pageSize: UInt32 = 0,
        pageToken: String = ""
    ) async throws(BaudClientError) -> ListRunsResponse {
        let request = ListRunsRequest(threadID: thread, pageSize: pageSize, pageToken: pageToken)
        return try await call(.listRuns, request, isRepeatable: true)
    }

    /// Asks for the end of a run; the answer may still say `cancelling`. A run that has ended stays as it is.
    @discardableResult
    public func cancelRun(_ run: String, of thread: String) async throws(BaudClientError) -> Run {
        try await call(.cancelRun, CancelRunRequest(threadID: thread, runID: run), isRepeatable: true)
    }

    /// A key that no other call has: 128 random bits in hexadecimal.
    public static func makeIdempotencyKey() -> String {
        let (high, low) = (UInt64.random(in: 0...UInt64.max), UInt64.random(in: 0...UInt64.max))
        return [high, low].map { word in
            let digits = String(word, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }.joined()
    }
}

// MARK: - Events and health

extension BaudClient {
    /// The events of a thread, or of one of its runs, in order: first the stored ones, then the new ones as they come.
    ///
    /// - Parameters:
    ///   - lastID: the id of the last event one has; the sequence goes on after it. Empty or `0`: from the oldest; `$`:
    ///     only what is new.
    ///   - run: if given, only its events come, and the sequence ends after its final one.
    public func events(of thread: String, after lastID: String = "", run: String? = nil) -> ThreadEvents {
        ThreadEvents(
            client: self,
            request: StreamThreadRequest(threadID: thread, lastID: lastID, runID: run ?? "")
        )
    }

    /// The state of the server and of what it needs; an answer whose `status` is not `ok` is not an error here.
    public func health() async throws(BaudClientError) -> Health {
        try await call(.getHealth, GetHealthRequest(), isRepeatable: true)
    }
}

// MARK: - Calls

extension BaudClient {
    private func call<Response: Message>(
        _ method: Messages.Method,
        _ request: some Message,
        isRepeatable: Bool
    ) async throws(BaudClientError) -> Response {
        let bytes = ByteBuffer(bytes: request.serialized())
        let deadline = ContinuousClock.now + Self.deadline
        var retries = 0
        while true {
            do {
                let reply = try await channel.unary(method.path, bytes, timeout: deadline - .now)
                return try Response(decoding: reply)
            } catch {
                let error = BaudClientError(describing: error)
                retries += 1
                guard isRepeatable, error.code == .unavailable, let delay = callRetries.delay(beforeRetry: retries),
                    .now + delay < deadline
                else { throw error }
                logger.debug("retrying", metadata: ["method": "\(method.name)", "error": "\(error)"])
                try await pause(for: delay)
            }
        }
    }

    /// Opens the stream of a ``ThreadEvents``; it has no deadline.
    func open(_ request: StreamThreadRequest) async throws -> RPCResponseStream {
        try await channel.serverStreaming(
            Messages.Method.streamThread.path,
            ByteBuffer(bytes: request.serialized())
        )
    }

    func pause(for delay: Duration) async throws(BaudClientError) {
        do {
            try await Task.sleep(for: delay)
        } catch {
            throw BaudClientError(describing: error)
        }
    }
}

extension Message {
    /// - Throws: ``BaudClientError/Code/internal``.
    init(decoding buffer: ByteBuffer) throws(BaudClientError) {
        do {
            self = try buffer.withUnsafeReadableBytes { try Self(serialized: $0) }
        } catch {
            throw BaudClientError(.internal, "the answer is no \(Self.typeName)", cause: error)
        }
    }
}
