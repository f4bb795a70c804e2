// Made by tools/generate from proto/. Not to be edited by hand.

internal import CProtos
public import OrderedCollections

/// A conversation with an agent: its runs, its events, its workspace.
public struct Thread: Message, Hashable {
    /// 1 to 128 characters out of A-Z a-z 0-9 _ -.
    public var threadID: String
    /// `idle`, or `busy` while a run is queued or carried out.
    public var status: String
    /// What the client gave when it created the thread.
    public var metadata: OrderedDictionary<String, String>
    /// Unix time in milliseconds.
    public var createdAt: Int64
    /// Unix time in milliseconds of the last event.
    public var updatedAt: Int64
    /// The run that is carried out or is next; empty when idle.
    public var activeRunID: String
    /// Number of the newest event; events are numbered from 1 without gaps.
    public var seq: UInt64
    /// Id of the newest event: a cursor for StreamThread that yields only what is new. Empty before the first.
    public var lastID: String
    /// How many runs there have been.
    public var runCount: UInt32
    /// All tokens of all runs.
    public var usage: Usage?
    /// For people.
    public var title: String
    public var tags: [String]
    /// Counts the changes by UpdateThread, from 1.
    public var version: UInt64
    /// Set when it is a fork.
    public var forkedFrom: ThreadOrigin?
    /// Of its runs that bring none of their own.
    public var webhook: Webhook?

    public init(
        threadID: String = "",
        status: String = "",
        metadata: OrderedDictionary<String, String> = [:],
        createdAt: Int64 = 0,
        updatedAt: Int64 = 0,
        activeRunID: String = "",
        seq: UInt64 = 0,
        lastID: String = "",
        runCount: UInt32 = 0,
        usage: Usage? = nil,
        title: String = "",
        tags: [String] = [],
        version: UInt64 = 0,
        forkedFrom: ThreadOrigin? = nil,
        webhook: Webhook? = nil
    ) {
        self.threadID = threadID
        self.status = status
        self.metadata = metadata
        self.createdAt = createdAt
        self.updatedAt = updatedAt
        self.activeRunID = activeRunID
        self.seq = seq
        self.lastID = lastID
        self.runCount = runCount
        self.usage = usage
        self.title = title
        self.tags = tags
        self.version = version
        self.forkedFrom = forkedFrom
        self.webhook = webhook
    }
}

extension Thread: CMessage {
    public static var typeName: String { "baud.v1.Thread" }

    public init(serialized bytes: UnsafeRawBufferPointer) throws(MessageError) { self = try Self.unpack(bytes) }

    public func serialized() -> [UInt8] { packed() }

    static var cDescriptor: UnsafePointer<ProtobufCMessageDescriptor> { baud__v1__thread__descriptor_pointer() }

    init(c: Baud__V1__Thread) {
        threadID = CField.string(c.thread_id)
        status = CField.string(c.status)
        metadata = CField.dictionary(c.n_metadata, c.metadata) { ($0.key, CField.string($0.value)) }
        createdAt = c.created_at
        updatedAt = c.updated_at
        activeRunID = CField.string(c.active_run_id)
        seq = c.seq
        lastID = CField.string(c.last_id)
        runCount = c.run_count
        usage = CField.message(c.usage)
        title = CField.string(c.title)
        tags = CField.strings(c.n_tags, c.tags)
        version = c.version
        forkedFrom = CField.message(c.forked_from)
        webhook = CField.message(c.webhook)
    }

    func fill(_ c: UnsafeMutablePointer<Baud__V1__Thread>, in arena: Arena) {
        baud__v1__thread__init(c)
        if !threadID.isEmpty { c.pointee.thread_id = arena.string(threadID) }
        if !status.isEmpty { c.pointee.status = arena.string(status) }
        (c.pointee.n_metadata, c.pointee.metadata) = arena.entries(
            metadata,
            of: Baud__V1__Thread__MetadataEntry.self,
            baud__v1__thread__metadata_entry__init
        ) {
            $0.pointee.key = $1
            $0.pointee.value = arena.string($2)
        }
        c.pointee.created_at = createdAt
        c.pointee.updated_at = updatedAt
        if !activeRunID.isEmpty { c.pointee.active_run_id = arena.string(activeRunID) }
        c.pointee.seq = seq
        if !lastID.isEmpty { c.pointee.last_id = arena.string(lastID) }
        c.pointee.run_count = runCount
        c.pointee.usage = arena.message(ifPresent: usage)
        if !title.isEmpty { c.pointee.title = arena.string(title) }
        (c.pointee.n_tags, c.pointee.tags) = arena.strings(tags)
        c.pointee.version = version
        c.pointee.forked_from = arena.message(ifPresent: forkedFrom)
        c.pointee.webhook = arena.message(ifPresent: webhook)
    }
}

