// Made by tools/generate from proto/. Not to be edited by hand.

internal import CProtos

/// One task given to a thread's agent.
public struct Run: Message, Hashable {
    public var runID: String
    public var threadID: String
    /// queued, running, requires_action, cancelling; terminal: completed, failed, cancelled, timed_out, expired.
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
    /// Whose run it is.
    public var tenant: String
    /// The run that this one repeats.
    public var retryOf: String
    /// What it wants to know, while it is requires_action.
    public var question: Question?
    /// Where its events are sent, if anywhere.
    public var webhook: Webhook?

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
        text: String = "",
        tenant: String = "",
        retryOf: String = "",
        question: Question? = nil,
        webhook: Webhook? = nil
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
        self.tenant = tenant
        self.retryOf = retryOf
        self.question = question
        self.webhook = webhook
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
        tenant = CField.string(c.tenant)
        retryOf = CField.string(c.retry_of)
        question = CField.message(c.question)
        webhook = CField.message(c.webhook)
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
        if !tenant.isEmpty { c.pointee.tenant = arena.string(tenant) }
        if !retryOf.isEmpty { c.pointee.retry_of = arena.string(retryOf) }
        c.pointee.question = arena.message(ifPresent: question)
        c.pointee.webhook = arena.message(ifPresent: webhook)
    }
}

/// Where a run's lifecycle events are sent: by HTTP POST, signed as Standard Webhooks has it, each at least once and one after the
/// other. docs/EVENTS.md says what is sent.
public struct Webhook: Message, Hashable {
    /// http or https, at most 2048 bytes.
    public var url: String
    /// Out of run_requires_action, run_completed, run_failed, run_cancelled, run_timed_out, run_expired; empty: all of them.
    public var events: [String]

    public init(
        url: String = "",
        events: [String] = []
    ) {
        self.url = url
        self.events = events
    }
}

extension Webhook: CMessage {
    public static var typeName: String { "baud.v1.Webhook" }

    public init(serialized bytes: UnsafeRawBufferPointer) throws(MessageError) { self = try Self.unpack(bytes) }

    public func serialized() -> [UInt8] { packed() }

    static var cDescriptor: UnsafePointer<ProtobufCMessageDescriptor> { baud__v1__webhook__descriptor_pointer() }

    init(c: Baud__V1__Webhook) {
        url = CField.string(c.url)
        events = CField.strings(c.n_events, c.events)
    }

    func fill(_ c: UnsafeMutablePointer<Baud__V1__Webhook>, in arena: Arena) {
        baud__v1__webhook__init(c)
        if !url.isEmpty { c.pointee.url = arena.string(url) }
        (c.pointee.n_events, c.pointee.events) = arena.strings(events)
    }
}

/// What an agent asks of people; its run waits without a worker until it is answered.
public struct Question: Message, Hashable {
    public var callID: String
    public var text: String
    /// Answers that the agent offers; others are welcome.
    public var choices: [String]

    public init(
        callID: String = "",
        text: String = "",
        choices: [String] = []
    ) {
        self.callID = callID
        self.text = text
        self.choices = choices
    }
}

extension Question: CMessage {
    public static var typeName: String { "baud.v1.Question" }

    public init(serialized bytes: UnsafeRawBufferPointer) throws(MessageError) { self = try Self.unpack(bytes) }

    public func serialized() -> [UInt8] { packed() }

    static var cDescriptor: UnsafePointer<ProtobufCMessageDescriptor> { baud__v1__question__descriptor_pointer() }

    init(c: Baud__V1__Question) {
        callID = CField.string(c.call_id)
        text = CField.string(c.text)
        choices = CField.strings(c.n_choices, c.choices)
    }

