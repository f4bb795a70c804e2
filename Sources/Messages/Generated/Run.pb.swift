// Made by tools/generate from proto/. Not to be edited by hand.

internal import CProtos

/// One task given to a thread's agent.
public struct Run: Message, Hashable {
    public var runID: String
    public var threadID: String
    /// queued, running, cancelling; terminal: completed, failed, cancelled, timed_out, expired.
    public var status: String
    public var task: String
    /// `provider/model` as it was resolved, or as it was asked for while the run is queued.
    public var model: String
    /// How often a worker has taken the run up.
    public var attempt: UInt32
    /// Unix times in milliseconds; 0 where it has not come to that.
    public var createdAt: Int64
    public var startedAt: Int64
    public var endedAt: Int64
    public var usage: Usage?
    /// Set when the run failed.
    public var error: Failure?
    /// Why it was cancelled: user, superseded, rollback, disconnect, shutdown.
    public var reason: String
    /// The agent's last message, once completed.
    public var text: String

    public init(
        runID: String = "",
        threadID: String = "",
        status: String = "",
        task: String = "",
        model: String = "",
        attempt: UInt32 = 0,
        createdAt: Int64 = 0,
        startedAt: Int64 = 0,
        endedAt: Int64 = 0,
        usage: Usage? = nil,
        error: Failure? = nil,
        reason: String = "",
        text: String = ""
    ) {
        self.runID = runID
        self.threadID = threadID
        self.status = status
        self.task = task
        self.model = model
        self.attempt = attempt
        self.createdAt = createdAt
        self.startedAt = startedAt
        self.endedAt = endedAt
        self.usage = usage
        self.error = error
        self.reason = reason
        self.text = text
    }
}

extension Run: CMessage {
    public static var typeName: String { "baud.v1.Run" }

    public init(serialized bytes: UnsafeRawBufferPointer) throws(MessageError) { self = try Self.unpack(bytes) }

    public func serialized() -> [UInt8] { packed() }

    static var cDescriptor: UnsafePointer<ProtobufCMessageDescriptor> { baud__v1__run__descriptor_pointer() }

    init(c: Baud__V1__Run) {
        runID = CField.string(c.run_id)
        threadID = CField.string(c.thread_id)
        status = CField.string(c.status)
        task = CField.string(c.task)
        model = CField.string(c.model)
        attempt = c.attempt
        createdAt = c.created_at
        startedAt = c.started_at
        endedAt = c.ended_at
        usage = CField.message(c.usage)
        error = CField.message(c.error)
        reason = CField.string(c.reason)
        text = CField.string(c.text)
    }

    func fill(_ c: UnsafeMutablePointer<Baud__V1__Run>, in arena: Arena) {
        baud__v1__run__init(c)
        if !runID.isEmpty { c.pointee.run_id = arena.string(runID) }
        if !threadID.isEmpty { c.pointee.thread_id = arena.string(threadID) }
        if !status.isEmpty { c.pointee.status = arena.string(status) }
        if !task.isEmpty { c.pointee.task = arena.string(task) }
        if !model.isEmpty { c.pointee.model = arena.string(model) }
        c.pointee.attempt = attempt
        c.pointee.created_at = createdAt
        c.pointee.started_at = startedAt
        c.pointee.ended_at = endedAt
        c.pointee.usage = arena.message(ifPresent: usage)
        c.pointee.error = arena.message(ifPresent: error)
        if !reason.isEmpty { c.pointee.reason = arena.string(reason) }
        if !text.isEmpty { c.pointee.text = arena.string(text) }
    }
}

/// Tokens as the provider counted them.
public struct Usage: Message, Hashable {
    public var inputTokens: UInt64
    public var outputTokens: UInt64
    /// Parts of input_tokens that were read from or written to the provider's cache.
    public var cacheReadTokens: UInt64
    public var cacheWriteTokens: UInt64

    public init(
        inputTokens: UInt64 = 0,
        outputTokens: UInt64 = 0,
        cacheReadTokens: UInt64 = 0,
        cacheWriteTokens: UInt64 = 0
    ) {
        self.inputTokens = inputTokens
        self.outputTokens = outputTokens
        self.cacheReadTokens = cacheReadTokens
        self.cacheWriteTokens = cacheWriteTokens
    }
}

extension Usage: CMessage {
    public static var typeName: String { "baud.v1.Usage" }

    public init(serialized bytes: UnsafeRawBufferPointer) throws(MessageError) { self = try Self.unpack(bytes) }