/// Where a fork comes from.
public struct ThreadOrigin: Message, Hashable {
    public var threadID: String
    /// The last event of that thread which the fork knows.
    public var lastID: String

    public init(
        threadID: String = "",
        lastID: String = ""
    ) {
        self.threadID = threadID
        self.lastID = lastID
    }
}

extension ThreadOrigin: CMessage {
    public static var typeName: String { "baud.v1.ThreadOrigin" }

    public init(serialized bytes: UnsafeRawBufferPointer) throws(MessageError) { self = try Self.unpack(bytes) }

    public func serialized() -> [UInt8] { packed() }

    static var cDescriptor: UnsafePointer<ProtobufCMessageDescriptor> { baud__v1__thread_origin__descriptor_pointer() }

    init(c: Baud__V1__ThreadOrigin) {
        threadID = CField.string(c.thread_id)
        lastID = CField.string(c.last_id)
    }

    func fill(_ c: UnsafeMutablePointer<Baud__V1__ThreadOrigin>, in arena: Arena) {
        baud__v1__thread_origin__init(c)
        if !threadID.isEmpty { c.pointee.thread_id = arena.string(threadID) }
        if !lastID.isEmpty { c.pointee.last_id = arena.string(lastID) }
    }
}

public struct InitiateThreadRequest: Message, Hashable {
    /// At most 64 entries of at most 512 bytes each.
    public var metadata: OrderedDictionary<String, String>
    /// 1-255 characters; a retry with the same key within 24 hours returns the same thread.
    public var idempotencyKey: String
    /// For the thread's runs that bring none of their own.
    public var webhook: Webhook?

    public init(
        metadata: OrderedDictionary<String, String> = [:],
        idempotencyKey: String = "",
        webhook: Webhook? = nil
    ) {
        self.metadata = metadata
        self.idempotencyKey = idempotencyKey
        self.webhook = webhook
    }
}

extension InitiateThreadRequest: CMessage {
    public static var typeName: String { "baud.v1.InitiateThreadRequest" }

    public init(serialized bytes: UnsafeRawBufferPointer) throws(MessageError) { self = try Self.unpack(bytes) }

    public func serialized() -> [UInt8] { packed() }

    static var cDescriptor: UnsafePointer<ProtobufCMessageDescriptor> {
        baud__v1__initiate_thread_request__descriptor_pointer()
    }

    init(c: Baud__V1__InitiateThreadRequest) {
        metadata = CField.dictionary(c.n_metadata, c.metadata) { ($0.key, CField.string($0.value)) }
        idempotencyKey = CField.string(c.idempotency_key)
        webhook = CField.message(c.webhook)
    }

    func fill(_ c: UnsafeMutablePointer<Baud__V1__InitiateThreadRequest>, in arena: Arena) {
        baud__v1__initiate_thread_request__init(c)
        (c.pointee.n_metadata, c.pointee.metadata) = arena.entries(
            metadata,
            of: Baud__V1__InitiateThreadRequest__MetadataEntry.self,
            baud__v1__initiate_thread_request__metadata_entry__init
        ) {
            $0.pointee.key = $1
            $0.pointee.value = arena.string($2)
        }
        if !idempotencyKey.isEmpty { c.pointee.idempotency_key = arena.string(idempotencyKey) }
        c.pointee.webhook = arena.message(ifPresent: webhook)
    }
}

public struct GetThreadRequest: Message, Hashable {
    public var threadID: String

    public init(
        threadID: String = ""
    ) {
        self.threadID = threadID
    }
}

extension GetThreadRequest: CMessage {
    public static var typeName: String { "baud.v1.GetThreadRequest" }

    public init(serialized bytes: UnsafeRawBufferPointer) throws(MessageError) { self = try Self.unpack(bytes) }

    public func serialized() -> [UInt8] { packed() }

    static var cDescriptor: UnsafePointer<ProtobufCMessageDescriptor> {
        baud__v1__get_thread_request__descriptor_pointer()
    }