    func fill(_ c: UnsafeMutablePointer<Baud__V1__Question>, in arena: Arena) {
        baud__v1__question__init(c)
        if !callID.isEmpty { c.pointee.call_id = arena.string(callID) }
        if !text.isEmpty { c.pointee.text = arena.string(text) }
        (c.pointee.n_choices, c.pointee.choices) = arena.strings(choices)
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
    /// What is to happen while another run of the thread goes on; empty: what the thread's metadata has under `on_busy`, or else enqueue.
    ///   reject     409 / ABORTED, which names the active run.
    ///   enqueue    First in, first out; at most 100 wait.
    ///   interrupt  The active run and those that wait are cancelled; this one begins after the active one's last event.
    ///   rollback   As interrupt, and the conversation goes back to before the active run, which keeps its record.
    ///   steer      The task is given to the active run at its next step; the answer is that run.
    public var onBusy: String
    /// If not set, the thread's, or else the server's.
    public var webhook: Webhook?

    public init(
        threadID: String = "",
        task: String = "",
        model: String = "",
        idempotencyKey: String = "",
        onBusy: String = "",
        webhook: Webhook? = nil
    ) {
        self.threadID = threadID
        self.task = task
        self.model = model
        self.idempotencyKey = idempotencyKey
        self.onBusy = onBusy
        self.webhook = webhook
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
        onBusy = CField.string(c.on_busy)
        webhook = CField.message(c.webhook)
    }

    func fill(_ c: UnsafeMutablePointer<Baud__V1__ExecuteRunRequest>, in arena: Arena) {
        baud__v1__execute_run_request__init(c)
        if !threadID.isEmpty { c.pointee.thread_id = arena.string(threadID) }
        if !task.isEmpty { c.pointee.task = arena.string(task) }
        if !model.isEmpty { c.pointee.model = arena.string(model) }
        if !idempotencyKey.isEmpty { c.pointee.idempotency_key = arena.string(idempotencyKey) }
        if !onBusy.isEmpty { c.pointee.on_busy = arena.string(onBusy) }
        c.pointee.webhook = arena.message(ifPresent: webhook)
    }
}

extension ExecuteRunRequest: ThreadRequest {}

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

extension GetRunRequest: ThreadRequest {}

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

extension ListRunsRequest: ThreadRequest {}

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
    /// Answer when the run has ended, and with it all that it started; after 30 s (server.wait_seconds) with the run as it is then
    /// (HTTP status 202).
    public var wait: Bool

    public init(
        threadID: String = "",
        runID: String = "",
        wait: Bool = false
    ) {
        self.threadID = threadID
        self.runID = runID
        self.wait = wait
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
        wait = c.wait != 0
    }

    func fill(_ c: UnsafeMutablePointer<Baud__V1__CancelRunRequest>, in arena: Arena) {
        baud__v1__cancel_run_request__init(c)
        if !threadID.isEmpty { c.pointee.thread_id = arena.string(threadID) }
        if !runID.isEmpty { c.pointee.run_id = arena.string(runID) }
        c.pointee.wait = wait ? 1 : 0
    }
}

extension CancelRunRequest: ThreadRequest {}

public struct WaitRunRequest: Message, Hashable {
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

extension WaitRunRequest: CMessage {
    public static var typeName: String { "baud.v1.WaitRunRequest" }

    public init(serialized bytes: UnsafeRawBufferPointer) throws(MessageError) { self = try Self.unpack(bytes) }

    public func serialized() -> [UInt8] { packed() }

    static var cDescriptor: UnsafePointer<ProtobufCMessageDescriptor> {
        baud__v1__wait_run_request__descriptor_pointer()
    }

    init(c: Baud__V1__WaitRunRequest) {
        threadID = CField.string(c.thread_id)
        runID = CField.string(c.run_id)
    }

    func fill(_ c: UnsafeMutablePointer<Baud__V1__WaitRunRequest>, in arena: Arena) {
        baud__v1__wait_run_request__init(c)
        if !threadID.isEmpty { c.pointee.thread_id = arena.string(threadID) }
        if !runID.isEmpty { c.pointee.run_id = arena.string(runID) }
    }
}

extension WaitRunRequest: ThreadRequest {}

public struct RetryRunRequest: Message, Hashable {
    public var threadID: String
    /// A run that has ended.
    public var runID: String
    /// As in ExecuteRunRequest.
    public var idempotencyKey: String