    public func serialized() -> [UInt8] { packed() }

    static var cDescriptor: UnsafePointer<ProtobufCMessageDescriptor> { baud__v1__usage__descriptor_pointer() }

    init(c: Baud__V1__Usage) {
        inputTokens = c.input_tokens
        outputTokens = c.output_tokens
        cacheReadTokens = c.cache_read_tokens
        cacheWriteTokens = c.cache_write_tokens
    }

    func fill(_ c: UnsafeMutablePointer<Baud__V1__Usage>, in arena: Arena) {
        baud__v1__usage__init(c)
        c.pointee.input_tokens = inputTokens
        c.pointee.output_tokens = outputTokens
        c.pointee.cache_read_tokens = cacheReadTokens
        c.pointee.cache_write_tokens = cacheWriteTokens
    }
}

public struct Failure: Message, Hashable {
    /// A word for programs: max_attempts, max_turns, model_rate_limited, sandbox_unavailable, ...
    public var code: String
    /// A sentence for people.
    public var message: String

    public init(
        code: String = "",
        message: String = ""
    ) {
        self.code = code
        self.message = message
    }
}

extension Failure: CMessage {
    public static var typeName: String { "baud.v1.Failure" }

    public init(serialized bytes: UnsafeRawBufferPointer) throws(MessageError) { self = try Self.unpack(bytes) }

    public func serialized() -> [UInt8] { packed() }

    static var cDescriptor: UnsafePointer<ProtobufCMessageDescriptor> { baud__v1__failure__descriptor_pointer() }

    init(c: Baud__V1__Failure) {
        code = CField.string(c.code)
        message = CField.string(c.message)
    }

    func fill(_ c: UnsafeMutablePointer<Baud__V1__Failure>, in arena: Arena) {
        baud__v1__failure__init(c)
        if !code.isEmpty { c.pointee.code = arena.string(code) }
        if !message.isEmpty { c.pointee.message = arena.string(message) }
    }
}

public struct ExecuteRunRequest: Message, Hashable {
    public var threadID: String
    /// What the agent is to do; not empty.
    public var task: String
    /// `provider/model` or an alias of the configuration; empty for the default.
    public var model: String
    /// 1-255 characters; a retry with the same key within 24 hours returns the same run. The header or metadata entry
    /// `idempotency-key` says the same.
    public var idempotencyKey: String

    public init(
        threadID: String = "",
        task: String = "",
        model: String = "",
        idempotencyKey: String = ""
    ) {
        self.threadID = threadID
        self.task = task
        self.model = model
        self.idempotencyKey = idempotencyKey
    }
}

extension ExecuteRunRequest: CMessage {
    public static var typeName: String { "baud.v1.ExecuteRunRequest" }

    public init(serialized bytes: UnsafeRawBufferPointer) throws(MessageError) { self = try Self.unpack(bytes) }

    public func serialized() -> [UInt8] { packed() }

    static var cDescriptor: UnsafePointer<ProtobufCMessageDescriptor> {
        baud__v1__execute_run_request__descriptor_pointer()
    }

    init(c: Baud__V1__ExecuteRunRequest) {
        threadID = CField.string(c.thread_id)
        task = CField.string(c.task)
        model = CField.string(c.model)
        idempotencyKey = CField.string(c.idempotency_key)
    }

    func fill(_ c: UnsafeMutablePointer<Baud__V1__ExecuteRunRequest>, in arena: Arena) {
        baud__v1__execute_run_request__init(c)
        if !threadID.isEmpty { c.pointee.thread_id = arena.string(threadID) }
        if !task.isEmpty { c.pointee.task = arena.string(task) }
        if !model.isEmpty { c.pointee.model = arena.string(model) }
        if !idempotencyKey.isEmpty { c.pointee.idempotency_key = arena.string(idempotencyKey) }
    }
}

public struct GetRunRequest: Message, Hashable {
    public var threadID: String
    public var runID: String

    public init(
        threadID: String = "",
        runID: String = ""
    ) {
        self.threadID = threadID
        self.runID = runID
    }
}

extension GetRunRequest: CMessage {
    public static var typeName: String { "baud.v1.GetRunRequest" }

    public init(serialized bytes: UnsafeRawBufferPointer) throws(MessageError) { self = try Self.unpack(bytes) }

    public func serialized() -> [UInt8] { packed() }

    static var cDescriptor: UnsafePointer<ProtobufCMessageDescriptor> {
        baud__v1__get_run_request__descriptor_pointer()
    }