    init(c: Baud__V1__GetThreadRequest) {
        threadID = CField.string(c.thread_id)
    }

    func fill(_ c: UnsafeMutablePointer<Baud__V1__GetThreadRequest>, in arena: Arena) {
        baud__v1__get_thread_request__init(c)
        if !threadID.isEmpty { c.pointee.thread_id = arena.string(threadID) }
    }
}

extension GetThreadRequest: ThreadRequest {}

public struct ListThreadsRequest: Message, Hashable {
    /// 1 to 100; 0 stands for 50.
    public var pageSize: UInt32
    /// `next_page_token` of the page before; empty for the first.
    public var pageToken: String

    public init(
        pageSize: UInt32 = 0,
        pageToken: String = ""
    ) {
        self.pageSize = pageSize
        self.pageToken = pageToken
    }
}

extension ListThreadsRequest: CMessage {
    public static var typeName: String { "baud.v1.ListThreadsRequest" }

    public init(serialized bytes: UnsafeRawBufferPointer) throws(MessageError) { self = try Self.unpack(bytes) }

    public func serialized() -> [UInt8] { packed() }

    static var cDescriptor: UnsafePointer<ProtobufCMessageDescriptor> {
        baud__v1__list_threads_request__descriptor_pointer()
    }

    init(c: Baud__V1__ListThreadsRequest) {
        pageSize = c.page_size
        pageToken = CField.string(c.page_token)
    }

    func fill(_ c: UnsafeMutablePointer<Baud__V1__ListThreadsRequest>, in arena: Arena) {
        baud__v1__list_threads_request__init(c)
        c.pointee.page_size = pageSize
        if !pageToken.isEmpty { c.pointee.page_token = arena.string(pageToken) }
    }
}

public struct ListThreadsResponse: Message, Hashable {
    /// Newest first.
    public var threads: [Thread]
    /// Empty on the last page.
    public var nextPageToken: String

    public init(
        threads: [Thread] = [],
        nextPageToken: String = ""
    ) {
        self.threads = threads
        self.nextPageToken = nextPageToken
    }
}

extension ListThreadsResponse: CMessage {
    public static var typeName: String { "baud.v1.ListThreadsResponse" }

    public init(serialized bytes: UnsafeRawBufferPointer) throws(MessageError) { self = try Self.unpack(bytes) }

    public func serialized() -> [UInt8] { packed() }

    static var cDescriptor: UnsafePointer<ProtobufCMessageDescriptor> {
        baud__v1__list_threads_response__descriptor_pointer()
    }

    init(c: Baud__V1__ListThreadsResponse) {
        threads = CField.messages(c.n_threads, c.threads)
        nextPageToken = CField.string(c.next_page_token)
    }

    func fill(_ c: UnsafeMutablePointer<Baud__V1__ListThreadsResponse>, in arena: Arena) {
        baud__v1__list_threads_response__init(c)
        (c.pointee.n_threads, c.pointee.threads) = arena.messages(threads)
        if !nextPageToken.isEmpty { c.pointee.next_page_token = arena.string(nextPageToken) }
    }
}

public struct DeleteThreadRequest: Message, Hashable {
    public var threadID: String

    public init(
        threadID: String = ""
    ) {
        self.threadID = threadID
    }
}

extension DeleteThreadRequest: CMessage {
    public static var typeName: String { "baud.v1.DeleteThreadRequest" }

    public init(serialized bytes: UnsafeRawBufferPointer) throws(MessageError) { self = try Self.unpack(bytes) }

    public func serialized() -> [UInt8] { packed() }

    static var cDescriptor: UnsafePointer<ProtobufCMessageDescriptor> {
        baud__v1__delete_thread_request__descriptor_pointer()
    }

    init(c: Baud__V1__DeleteThreadRequest) {
        threadID = CField.string(c.thread_id)
    }

    func fill(_ c: UnsafeMutablePointer<Baud__V1__DeleteThreadRequest>, in arena: Arena) {
        baud__v1__delete_thread_request__init(c)
        if !threadID.isEmpty { c.pointee.thread_id = arena.string(threadID) }
    }
}

extension DeleteThreadRequest: ThreadRequest {}

public struct DeleteThreadResponse: Message, Hashable {

    public init() {}
}

extension DeleteThreadResponse: CMessage {
    public static var typeName: String { "baud.v1.DeleteThreadResponse" }