    public init(
        threadID: String = "",
        runID: String = "",
        idempotencyKey: String = ""
    ) {
        self.threadID = threadID
        self.runID = runID
        self.idempotencyKey = idempotencyKey
    }
}

extension RetryRunRequest: CMessage {
    public static var typeName: String { "baud.v1.RetryRunRequest" }

    public init(serialized bytes: UnsafeRawBufferPointer) throws(MessageError) { self = try Self.unpack(bytes) }

    public func serialized() -> [UInt8] { packed() }

    static var cDescriptor: UnsafePointer<ProtobufCMessageDescriptor> {
        baud__v1__retry_run_request__descriptor_pointer()
    }

    init(c: Baud__V1__RetryRunRequest) {
        threadID = CField.string(c.thread_id)
        runID = CField.string(c.run_id)
        idempotencyKey = CField.string(c.idempotency_key)
    }

    func fill(_ c: UnsafeMutablePointer<Baud__V1__RetryRunRequest>, in arena: Arena) {
        baud__v1__retry_run_request__init(c)
        if !threadID.isEmpty { c.pointee.thread_id = arena.string(threadID) }
        if !runID.isEmpty { c.pointee.run_id = arena.string(runID) }
        if !idempotencyKey.isEmpty { c.pointee.idempotency_key = arena.string(idempotencyKey) }
    }
}

extension RetryRunRequest: ThreadRequest {}

public struct AnswerRunRequest: Message, Hashable {
    public var threadID: String
    public var runID: String
    /// Of the question; empty for the one that is open.
    public var callID: String
    public var text: String

    public init(
        threadID: String = "",
        runID: String = "",
        callID: String = "",
        text: String = ""
    ) {
        self.threadID = threadID
        self.runID = runID
        self.callID = callID
        self.text = text
    }
}

extension AnswerRunRequest: CMessage {
    public static var typeName: String { "baud.v1.AnswerRunRequest" }

    public init(serialized bytes: UnsafeRawBufferPointer) throws(MessageError) { self = try Self.unpack(bytes) }

    public func serialized() -> [UInt8] { packed() }

    static var cDescriptor: UnsafePointer<ProtobufCMessageDescriptor> {
        baud__v1__answer_run_request__descriptor_pointer()
    }

    init(c: Baud__V1__AnswerRunRequest) {
        threadID = CField.string(c.thread_id)
        runID = CField.string(c.run_id)
        callID = CField.string(c.call_id)
        text = CField.string(c.text)
    }

    func fill(_ c: UnsafeMutablePointer<Baud__V1__AnswerRunRequest>, in arena: Arena) {
        baud__v1__answer_run_request__init(c)
        if !threadID.isEmpty { c.pointee.thread_id = arena.string(threadID) }
        if !runID.isEmpty { c.pointee.run_id = arena.string(runID) }
        if !callID.isEmpty { c.pointee.call_id = arena.string(callID) }
        if !text.isEmpty { c.pointee.text = arena.string(text) }
    }
}

extension AnswerRunRequest: ThreadRequest {}

public struct ScheduleRunRequest: Message, Hashable {
    public var threadID: String
    public var task: String
    public var model: String
    public var onBusy: String
    /// When; one of the three is given.
    /// Seconds from now.
    public var delaySeconds: UInt32
    /// Unix time in milliseconds.
    public var at: Int64
    /// Minute, hour, day of the month, month, day of the week, in UTC: `*/5 8-17 * * 1-5`.
    public var cron: String
    /// As in ExecuteRunRequest.
    public var webhook: Webhook?

    public init(
        threadID: String = "",
        task: String = "",
        model: String = "",
        onBusy: String = "",
        delaySeconds: UInt32 = 0,
        at: Int64 = 0,
        cron: String = "",
        webhook: Webhook? = nil
    ) {
        self.threadID = threadID
        self.task = task
        self.model = model
        self.onBusy = onBusy
        self.delaySeconds = delaySeconds
        self.at = at
        self.cron = cron
        self.webhook = webhook
    }
}

extension ScheduleRunRequest: CMessage {
    public static var typeName: String { "baud.v1.ScheduleRunRequest" }