    init(c: Baud__V1__GetRunRequest) {
        threadID = CField.string(c.thread_id)
        runID = CField.string(c.run_id)
    }

    func fill(_ c: UnsafeMutablePointer<Baud__V1__GetRunRequest>, in arena: Arena) {
        baud__v1__get_run_request__init(c)
        if !threadID.isEmpty { c.pointee.thread_id = arena.string(threadID) }
        if !runID.isEmpty { c.pointee.run_id = arena.string(runID) }
    }
}

public struct ListRunsRequest: Message, Hashable {
    public var threadID: String
    /// 1 to 100; 0 stands for 50.
    public var pageSize: UInt32
    /// `next_page_token` of the page before; empty for the first.
    public var pageToken: String

    public init(
        threadID: String = "",
        pageSize: UInt32 = 0,
        pageToken: String = ""
    ) {
        self.threadID = threadID
        self.pageSize = pageSize
        self.pageToken = pageToken
    }
}

extension ListRunsRequest: CMessage {
    public static var typeName: String { "baud.v1.ListRunsRequest" }

    public init(serialized bytes: UnsafeRawBufferPointer) throws(MessageError) { self = try Self.unpack(bytes) }

    public func serialized() -> [UInt8] { packed() }

    static var cDescriptor: UnsafePointer<ProtobufCMessageDescriptor> {
        baud__v1__list_runs_request__descriptor_pointer()
    }

    init(c: Baud__V1__ListRunsRequest) {
        threadID = CField.string(c.thread_id)
        pageSize = c.page_size
        pageToken = CField.string(c.page_token)
    }

    func fill(_ c: UnsafeMutablePointer<Baud__V1__ListRunsRequest>, in arena: Arena) {
        baud__v1__list_runs_request__init(c)
        if !threadID.isEmpty { c.pointee.thread_id = arena.string(threadID) }
        c.pointee.page_size = pageSize
        if !pageToken.isEmpty { c.pointee.page_token = arena.string(pageToken) }
    }
}

public struct ListRunsResponse: Message, Hashable {
    /// Newest first.
    public var runs: [Run]
    /// Empty on the last page.
    public var nextPageToken: String

    public init(
        runs: [Run] = [],
        nextPageToken: String = ""
    ) {
        self.runs = runs
        self.nextPageToken = nextPageToken
    }
}

extension ListRunsResponse: CMessage {
    public static var typeName: String { "baud.v1.ListRunsResponse" }

    public init(serialized bytes: UnsafeRawBufferPointer) throws(MessageError) { self = try Self.unpack(bytes) }

    public func serialized() -> [UInt8] { packed() }

    static var cDescriptor: UnsafePointer<ProtobufCMessageDescriptor> {
        baud__v1__list_runs_response__descriptor_pointer()
    }

    init(c: Baud__V1__ListRunsResponse) {
        runs = CField.messages(c.n_runs, c.runs)
        nextPageToken = CField.string(c.next_page_token)
    }

    func fill(_ c: UnsafeMutablePointer<Baud__V1__ListRunsResponse>, in arena: Arena) {
        baud__v1__list_runs_response__init(c)
        (c.pointee.n_runs, c.pointee.runs) = arena.messages(runs)
        if !nextPageToken.isEmpty { c.pointee.next_page_token = arena.string(nextPageToken) }
    }
}

public struct CancelRunRequest: Message, Hashable {
    public var threadID: String
    public var runID: String

    public init(
        threadID: String = "",
        runID: String = ""
    ) {
        self.threadID = threadID
        self.runID = runID
    }
}

extension CancelRunRequest: CMessage {
    public static var typeName: String { "baud.v1.CancelRunRequest" }

    public init(serialized bytes: UnsafeRawBufferPointer) throws(MessageError) { self = try Self.unpack(bytes) }

    public func serialized() -> [UInt8] { packed() }

    static var cDescriptor: UnsafePointer<ProtobufCMessageDescriptor> {
        baud__v1__cancel_run_request__descriptor_pointer()
    }

    init(c: Baud__V1__CancelRunRequest) {
        threadID = CField.string(c.thread_id)
        runID = CField.string(c.run_id)
    }

    func fill(_ c: UnsafeMutablePointer<Baud__V1__CancelRunRequest>, in arena: Arena) {
        baud__v1__cancel_run_request__init(c)
        if !threadID.isEmpty { c.pointee.thread_id = arena.string(threadID) }
        if !runID.isEmpty { c.pointee.run_id = arena.string(runID) }
    }
}