    public init(serialized bytes: UnsafeRawBufferPointer) throws(MessageError) { self = try Self.unpack(bytes) }

    public func serialized() -> [UInt8] { packed() }

    static var cDescriptor: UnsafePointer<ProtobufCMessageDescriptor> {
        baud__v1__delete_thread_response__descriptor_pointer()
    }

    init(c: Baud__V1__DeleteThreadResponse) {
        self.init()
    }

    func fill(_ c: UnsafeMutablePointer<Baud__V1__DeleteThreadResponse>, in arena: Arena) {
        baud__v1__delete_thread_response__init(c)
    }
}

/// What is empty here stays as it is.
public struct UpdateThreadRequest: Message, Hashable {
    public var threadID: String
    /// The version that is to be changed; if the thread has another by now, nothing is: 409 / ABORTED. 0: whichever it has.
    public var version: UInt64
    /// At most 512 bytes.
    public var title: String
    /// At most 64 of at most 512 bytes each; they take the place of those there are.
    public var tags: [String]
    /// Entries that are added or changed; one with an empty value is removed. `on_busy` is the thread's default for ExecuteRun.
    public var metadata: OrderedDictionary<String, String>
    /// What is to become empty: title, tags.
    public var clear: [String]

    public init(
        threadID: String = "",
        version: UInt64 = 0,
        title: String = "",
        tags: [String] = [],
        metadata: OrderedDictionary<String, String> = [:],
        clear: [String] = []
    ) {
        self.threadID = threadID
        self.version = version
        self.title = title
        self.tags = tags
        self.metadata = metadata
        self.clear = clear
    }
}

extension UpdateThreadRequest: CMessage {
    public static var typeName: String { "baud.v1.UpdateThreadRequest" }

    public init(serialized bytes: UnsafeRawBufferPointer) throws(MessageError) { self = try Self.unpack(bytes) }

    public func serialized() -> [UInt8] { packed() }

    static var cDescriptor: UnsafePointer<ProtobufCMessageDescriptor> {
        baud__v1__update_thread_request__descriptor_pointer()
    }

    init(c: Baud__V1__UpdateThreadRequest) {
        threadID = CField.string(c.thread_id)
        version = c.version
        title = CField.string(c.title)
        tags = CField.strings(c.n_tags, c.tags)
        metadata = CField.dictionary(c.n_metadata, c.metadata) { ($0.key, CField.string($0.value)) }
        clear = CField.strings(c.n_clear, c.clear)
    }

    func fill(_ c: UnsafeMutablePointer<Baud__V1__UpdateThreadRequest>, in arena: Arena) {
        baud__v1__update_thread_request__init(c)
        if !threadID.isEmpty { c.pointee.thread_id = arena.string(threadID) }
        c.pointee.version = version
        if !title.isEmpty { c.pointee.title = arena.string(title) }
        (c.pointee.n_tags, c.pointee.tags) = arena.strings(tags)
        (c.pointee.n_metadata, c.pointee.metadata) = arena.entries(
            metadata,
            of: Baud__V1__UpdateThreadRequest__MetadataEntry.self,
            baud__v1__update_thread_request__metadata_entry__init
        ) {
            $0.pointee.key = $1
            $0.pointee.value = arena.string($2)
        }
        (c.pointee.n_clear, c.pointee.clear) = arena.strings(clear)
    }
}

extension UpdateThreadRequest: ThreadRequest {}

/// The fork has the runs that had ended there, with their events under new ids and numbers, and their part of the conversation. It has
/// no workspace yet, and only a fork of the whole thread has its todos and plans. More than 2,000 runs, 100,000 events or 64 MiB of events
/// and conversation are refused: 429 / RESOURCE_EXHAUSTED.
public struct ForkThreadRequest: Message, Hashable {
    public var threadID: String
    /// The last event that the fork is to know; empty: the newest.
    public var lastID: String
    /// Instead: the last run, which has ended.
    public var runID: String

    public init(
        threadID: String = "",
        lastID: String = "",
        runID: String = ""
    ) {
        self.threadID = threadID
        self.lastID = lastID
        self.runID = runID
    }
}

extension ForkThreadRequest: CMessage {
    public static var typeName: String { "baud.v1.ForkThreadRequest" }

    public init(serialized bytes: UnsafeRawBufferPointer) throws(MessageError) { self = try Self.unpack(bytes) }