    public init(serialized bytes: UnsafeRawBufferPointer) throws(MessageError) { self = try Self.unpack(bytes) }

    public func serialized() -> [UInt8] { packed() }

    static var cDescriptor: UnsafePointer<ProtobufCMessageDescriptor> {
        baud__v1__schedule_run_request__descriptor_pointer()
    }

    init(c: Baud__V1__ScheduleRunRequest) {
        threadID = CField.string(c.thread_id)
        task = CField.string(c.task)
        model = CField.string(c.model)
        onBusy = CField.string(c.on_busy)
        delaySeconds = c.delay_seconds
        at = c.at
        cron = CField.string(c.cron)
        webhook = CField.message(c.webhook)
    }

    func fill(_ c: UnsafeMutablePointer<Baud__V1__ScheduleRunRequest>, in arena: Arena) {
        baud__v1__schedule_run_request__init(c)
        if !threadID.isEmpty { c.pointee.thread_id = arena.string(threadID) }
        if !task.isEmpty { c.pointee.task = arena.string(task) }
        if !model.isEmpty { c.pointee.model = arena.string(model) }
        if !onBusy.isEmpty { c.pointee.on_busy = arena.string(onBusy) }
        c.pointee.delay_seconds = delaySeconds
        c.pointee.at = at
        if !cron.isEmpty { c.pointee.cron = arena.string(cron) }
        c.pointee.webhook = arena.message(ifPresent: webhook)
    }
}

extension ScheduleRunRequest: ThreadRequest {}

/// A run that is to be executed at a time, or again and again.
public struct Schedule: Message, Hashable {
    public var scheduleID: String
    public var threadID: String
    public var task: String
    public var model: String
    public var onBusy: String
    /// Empty for a single run.
    public var cron: String
    /// Unix time in milliseconds. What was missed while no worker ran is made up for by one run.
    public var nextAt: Int64
    public var tenant: String
    public var createdAt: Int64
    /// The last run it led to.
    public var lastRunID: String
    /// Why the last time led to none.
    public var lastError: String
    public var webhook: Webhook?

    public init(
        scheduleID: String = "",
        threadID: String = "",
        task: String = "",
        model: String = "",
        onBusy: String = "",
        cron: String = "",
        nextAt: Int64 = 0,
        tenant: String = "",
        createdAt: Int64 = 0,
        lastRunID: String = "",
        lastError: String = "",
        webhook: Webhook? = nil
    ) {
        self.scheduleID = scheduleID
        self.threadID = threadID
        self.task = task
        self.model = model
        self.onBusy = onBusy
        self.cron = cron
        self.nextAt = nextAt
        self.tenant = tenant
        self.createdAt = createdAt
        self.lastRunID = lastRunID
        self.lastError = lastError
        self.webhook = webhook
    }
}

extension Schedule: CMessage {
    public static var typeName: String { "baud.v1.Schedule" }

    public init(serialized bytes: UnsafeRawBufferPointer) throws(MessageError) { self = try Self.unpack(bytes) }

    public func serialized() -> [UInt8] { packed() }

    static var cDescriptor: UnsafePointer<ProtobufCMessageDescriptor> { baud__v1__schedule__descriptor_pointer() }

    init(c: Baud__V1__Schedule) {
        scheduleID = CField.string(c.schedule_id)
        threadID = CField.string(c.thread_id)
        task = CField.string(c.task)
        model = CField.string(c.model)
        onBusy = CField.string(c.on_busy)
        cron = CField.string(c.cron)
        nextAt = c.next_at
        tenant = CField.string(c.tenant)
        createdAt = c.created_at
        lastRunID = CField.string(c.last_run_id)
        lastError = CField.string(c.last_error)
        webhook = CField.message(c.webhook)
    }

    func fill(_ c: UnsafeMutablePointer<Baud__V1__Schedule>, in arena: Arena) {
        baud__v1__schedule__init(c)
        if !scheduleID.isEmpty { c.pointee.schedule_id = arena.string(scheduleID) }
        if !threadID.isEmpty { c.pointee.thread_id = arena.string(threadID) }
        if !task.isEmpty { c.pointee.task = arena.string(task) }
        if !model.isEmpty { c.pointee.model = arena.string(model) }
        if !onBusy.isEmpty { c.pointee.on_busy = arena.string(onBusy) }
        if !cron.isEmpty { c.pointee.cron = arena.string(cron) }
        c.pointee.next_at = nextAt
        if !tenant.isEmpty { c.pointee.tenant = arena.string(tenant) }
        c.pointee.created_at = createdAt
        if !lastRunID.isEmpty { c.pointee.last_run_id = arena.string(lastRunID) }
        if !lastError.isEmpty { c.pointee.last_error = arena.string(lastError) }
        c.pointee.webhook = arena.message(ifPresent: webhook)
    }
}

public struct ListSchedulesRequest: Message, Hashable {
    public var threadID: String

    public init(
        threadID: String = ""
    ) {
        self.threadID = threadID
    }
}

extension ListSchedulesRequest: CMessage {
    public static var typeName: String { "baud.v1.ListSchedulesRequest" }

    public init(serialized bytes: UnsafeRawBufferPointer) throws(MessageError) { self = try Self.unpack(bytes) }

    public func serialized() -> [UInt8] { packed() }

    static var cDescriptor: UnsafePointer<ProtobufCMessageDescriptor> {
        baud__v1__list_schedules_request__descriptor_pointer()
    }

    init(c: Baud__V1__ListSchedulesRequest) {
        threadID = CField.string(c.thread_id)
    }

    func fill(_ c: UnsafeMutablePointer<Baud__V1__ListSchedulesRequest>, in arena: Arena) {
        baud__v1__list_schedules_request__init(c)
        if !threadID.isEmpty { c.pointee.thread_id = arena.string(threadID) }
    }
}

extension ListSchedulesRequest: ThreadRequest {}

public struct ListSchedulesResponse: Message, Hashable {
    public var schedules: [Schedule]

    public init(
        schedules: [Schedule] = []
    ) {
        self.schedules = schedules
    }
}

extension ListSchedulesResponse: CMessage {
    public static var typeName: String { "baud.v1.ListSchedulesResponse" }

    public init(serialized bytes: UnsafeRawBufferPointer) throws(MessageError) { self = try Self.unpack(bytes) }

    public func serialized() -> [UInt8] { packed() }

    static var cDescriptor: UnsafePointer<ProtobufCMessageDescriptor> {
        baud__v1__list_schedules_response__descriptor_pointer()
    }

    init(c: Baud__V1__ListSchedulesResponse) {
        schedules = CField.messages(c.n_schedules, c.schedules)
    }

    func fill(_ c: UnsafeMutablePointer<Baud__V1__ListSchedulesResponse>, in arena: Arena) {
        baud__v1__list_schedules_response__init(c)
        (c.pointee.n_schedules, c.pointee.schedules) = arena.messages(schedules)
    }
}

public struct DeleteScheduleRequest: Message, Hashable {
    public var threadID: String
    public var scheduleID: String

    public init(
        threadID: String = "",
        scheduleID: String = ""
    ) {
        self.threadID = threadID
        self.scheduleID = scheduleID
    }
}

extension DeleteScheduleRequest: CMessage {
    public static var typeName: String { "baud.v1.DeleteScheduleRequest" }

    public init(serialized bytes: UnsafeRawBufferPointer) throws(MessageError) { self = try Self.unpack(bytes) }

    public func serialized() -> [UInt8] { packed() }

    static var cDescriptor: UnsafePointer<ProtobufCMessageDescriptor> {
        baud__v1__delete_schedule_request__descriptor_pointer()
    }