    public func serialized() -> [UInt8] { packed() }

    static var cDescriptor: UnsafePointer<ProtobufCMessageDescriptor> {
        baud__v1__fork_thread_request__descriptor_pointer()
    }

    init(c: Baud__V1__ForkThreadRequest) {
        threadID = CField.string(c.thread_id)
        lastID = CField.string(c.last_id)
        runID = CField.string(c.run_id)
    }

    func fill(_ c: UnsafeMutablePointer<Baud__V1__ForkThreadRequest>, in arena: Arena) {
        baud__v1__fork_thread_request__init(c)
        if !threadID.isEmpty { c.pointee.thread_id = arena.string(threadID) }
        if !lastID.isEmpty { c.pointee.last_id = arena.string(lastID) }
        if !runID.isEmpty { c.pointee.run_id = arena.string(runID) }
    }
}

extension ForkThreadRequest: ThreadRequest {}

public struct GetThreadSnapshotRequest: Message, Hashable {
    public var threadID: String

    public init(
        threadID: String = ""
    ) {
        self.threadID = threadID
    }
}

extension GetThreadSnapshotRequest: CMessage {
    public static var typeName: String { "baud.v1.GetThreadSnapshotRequest" }

    public init(serialized bytes: UnsafeRawBufferPointer) throws(MessageError) { self = try Self.unpack(bytes) }

    public func serialized() -> [UInt8] { packed() }

    static var cDescriptor: UnsafePointer<ProtobufCMessageDescriptor> {
        baud__v1__get_thread_snapshot_request__descriptor_pointer()
    }

    init(c: Baud__V1__GetThreadSnapshotRequest) {
        threadID = CField.string(c.thread_id)
    }

    func fill(_ c: UnsafeMutablePointer<Baud__V1__GetThreadSnapshotRequest>, in arena: Arena) {
        baud__v1__get_thread_snapshot_request__init(c)
        if !threadID.isEmpty { c.pointee.thread_id = arena.string(threadID) }
    }
}

extension GetThreadSnapshotRequest: ThreadRequest {}

/// A conversation as far as it has come: enough to show it without its events, and to follow it from there.
public struct ThreadSnapshot: Message, Hashable {
    public var threadID: String
    /// Number and id of the newest event that it knows of. As an answer, `last_id` is the cursor with which StreamThread goes on; as
    /// `stream_snapshot` both are those of the last event that is no longer kept, and the stream goes on by itself.
    public var seq: UInt64
    public var lastID: String
    /// Oldest first: each run's task, and the agent's last message once it has ended. At most 100 and about 1 MiB, the newest. As
    /// `stream_snapshot`: those whose first event is no longer kept.
    public var runs: [Run]
    /// How many older runs there are.
    public var omittedRuns: UInt32

    public init(
        threadID: String = "",
        seq: UInt64 = 0,
        lastID: String = "",
        runs: [Run] = [],
        omittedRuns: UInt32 = 0
    ) {
        self.threadID = threadID
        self.seq = seq
        self.lastID = lastID
        self.runs = runs
        self.omittedRuns = omittedRuns
    }
}

extension ThreadSnapshot: CMessage {
    public static var typeName: String { "baud.v1.ThreadSnapshot" }

    public init(serialized bytes: UnsafeRawBufferPointer) throws(MessageError) { self = try Self.unpack(bytes) }

    public func serialized() -> [UInt8] { packed() }

    static var cDescriptor: UnsafePointer<ProtobufCMessageDescriptor> {
        baud__v1__thread_snapshot__descriptor_pointer()
    }

    init(c: Baud__V1__ThreadSnapshot) {
        threadID = CField.string(c.thread_id)
        seq = c.seq
        lastID = CField.string(c.last_id)
        runs = CField.messages(c.n_runs, c.runs)
        omittedRuns = c.omitted_runs
    }

    func fill(_ c: UnsafeMutablePointer<Baud__V1__ThreadSnapshot>, in arena: Arena) {
        baud__v1__thread_snapshot__init(c)
        if !threadID.isEmpty { c.pointee.thread_id = arena.string(threadID) }
        c.pointee.seq = seq
        if !lastID.isEmpty { c.pointee.last_id = arena.string(lastID) }
        (c.pointee.n_runs, c.pointee.runs) = arena.messages(runs)
        c.pointee.omitted_runs = omittedRuns
    }
}