    init(c: Baud__V1__DeleteScheduleRequest) {
        threadID = CField.string(c.thread_id)
        scheduleID = CField.string(c.schedule_id)
    }

    func fill(_ c: UnsafeMutablePointer<Baud__V1__DeleteScheduleRequest>, in arena: Arena) {
        baud__v1__delete_schedule_request__init(c)
        if !threadID.isEmpty { c.pointee.thread_id = arena.string(threadID) }
        if !scheduleID.isEmpty { c.pointee.schedule_id = arena.string(scheduleID) }
    }
}

extension DeleteScheduleRequest: ThreadRequest {}

public struct DeleteScheduleResponse: Message, Hashable {

    public init() {}
}

extension DeleteScheduleResponse: CMessage {
    public static var typeName: String { "baud.v1.DeleteScheduleResponse" }

    public init(serialized bytes: UnsafeRawBufferPointer) throws(MessageError) { self = try Self.unpack(bytes) }

    public func serialized() -> [UInt8] { packed() }

    static var cDescriptor: UnsafePointer<ProtobufCMessageDescriptor> {
        baud__v1__delete_schedule_response__descriptor_pointer()
    }

    init(c: Baud__V1__DeleteScheduleResponse) {
        self.init()
    }

    func fill(_ c: UnsafeMutablePointer<Baud__V1__DeleteScheduleResponse>, in arena: Arena) {
        baud__v1__delete_schedule_response__init(c)
    }
}

/// A run that was given up: it lost its workers, or failed too often.
public struct DeadLetter: Message, Hashable {
    public var threadID: String
    public var runID: String
    public var tenant: String
    /// Unix time in milliseconds.
    public var time: Int64
    public var error: Failure?

    public init(
        threadID: String = "",
        runID: String = "",
        tenant: String = "",
        time: Int64 = 0,
        error: Failure? = nil
    ) {
        self.threadID = threadID
        self.runID = runID
        self.tenant = tenant
        self.time = time
        self.error = error
    }
}

extension DeadLetter: CMessage {
    public static var typeName: String { "baud.v1.DeadLetter" }

    public init(serialized bytes: UnsafeRawBufferPointer) throws(MessageError) { self = try Self.unpack(bytes) }

    public func serialized() -> [UInt8] { packed() }

    static var cDescriptor: UnsafePointer<ProtobufCMessageDescriptor> { baud__v1__dead_letter__descriptor_pointer() }

    init(c: Baud__V1__DeadLetter) {
        threadID = CField.string(c.thread_id)
        runID = CField.string(c.run_id)
        tenant = CField.string(c.tenant)
        time = c.time
        error = CField.message(c.error)
    }

    func fill(_ c: UnsafeMutablePointer<Baud__V1__DeadLetter>, in arena: Arena) {
        baud__v1__dead_letter__init(c)
        if !threadID.isEmpty { c.pointee.thread_id = arena.string(threadID) }
        if !runID.isEmpty { c.pointee.run_id = arena.string(runID) }
        if !tenant.isEmpty { c.pointee.tenant = arena.string(tenant) }
        c.pointee.time = time
        c.pointee.error = arena.message(ifPresent: error)
    }
}

public struct ListDeadLettersRequest: Message, Hashable {
    /// 1 to 100; 0 stands for 50.
    public var pageSize: UInt32

    public init(
        pageSize: UInt32 = 0
    ) {
        self.pageSize = pageSize
    }
}

extension ListDeadLettersRequest: CMessage {
    public static var typeName: String { "baud.v1.ListDeadLettersRequest" }

    public init(serialized bytes: UnsafeRawBufferPointer) throws(MessageError) { self = try Self.unpack(bytes) }

    public func serialized() -> [UInt8] { packed() }

    static var cDescriptor: UnsafePointer<ProtobufCMessageDescriptor> {
        baud__v1__list_dead_letters_request__descriptor_pointer()
    }

    init(c: Baud__V1__ListDeadLettersRequest) {
        pageSize = c.page_size
    }

    func fill(_ c: UnsafeMutablePointer<Baud__V1__ListDeadLettersRequest>, in arena: Arena) {
        baud__v1__list_dead_letters_request__init(c)
        c.pointee.page_size = pageSize
    }
}

public struct ListDeadLettersResponse: Message, Hashable {
    /// Newest first.
    public var deadLetters: [DeadLetter]
    /// How many there are in all.
    public var total: UInt32

    public init(
        deadLetters: [DeadLetter] = [],
        total: UInt32 = 0
    ) {
        self.deadLetters = deadLetters
        self.total = total
    }
}

extension ListDeadLettersResponse: CMessage {
    public static var typeName: String { "baud.v1.ListDeadLettersResponse" }

    public init(serialized bytes: UnsafeRawBufferPointer) throws(MessageError) { self = try Self.unpack(bytes) }

    public func serialized() -> [UInt8] { packed() }

    static var cDescriptor: UnsafePointer<ProtobufCMessageDescriptor> {
        baud__v1__list_dead_letters_response__descriptor_pointer()
    }

    init(c: Baud__V1__ListDeadLettersResponse) {
        deadLetters = CField.messages(c.n_dead_letters, c.dead_letters)
        total = c.total
    }

    func fill(_ c: UnsafeMutablePointer<Baud__V1__ListDeadLettersResponse>, in arena: Arena) {
        baud__v1__list_dead_letters_response__init(c)
        (c.pointee.n_dead_letters, c.pointee.dead_letters) = arena.messages(deadLetters)
        c.pointee.total = total
    }
}

public struct RequeueDeadLetterRequest: Message, Hashable {
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

extension RequeueDeadLetterRequest: CMessage {
    public static var typeName: String { "baud.v1.RequeueDeadLetterRequest" }

    public init(serialized bytes: UnsafeRawBufferPointer) throws(MessageError) { self = try Self.unpack(bytes) }

    public func serialized() -> [UInt8] { packed() }

    static var cDescriptor: UnsafePointer<ProtobufCMessageDescriptor> {
        baud__v1__requeue_dead_letter_request__descriptor_pointer()
    }

    init(c: Baud__V1__RequeueDeadLetterRequest) {
        threadID = CField.string(c.thread_id)
        runID = CField.string(c.run_id)
    }

    func fill(_ c: UnsafeMutablePointer<Baud__V1__RequeueDeadLetterRequest>, in arena: Arena) {
        baud__v1__requeue_dead_letter_request__init(c)
        if !threadID.isEmpty { c.pointee.thread_id = arena.string(threadID) }
        if !runID.isEmpty { c.pointee.run_id = arena.string(runID) }
    }
}

extension RequeueDeadLetterRequest: ThreadRequest {}

public struct PurgeDeadLettersRequest: Message, Hashable {

    public init() {}
}

extension PurgeDeadLettersRequest: CMessage {
    public static var typeName: String { "baud.v1.PurgeDeadLettersRequest" }

    public init(serialized bytes: UnsafeRawBufferPointer) throws(MessageError) { self = try Self.unpack(bytes) }

    public func serialized() -> [UInt8] { packed() }

    static var cDescriptor: UnsafePointer<ProtobufCMessageDescriptor> {
        baud__v1__purge_dead_letters_request__descriptor_pointer()
    }

    init(c: Baud__V1__PurgeDeadLettersRequest) {
        self.init()
    }

    func fill(_ c: UnsafeMutablePointer<Baud__V1__PurgeDeadLettersRequest>, in arena: Arena) {
        baud__v1__purge_dead_letters_request__init(c)
    }
}

public struct PurgeDeadLettersResponse: Message, Hashable {
    public var count: UInt32

    public init(
        count: UInt32 = 0
    ) {
        self.count = count
    }
}

extension PurgeDeadLettersResponse: CMessage {
    public static var typeName: String { "baud.v1.PurgeDeadLettersResponse" }

    public init(serialized bytes: UnsafeRawBufferPointer) throws(MessageError) { self = try Self.unpack(bytes) }

    public func serialized() -> [UInt8] { packed() }

    static var cDescriptor: UnsafePointer<ProtobufCMessageDescriptor> {
        baud__v1__purge_dead_letters_response__descriptor_pointer()
    }

    init(c: Baud__V1__PurgeDeadLettersResponse) {
        count = c.count
    }

    func fill(_ c: UnsafeMutablePointer<Baud__V1__PurgeDeadLettersResponse>, in arena: Arena) {
        baud__v1__purge_dead_letters_response__init(c)
        c.pointee.count = count
    }
}

public struct GetStatsRequest: Message, Hashable {

    public init() {}
}

extension GetStatsRequest: CMessage {
    public static var typeName: String { "baud.v1.GetStatsRequest" }

    public init(serialized bytes: UnsafeRawBufferPointer) throws(MessageError) { self = try Self.unpack(bytes) }

    public func serialized() -> [UInt8] { packed() }

    static var cDescriptor: UnsafePointer<ProtobufCMessageDescriptor> {
        baud__v1__get_stats_request__descriptor_pointer()
    }

    init(c: Baud__V1__GetStatsRequest) {
        self.init()
    }

    func fill(_ c: UnsafeMutablePointer<Baud__V1__GetStatsRequest>, in arena: Arena) {
        baud__v1__get_stats_request__init(c)
    }
}

/// The worker queue at one moment.
public struct Stats: Message, Hashable {
    /// Runs that wait for a worker, and of how many tenants they are.
    public var queued: UInt32
    public var tenants: UInt32
    /// Of these the longest wait.
    public var oldestMs: Int64
    /// Runs in the hands of workers.
    public var running: UInt32
    /// Runs and schedules that wait for their time.
    public var due: UInt32
    public var deadLetters: UInt32
    /// Heard of within the last 30 seconds.
    public var workers: UInt32
    /// Runs with a webhook that have not ended, or whose events have not all arrived.
    public var webhooks: UInt32
    /// Events that were given up within the last seven days, because the receiver did not take them.
    public var deadWebhooks: UInt32

    public init(
        queued: UInt32 = 0,
        tenants: UInt32 = 0,
        oldestMs: Int64 = 0,
        running: UInt32 = 0,
        due: UInt32 = 0,
        deadLetters: UInt32 = 0,
        workers: UInt32 = 0,
        webhooks: UInt32 = 0,
        deadWebhooks: UInt32 = 0
    ) {
        self.queued = queued
        self.tenants = tenants
        self.oldestMs = oldestMs
        self.running = running
        self.due = due
        self.deadLetters = deadLetters
        self.workers = workers
        self.webhooks = webhooks
        self.deadWebhooks = deadWebhooks
    }
}

extension Stats: CMessage {
    public static var typeName: String { "baud.v1.Stats" }

    public init(serialized bytes: UnsafeRawBufferPointer) throws(MessageError) { self = try Self.unpack(bytes) }

    public func serialized() -> [UInt8] { packed() }

    static var cDescriptor: UnsafePointer<ProtobufCMessageDescriptor> { baud__v1__stats__descriptor_pointer() }

    init(c: Baud__V1__Stats) {
        queued = c.queued
        tenants = c.tenants
        oldestMs = c.oldest_ms
        running = c.running
        due = c.due
        deadLetters = c.dead_letters
        workers = c.workers
        webhooks = c.webhooks
        deadWebhooks = c.dead_webhooks
    }

    func fill(_ c: UnsafeMutablePointer<Baud__V1__Stats>, in arena: Arena) {
        baud__v1__stats__init(c)
        c.pointee.queued = queued
        c.pointee.tenants = tenants
        c.pointee.oldest_ms = oldestMs
        c.pointee.running = running
        c.pointee.due = due
        c.pointee.dead_letters = deadLetters
        c.pointee.workers = workers
        c.pointee.webhooks = webhooks
        c.pointee.dead_webhooks = deadWebhooks
    }
}
