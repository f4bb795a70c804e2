// Made by tools/generate from proto/. Not to be edited by hand.

internal import CProtos

/// One entry of a thread's log.
public struct Event: Message, Hashable {
    /// The cursor: `last_id` takes it. A pair of integers, `milliseconds-counter`, to be compared as such. Empty for events that are
    /// not stored (`waiting`, `keep_alive`, `stream_gap`, `stream_snapshot`).
    public var id: String
    /// Counts a thread's stored events from 1, without gaps; 0 for events that are not stored.
    public var seq: UInt64
    public var threadID: String
    public var runID: String
    /// Which attempt of the run wrote it; 0 before the first.
    public var attempt: UInt32
    /// The name of the event, as in SSE's `event:` field: waiting, keep_alive, error, task_agent_execute, message_completed, tool_bash,
    /// tool_file_edit, files_created, todo_list, job_plan, next_steps, thread_created, thread_updated, thread_rolled_back, run_queued,
    /// run_attempt_started, run_steered, run_requires_action, run_answered, run_cancelling, run_completed, run_failed, run_cancelled,
    /// run_timed_out, run_expired.
    public var type: String
    /// Unix time in milliseconds.
    public var time: Int64
    /// True for exactly one event of each run: its last.
    public var final: Bool
    public var payload: Payload?

    public enum Payload: Sendable, Hashable {
        case waiting(Waiting)
        case error(Failure)
        case taskAgentExecute(AgentProgress)
        case messageCompleted(MessageCompleted)
        case toolBash(BashRan)
        case toolFileEdit(FileEdited)
        case filesCreated(FilesCreated)
        case todoList(TodoList)
        case jobPlan(JobPlan)
        case nextSteps(NextSteps)
        case run(RunUpdate)
        case streamGap(StreamGap)
        case streamSnapshot(ThreadSnapshot)
    }

    public init(
        id: String = "",
        seq: UInt64 = 0,
        threadID: String = "",
        runID: String = "",
        attempt: UInt32 = 0,
        type: String = "",
        time: Int64 = 0,
        final: Bool = false,
        payload: Payload? = nil
    ) {
        self.id = id
        self.seq = seq
        self.threadID = threadID
        self.runID = runID
        self.attempt = attempt
        self.type = type
        self.time = time
        self.final = final
        self.payload = payload
    }
}

extension Event: CMessage {
    public static var typeName: String { "baud.v1.Event" }

    public init(serialized bytes: UnsafeRawBufferPointer) throws(MessageError) { self = try Self.unpack(bytes) }

    public func serialized() -> [UInt8] { packed() }

    static var cDescriptor: UnsafePointer<ProtobufCMessageDescriptor> { baud__v1__event__descriptor_pointer() }

    init(c: Baud__V1__Event) {
        id = CField.string(c.id)
        seq = c.seq
        threadID = CField.string(c.thread_id)
        runID = CField.string(c.run_id)
        attempt = c.attempt
        type = CField.string(c.type)
        time = c.time
        final = c.final != 0
        switch c.payload_case {
        case BAUD__V1__EVENT__PAYLOAD_WAITING: payload = CField.message(c.waiting).map { .waiting($0) }
        case BAUD__V1__EVENT__PAYLOAD_ERROR: payload = CField.message(c.error).map { .error($0) }
        case BAUD__V1__EVENT__PAYLOAD_TASK_AGENT_EXECUTE:
            payload = CField.message(c.task_agent_execute).map { .taskAgentExecute($0) }
        case BAUD__V1__EVENT__PAYLOAD_MESSAGE_COMPLETED:
            payload = CField.message(c.message_completed).map { .messageCompleted($0) }
        case BAUD__V1__EVENT__PAYLOAD_TOOL_BASH: payload = CField.message(c.tool_bash).map { .toolBash($0) }
        case BAUD__V1__EVENT__PAYLOAD_TOOL_FILE_EDIT:
            payload = CField.message(c.tool_file_edit).map { .toolFileEdit($0) }
        case BAUD__V1__EVENT__PAYLOAD_FILES_CREATED: payload = CField.message(c.files_created).map { .filesCreated($0) }
        case BAUD__V1__EVENT__PAYLOAD_TODO_LIST: payload = CField.message(c.todo_list).map { .todoList($0) }
        case BAUD__V1__EVENT__PAYLOAD_JOB_PLAN: payload = CField.message(c.job_plan).map { .jobPlan($0) }
        case BAUD__V1__EVENT__PAYLOAD_NEXT_STEPS: payload = CField.message(c.next_steps).map { .nextSteps($0) }
        case BAUD__V1__EVENT__PAYLOAD_RUN: payload = CField.message(c.run).map { .run($0) }
        case BAUD__V1__EVENT__PAYLOAD_STREAM_GAP: payload = CField.message(c.stream_gap).map { .streamGap($0) }
        case BAUD__V1__EVENT__PAYLOAD_STREAM_SNAPSHOT:
            payload = CField.message(c.stream_snapshot).map { .streamSnapshot($0) }
        default: payload = nil
        }
    }

    func fill(_ c: UnsafeMutablePointer<Baud__V1__Event>, in arena: Arena) {
        baud__v1__event__init(c)
        if !id.isEmpty { c.pointee.id = arena.string(id) }
        c.pointee.seq = seq
        if !threadID.isEmpty { c.pointee.thread_id = arena.string(threadID) }
        if !runID.isEmpty { c.pointee.run_id = arena.string(runID) }
        c.pointee.attempt = attempt
        if !type.isEmpty { c.pointee.type = arena.string(type) }
        c.pointee.time = time
        c.pointee.final = final ? 1 : 0
        switch payload {
        case .waiting(let value):
            c.pointee.payload_case = BAUD__V1__EVENT__PAYLOAD_WAITING
            c.pointee.waiting = arena.message(value)
        case .error(let value):
            c.pointee.payload_case = BAUD__V1__EVENT__PAYLOAD_ERROR
            c.pointee.error = arena.message(value)
        case .taskAgentExecute(let value):
            c.pointee.payload_case = BAUD__V1__EVENT__PAYLOAD_TASK_AGENT_EXECUTE
            c.pointee.task_agent_execute = arena.message(value)
        case .messageCompleted(let value):
            c.pointee.payload_case = BAUD__V1__EVENT__PAYLOAD_MESSAGE_COMPLETED
            c.pointee.message_completed = arena.message(value)
        case .toolBash(let value):
            c.pointee.payload_case = BAUD__V1__EVENT__PAYLOAD_TOOL_BASH
            c.pointee.tool_bash = arena.message(value)
        case .toolFileEdit(let value):
            c.pointee.payload_case = BAUD__V1__EVENT__PAYLOAD_TOOL_FILE_EDIT
            c.pointee.tool_file_edit = arena.message(value)
        case .filesCreated(let value):
            c.pointee.payload_case = BAUD__V1__EVENT__PAYLOAD_FILES_CREATED
            c.pointee.files_created = arena.message(value)
        case .todoList(let value):
            c.pointee.payload_case = BAUD__V1__EVENT__PAYLOAD_TODO_LIST
            c.pointee.todo_list = arena.message(value)
        case .jobPlan(let value):
            c.pointee.payload_case = BAUD__V1__EVENT__PAYLOAD_JOB_PLAN
            c.pointee.job_plan = arena.message(value)
        case .nextSteps(let value):
            c.pointee.payload_case = BAUD__V1__EVENT__PAYLOAD_NEXT_STEPS
            c.pointee.next_steps = arena.message(value)
        case .run(let value):
            c.pointee.payload_case = BAUD__V1__EVENT__PAYLOAD_RUN
            c.pointee.run = arena.message(value)
        case .streamGap(let value):
            c.pointee.payload_case = BAUD__V1__EVENT__PAYLOAD_STREAM_GAP
            c.pointee.stream_gap = arena.message(value)
        case .streamSnapshot(let value):
            c.pointee.payload_case = BAUD__V1__EVENT__PAYLOAD_STREAM_SNAPSHOT
            c.pointee.stream_snapshot = arena.message(value)
        case nil: break
        }
    }
}

/// The run has not begun.
public struct Waiting: Message, Hashable {
    /// How many runs of the thread come before it.
    public var position: UInt32

    public init(
        position: UInt32 = 0
    ) {
        self.position = position
    }
}

extension Waiting: CMessage {
    public static var typeName: String { "baud.v1.Waiting" }

    public init(serialized bytes: UnsafeRawBufferPointer) throws(MessageError) { self = try Self.unpack(bytes) }

    public func serialized() -> [UInt8] { packed() }

    static var cDescriptor: UnsafePointer<ProtobufCMessageDescriptor> { baud__v1__waiting__descriptor_pointer() }

    init(c: Baud__V1__Waiting) {
        position = c.position
    }

    func fill(_ c: UnsafeMutablePointer<Baud__V1__Waiting>, in arena: Arena) {
        baud__v1__waiting__init(c)
        c.pointee.position = position
    }
}

/// Events that would come here are no longer kept.
public struct StreamGap: Message, Hashable {
    /// Their numbers, both inclusive. Where the cursor itself is no longer kept, some of them may lie before it.
    public var from: UInt64
    public var to: UInt64
    /// They are nothing but deltas, whose text is in the `message_completed` that follows; nothing is lost. Otherwise `stream_snapshot`
    /// comes next.
    public var folded: Bool

    public init(
        from: UInt64 = 0,
        to: UInt64 = 0,
        folded: Bool = false
    ) {
        self.from = from
        self.to = to
        self.folded = folded
    }
}

extension StreamGap: CMessage {
    public static var typeName: String { "baud.v1.StreamGap" }

    public init(serialized bytes: UnsafeRawBufferPointer) throws(MessageError) { self = try Self.unpack(bytes) }

    public func serialized() -> [UInt8] { packed() }

    static var cDescriptor: UnsafePointer<ProtobufCMessageDescriptor> { baud__v1__stream_gap__descriptor_pointer() }

    init(c: Baud__V1__StreamGap) {
        from = c.from
        to = c.to
        folded = c.folded != 0
    }

    func fill(_ c: UnsafeMutablePointer<Baud__V1__StreamGap>, in arena: Arena) {
        baud__v1__stream_gap__init(c)
        c.pointee.from = from
        c.pointee.to = to
        c.pointee.folded = folded ? 1 : 0
    }
}

/// What the agent is doing.
public struct AgentProgress: Message, Hashable {
    public var progress: Progress?

    public enum Progress: Sendable, Hashable {
        case textDelta(TextDelta)
        case reasoningDelta(TextDelta)
        case stepStarted(Step)
        case stepEnded(Step)
        case toolCall(ToolCall)
        case toolOutput(ToolOutput)
        case toolResult(ToolResult)
        case usage(Usage)
        case stepRestarted(Step)
    }

    public init(
        progress: Progress? = nil
    ) {
        self.progress = progress
    }
}

extension AgentProgress: CMessage {
    public static var typeName: String { "baud.v1.AgentProgress" }

    public init(serialized bytes: UnsafeRawBufferPointer) throws(MessageError) { self = try Self.unpack(bytes) }

    public func serialized() -> [UInt8] { packed() }

    static var cDescriptor: UnsafePointer<ProtobufCMessageDescriptor> { baud__v1__agent_progress__descriptor_pointer() }

    init(c: Baud__V1__AgentProgress) {
        switch c.progress_case {
        case BAUD__V1__AGENT_PROGRESS__PROGRESS_TEXT_DELTA:
            progress = CField.message(c.text_delta).map { .textDelta($0) }
        case BAUD__V1__AGENT_PROGRESS__PROGRESS_REASONING_DELTA:
            progress = CField.message(c.reasoning_delta).map { .reasoningDelta($0) }
        case BAUD__V1__AGENT_PROGRESS__PROGRESS_STEP_STARTED:
            progress = CField.message(c.step_started).map { .stepStarted($0) }
        case BAUD__V1__AGENT_PROGRESS__PROGRESS_STEP_ENDED:
            progress = CField.message(c.step_ended).map { .stepEnded($0) }
        case BAUD__V1__AGENT_PROGRESS__PROGRESS_TOOL_CALL: progress = CField.message(c.tool_call).map { .toolCall($0) }
        case BAUD__V1__AGENT_PROGRESS__PROGRESS_TOOL_OUTPUT:
            progress = CField.message(c.tool_output).map { .toolOutput($0) }
        case BAUD__V1__AGENT_PROGRESS__PROGRESS_TOOL_RESULT:
            progress = CField.message(c.tool_result).map { .toolResult($0) }
        case BAUD__V1__AGENT_PROGRESS__PROGRESS_USAGE: progress = CField.message(c.usage).map { .usage($0) }
        case BAUD__V1__AGENT_PROGRESS__PROGRESS_STEP_RESTARTED:
            progress = CField.message(c.step_restarted).map { .stepRestarted($0) }
        default: progress = nil
        }
    }

    func fill(_ c: UnsafeMutablePointer<Baud__V1__AgentProgress>, in arena: Arena) {
        baud__v1__agent_progress__init(c)
        switch progress {
        case .textDelta(let value):
            c.pointee.progress_case = BAUD__V1__AGENT_PROGRESS__PROGRESS_TEXT_DELTA
            c.pointee.text_delta = arena.message(value)
        case .reasoningDelta(let value):
            c.pointee.progress_case = BAUD__V1__AGENT_PROGRESS__PROGRESS_REASONING_DELTA
            c.pointee.reasoning_delta = arena.message(value)
        case .stepStarted(let value):
            c.pointee.progress_case = BAUD__V1__AGENT_PROGRESS__PROGRESS_STEP_STARTED
            c.pointee.step_started = arena.message(value)
        case .stepEnded(let value):
            c.pointee.progress_case = BAUD__V1__AGENT_PROGRESS__PROGRESS_STEP_ENDED
            c.pointee.step_ended = arena.message(value)
        case .toolCall(let value):
            c.pointee.progress_case = BAUD__V1__AGENT_PROGRESS__PROGRESS_TOOL_CALL
            c.pointee.tool_call = arena.message(value)
        case .toolOutput(let value):
            c.pointee.progress_case = BAUD__V1__AGENT_PROGRESS__PROGRESS_TOOL_OUTPUT
            c.pointee.tool_output = arena.message(value)
        case .toolResult(let value):
            c.pointee.progress_case = BAUD__V1__AGENT_PROGRESS__PROGRESS_TOOL_RESULT
            c.pointee.tool_result = arena.message(value)
        case .usage(let value):
            c.pointee.progress_case = BAUD__V1__AGENT_PROGRESS__PROGRESS_USAGE
            c.pointee.usage = arena.message(value)
        case .stepRestarted(let value):
            c.pointee.progress_case = BAUD__V1__AGENT_PROGRESS__PROGRESS_STEP_RESTARTED
            c.pointee.step_restarted = arena.message(value)
        case nil: break
        }
    }
}

/// Text as the model writes it. The whole of it comes as `message_completed`.
public struct TextDelta: Message, Hashable {
    public var text: String

    public init(
        text: String = ""
    ) {
        self.text = text
    }
}

extension TextDelta: CMessage {
    public static var typeName: String { "baud.v1.TextDelta" }

    public init(serialized bytes: UnsafeRawBufferPointer) throws(MessageError) { self = try Self.unpack(bytes) }

    public func serialized() -> [UInt8] { packed() }

    static var cDescriptor: UnsafePointer<ProtobufCMessageDescriptor> { baud__v1__text_delta__descriptor_pointer() }

    init(c: Baud__V1__TextDelta) {
        text = CField.string(c.text)
    }

    func fill(_ c: UnsafeMutablePointer<Baud__V1__TextDelta>, in arena: Arena) {
        baud__v1__text_delta__init(c)
        if !text.isEmpty { c.pointee.text = arena.string(text) }
    }
}

/// One turn of the model with the tool calls it asks for; counted from 1 within a run.
public struct Step: Message, Hashable {
    public var number: UInt32

    public init(
        number: UInt32 = 0
    ) {
        self.number = number
    }
}

extension Step: CMessage {
    public static var typeName: String { "baud.v1.Step" }

    public init(serialized bytes: UnsafeRawBufferPointer) throws(MessageError) { self = try Self.unpack(bytes) }

    public func serialized() -> [UInt8] { packed() }

    static var cDescriptor: UnsafePointer<ProtobufCMessageDescriptor> { baud__v1__step__descriptor_pointer() }

    init(c: Baud__V1__Step) {
        number = c.number
    }

    func fill(_ c: UnsafeMutablePointer<Baud__V1__Step>, in arena: Arena) {
        baud__v1__step__init(c)
        c.pointee.number = number
    }
}

public struct ToolCall: Message, Hashable {
    public var callID: String
    public var name: String
    /// A JSON object.
    public var arguments: String

    public init(
        callID: String = "",
        name: String = "",
        arguments: String = ""
    ) {
        self.callID = callID
        self.name = name
        self.arguments = arguments
    }
}

extension ToolCall: CMessage {
    public static var typeName: String { "baud.v1.ToolCall" }

    public init(serialized bytes: UnsafeRawBufferPointer) throws(MessageError) { self = try Self.unpack(bytes) }

    public func serialized() -> [UInt8] { packed() }

    static var cDescriptor: UnsafePointer<ProtobufCMessageDescriptor> { baud__v1__tool_call__descriptor_pointer() }

    init(c: Baud__V1__ToolCall) {
        callID = CField.string(c.call_id)
        name = CField.string(c.name)
        arguments = CField.string(c.arguments)
    }

    func fill(_ c: UnsafeMutablePointer<Baud__V1__ToolCall>, in arena: Arena) {
        baud__v1__tool_call__init(c)
        if !callID.isEmpty { c.pointee.call_id = arena.string(callID) }
        if !name.isEmpty { c.pointee.name = arena.string(name) }
        if !arguments.isEmpty { c.pointee.arguments = arena.string(arguments) }
    }
}

/// A piece of what a tool prints while it runs.
public struct ToolOutput: Message, Hashable {
    public var callID: String
    public var text: String

    public init(
        callID: String = "",
        text: String = ""
    ) {
        self.callID = callID
        self.text = text
    }
}

extension ToolOutput: CMessage {
    public static var typeName: String { "baud.v1.ToolOutput" }

    public init(serialized bytes: UnsafeRawBufferPointer) throws(MessageError) { self = try Self.unpack(bytes) }

    public func serialized() -> [UInt8] { packed() }

    static var cDescriptor: UnsafePointer<ProtobufCMessageDescriptor> { baud__v1__tool_output__descriptor_pointer() }

    init(c: Baud__V1__ToolOutput) {
        callID = CField.string(c.call_id)
        text = CField.string(c.text)
    }

    func fill(_ c: UnsafeMutablePointer<Baud__V1__ToolOutput>, in arena: Arena) {
        baud__v1__tool_output__init(c)
        if !callID.isEmpty { c.pointee.call_id = arena.string(callID) }
        if !text.isEmpty { c.pointee.text = arena.string(text) }
    }
}

public struct ToolResult: Message, Hashable {
    public var callID: String
    public var name: String
    public var text: String
    public var isError: Bool
    public var durationMs: UInt32

    public init(
        callID: String = "",
        name: String = "",
        text: String = "",
        isError: Bool = false,
        durationMs: UInt32 = 0
    ) {
        self.callID = callID
        self.name = name
        self.text = text
        self.isError = isError
        self.durationMs = durationMs
    }
}

extension ToolResult: CMessage {
    public static var typeName: String { "baud.v1.ToolResult" }

    public init(serialized bytes: UnsafeRawBufferPointer) throws(MessageError) { self = try Self.unpack(bytes) }

    public func serialized() -> [UInt8] { packed() }

    static var cDescriptor: UnsafePointer<ProtobufCMessageDescriptor> { baud__v1__tool_result__descriptor_pointer() }

    init(c: Baud__V1__ToolResult) {
        callID = CField.string(c.call_id)
        name = CField.string(c.name)
        text = CField.string(c.text)
        isError = c.is_error != 0
        durationMs = c.duration_ms
    }

    func fill(_ c: UnsafeMutablePointer<Baud__V1__ToolResult>, in arena: Arena) {
        baud__v1__tool_result__init(c)
        if !callID.isEmpty { c.pointee.call_id = arena.string(callID) }
        if !name.isEmpty { c.pointee.name = arena.string(name) }
        if !text.isEmpty { c.pointee.text = arena.string(text) }
        c.pointee.is_error = isError ? 1 : 0
        c.pointee.duration_ms = durationMs
    }
}

/// A finished message of the model.
public struct MessageCompleted: Message, Hashable {
    public var text: String

    public init(
        text: String = ""
    ) {
        self.text = text
    }
}

extension MessageCompleted: CMessage {
    public static var typeName: String { "baud.v1.MessageCompleted" }

    public init(serialized bytes: UnsafeRawBufferPointer) throws(MessageError) { self = try Self.unpack(bytes) }

    public func serialized() -> [UInt8] { packed() }

    static var cDescriptor: UnsafePointer<ProtobufCMessageDescriptor> {
        baud__v1__message_completed__descriptor_pointer()
    }

    init(c: Baud__V1__MessageCompleted) {
        text = CField.string(c.text)
    }

    func fill(_ c: UnsafeMutablePointer<Baud__V1__MessageCompleted>, in arena: Arena) {
        baud__v1__message_completed__init(c)
        if !text.isEmpty { c.pointee.text = arena.string(text) }
    }
}

public struct BashRan: Message, Hashable {
    public var callID: String
    public var command: String
    /// -1 when the command was ended by a signal or a time limit.
    public var exitCode: Int32
    public var timedOut: Bool
    public var durationMs: UInt32

    public init(
        callID: String = "",
        command: String = "",
        exitCode: Int32 = 0,
        timedOut: Bool = false,
        durationMs: UInt32 = 0
    ) {
        self.callID = callID
        self.command = command
        self.exitCode = exitCode
        self.timedOut = timedOut
        self.durationMs = durationMs
    }
}

extension BashRan: CMessage {
    public static var typeName: String { "baud.v1.BashRan" }

    public init(serialized bytes: UnsafeRawBufferPointer) throws(MessageError) { self = try Self.unpack(bytes) }

    public func serialized() -> [UInt8] { packed() }

    static var cDescriptor: UnsafePointer<ProtobufCMessageDescriptor> { baud__v1__bash_ran__descriptor_pointer() }

    init(c: Baud__V1__BashRan) {
        callID = CField.string(c.call_id)
        command = CField.string(c.command)
        exitCode = c.exit_code
        timedOut = c.timed_out != 0
        durationMs = c.duration_ms
    }

    func fill(_ c: UnsafeMutablePointer<Baud__V1__BashRan>, in arena: Arena) {
        baud__v1__bash_ran__init(c)
        if !callID.isEmpty { c.pointee.call_id = arena.string(callID) }
        if !command.isEmpty { c.pointee.command = arena.string(command) }
        c.pointee.exit_code = exitCode
        c.pointee.timed_out = timedOut ? 1 : 0
        c.pointee.duration_ms = durationMs
    }
}

public struct FileEdited: Message, Hashable {
    public var callID: String
    public var path: String
    /// Unified.
    public var diff: String
    public var replacements: UInt32

    public init(
        callID: String = "",
        path: String = "",
        diff: String = "",
        replacements: UInt32 = 0
    ) {
        self.callID = callID
        self.path = path
        self.diff = diff
        self.replacements = replacements
    }
}

extension FileEdited: CMessage {
    public static var typeName: String { "baud.v1.FileEdited" }

    public init(serialized bytes: UnsafeRawBufferPointer) throws(MessageError) { self = try Self.unpack(bytes) }

    public func serialized() -> [UInt8] { packed() }

    static var cDescriptor: UnsafePointer<ProtobufCMessageDescriptor> { baud__v1__file_edited__descriptor_pointer() }

    init(c: Baud__V1__FileEdited) {
        callID = CField.string(c.call_id)
        path = CField.string(c.path)
        diff = CField.string(c.diff)
        replacements = c.replacements
    }

    func fill(_ c: UnsafeMutablePointer<Baud__V1__FileEdited>, in arena: Arena) {
        baud__v1__file_edited__init(c)
        if !callID.isEmpty { c.pointee.call_id = arena.string(callID) }
        if !path.isEmpty { c.pointee.path = arena.string(path) }
        if !diff.isEmpty { c.pointee.diff = arena.string(diff) }
        c.pointee.replacements = replacements
    }
}

public struct FilesCreated: Message, Hashable {
    public var callID: String
    public var paths: [String]

    public init(
        callID: String = "",
        paths: [String] = []
    ) {
        self.callID = callID
        self.paths = paths
    }
}

extension FilesCreated: CMessage {
    public static var typeName: String { "baud.v1.FilesCreated" }

    public init(serialized bytes: UnsafeRawBufferPointer) throws(MessageError) { self = try Self.unpack(bytes) }

    public func serialized() -> [UInt8] { packed() }

    static var cDescriptor: UnsafePointer<ProtobufCMessageDescriptor> { baud__v1__files_created__descriptor_pointer() }

    init(c: Baud__V1__FilesCreated) {
        callID = CField.string(c.call_id)
        paths = CField.strings(c.n_paths, c.paths)
    }

    func fill(_ c: UnsafeMutablePointer<Baud__V1__FilesCreated>, in arena: Arena) {
        baud__v1__files_created__init(c)
        if !callID.isEmpty { c.pointee.call_id = arena.string(callID) }
        (c.pointee.n_paths, c.pointee.paths) = arena.strings(paths)
    }
}

public struct TodoList: Message, Hashable {
    public var todos: [Todo]

    public init(
        todos: [Todo] = []
    ) {
        self.todos = todos
    }
}

extension TodoList: CMessage {
    public static var typeName: String { "baud.v1.TodoList" }

    public init(serialized bytes: UnsafeRawBufferPointer) throws(MessageError) { self = try Self.unpack(bytes) }

    public func serialized() -> [UInt8] { packed() }

    static var cDescriptor: UnsafePointer<ProtobufCMessageDescriptor> { baud__v1__todo_list__descriptor_pointer() }

    init(c: Baud__V1__TodoList) {
        todos = CField.messages(c.n_todos, c.todos)
    }

    func fill(_ c: UnsafeMutablePointer<Baud__V1__TodoList>, in arena: Arena) {
        baud__v1__todo_list__init(c)
        (c.pointee.n_todos, c.pointee.todos) = arena.messages(todos)
    }
}

public struct Todo: Message, Hashable {
    public var id: String
    public var content: String
    /// pending, in_progress or completed.
    public var status: String

    public init(
        id: String = "",
        content: String = "",
        status: String = ""
    ) {
        self.id = id
        self.content = content
        self.status = status
    }
}

extension Todo: CMessage {
    public static var typeName: String { "baud.v1.Todo" }

    public init(serialized bytes: UnsafeRawBufferPointer) throws(MessageError) { self = try Self.unpack(bytes) }

    public func serialized() -> [UInt8] { packed() }

    static var cDescriptor: UnsafePointer<ProtobufCMessageDescriptor> { baud__v1__todo__descriptor_pointer() }

    init(c: Baud__V1__Todo) {
        id = CField.string(c.id)
        content = CField.string(c.content)
        status = CField.string(c.status)
    }

    func fill(_ c: UnsafeMutablePointer<Baud__V1__Todo>, in arena: Arena) {
        baud__v1__todo__init(c)
        if !id.isEmpty { c.pointee.id = arena.string(id) }
        if !content.isEmpty { c.pointee.content = arena.string(content) }
        if !status.isEmpty { c.pointee.status = arena.string(status) }
    }
}

public struct JobPlan: Message, Hashable {
    public var goal: String
    public var steps: [JobStep]

    public init(
        goal: String = "",
        steps: [JobStep] = []
    ) {
        self.goal = goal
        self.steps = steps
    }
}

extension JobPlan: CMessage {
    public static var typeName: String { "baud.v1.JobPlan" }

    public init(serialized bytes: UnsafeRawBufferPointer) throws(MessageError) { self = try Self.unpack(bytes) }

    public func serialized() -> [UInt8] { packed() }

    static var cDescriptor: UnsafePointer<ProtobufCMessageDescriptor> { baud__v1__job_plan__descriptor_pointer() }

    init(c: Baud__V1__JobPlan) {
        goal = CField.string(c.goal)
        steps = CField.messages(c.n_steps, c.steps)
    }

    func fill(_ c: UnsafeMutablePointer<Baud__V1__JobPlan>, in arena: Arena) {
        baud__v1__job_plan__init(c)
        if !goal.isEmpty { c.pointee.goal = arena.string(goal) }
        (c.pointee.n_steps, c.pointee.steps) = arena.messages(steps)
    }
}

public struct JobStep: Message, Hashable {
    public var id: String
    public var title: String
    public var dependsOn: [String]

    public init(
        id: String = "",
        title: String = "",
        dependsOn: [String] = []
    ) {
        self.id = id
        self.title = title
        self.dependsOn = dependsOn
    }
}

extension JobStep: CMessage {
    public static var typeName: String { "baud.v1.JobStep" }

    public init(serialized bytes: UnsafeRawBufferPointer) throws(MessageError) { self = try Self.unpack(bytes) }

    public func serialized() -> [UInt8] { packed() }

    static var cDescriptor: UnsafePointer<ProtobufCMessageDescriptor> { baud__v1__job_step__descriptor_pointer() }

    init(c: Baud__V1__JobStep) {
        id = CField.string(c.id)
        title = CField.string(c.title)
        dependsOn = CField.strings(c.n_depends_on, c.depends_on)
    }

    func fill(_ c: UnsafeMutablePointer<Baud__V1__JobStep>, in arena: Arena) {
        baud__v1__job_step__init(c)
        if !id.isEmpty { c.pointee.id = arena.string(id) }
        if !title.isEmpty { c.pointee.title = arena.string(title) }
        (c.pointee.n_depends_on, c.pointee.depends_on) = arena.strings(dependsOn)
    }
}

public struct NextSteps: Message, Hashable {
    public var suggestions: [String]

    public init(
        suggestions: [String] = []
    ) {
        self.suggestions = suggestions
    }
}

extension NextSteps: CMessage {
    public static var typeName: String { "baud.v1.NextSteps" }

    public init(serialized bytes: UnsafeRawBufferPointer) throws(MessageError) { self = try Self.unpack(bytes) }

    public func serialized() -> [UInt8] { packed() }

    static var cDescriptor: UnsafePointer<ProtobufCMessageDescriptor> { baud__v1__next_steps__descriptor_pointer() }

    init(c: Baud__V1__NextSteps) {
        suggestions = CField.strings(c.n_suggestions, c.suggestions)
    }

    func fill(_ c: UnsafeMutablePointer<Baud__V1__NextSteps>, in arena: Arena) {
        baud__v1__next_steps__init(c)
        (c.pointee.n_suggestions, c.pointee.suggestions) = arena.strings(suggestions)
    }
}

/// A change of a run's state.
public struct RunUpdate: Message, Hashable {
    public var status: String
    /// With run_attempt_started: what the attempt before wrote from this number on is void, as that attempt was lost before it had
    /// recorded a result; a client drops the partial text. 0: nothing.
    public var discardFromSeq: UInt64
    public var reason: String
    public var error: Failure?
    public var usage: Usage?
    public var task: String
    public var model: String
    /// With run_requires_action: what it asks.
    public var question: Question?
    /// With the end of a run that was stopped: what was going on then and is gone: `model`, `tool NAME CALL_ID`.
    public var stopped: [String]

    public init(
        status: String = "",
        discardFromSeq: UInt64 = 0,
        reason: String = "",
        error: Failure? = nil,
        usage: Usage? = nil,
        task: String = "",
        model: String = "",
        question: Question? = nil,
        stopped: [String] = []
    ) {
        self.status = status
        self.discardFromSeq = discardFromSeq
        self.reason = reason
        self.error = error
        self.usage = usage
        self.task = task
        self.model = model
        self.question = question
        self.stopped = stopped
    }
}

extension RunUpdate: CMessage {
    public static var typeName: String { "baud.v1.RunUpdate" }

    public init(serialized bytes: UnsafeRawBufferPointer) throws(MessageError) { self = try Self.unpack(bytes) }

    public func serialized() -> [UInt8] { packed() }

    static var cDescriptor: UnsafePointer<ProtobufCMessageDescriptor> { baud__v1__run_update__descriptor_pointer() }

    init(c: Baud__V1__RunUpdate) {
        status = CField.string(c.status)
        discardFromSeq = c.discard_from_seq
        reason = CField.string(c.reason)
        error = CField.message(c.error)
        usage = CField.message(c.usage)
        task = CField.string(c.task)
        model = CField.string(c.model)
        question = CField.message(c.question)
        stopped = CField.strings(c.n_stopped, c.stopped)
    }

    func fill(_ c: UnsafeMutablePointer<Baud__V1__RunUpdate>, in arena: Arena) {
        baud__v1__run_update__init(c)
        if !status.isEmpty { c.pointee.status = arena.string(status) }
        c.pointee.discard_from_seq = discardFromSeq
        if !reason.isEmpty { c.pointee.reason = arena.string(reason) }
        c.pointee.error = arena.message(ifPresent: error)
        c.pointee.usage = arena.message(ifPresent: usage)
        if !task.isEmpty { c.pointee.task = arena.string(task) }
        if !model.isEmpty { c.pointee.model = arena.string(model) }
        c.pointee.question = arena.message(ifPresent: question)
        (c.pointee.n_stopped, c.pointee.stopped) = arena.strings(stopped)
    }
}

public struct StreamThreadRequest: Message, Hashable {
    public var threadID: String
    /// The id of the last event the client has; the stream goes on after it. Empty or `0`: from the oldest; `$`: only what is new. The
    /// header `Last-Event-ID` says the same over HTTP.
    public var lastID: String
    /// If set, the stream carries this run's events only and ends after the last of them.
    public var runID: String
    /// What is to happen where events after the cursor are no longer kept: `snapshot` (also if empty) for the events `stream_gap` and
    /// `stream_snapshot` and then what is left, `error` for 410 / OUT_OF_RANGE. A stream from the oldest event on has no such error.
    public var onGap: String

    public init(
        threadID: String = "",
        lastID: String = "",
        runID: String = "",
        onGap: String = ""
    ) {
        self.threadID = threadID
        self.lastID = lastID
        self.runID = runID
        self.onGap = onGap
    }
}

extension StreamThreadRequest: CMessage {
    public static var typeName: String { "baud.v1.StreamThreadRequest" }

    public init(serialized bytes: UnsafeRawBufferPointer) throws(MessageError) { self = try Self.unpack(bytes) }

    public func serialized() -> [UInt8] { packed() }

    static var cDescriptor: UnsafePointer<ProtobufCMessageDescriptor> {
        baud__v1__stream_thread_request__descriptor_pointer()
    }

    init(c: Baud__V1__StreamThreadRequest) {
        threadID = CField.string(c.thread_id)
        lastID = CField.string(c.last_id)
        runID = CField.string(c.run_id)
        onGap = CField.string(c.on_gap)
    }

    func fill(_ c: UnsafeMutablePointer<Baud__V1__StreamThreadRequest>, in arena: Arena) {
        baud__v1__stream_thread_request__init(c)
        if !threadID.isEmpty { c.pointee.thread_id = arena.string(threadID) }
        if !lastID.isEmpty { c.pointee.last_id = arena.string(lastID) }
        if !runID.isEmpty { c.pointee.run_id = arena.string(runID) }
        if !onGap.isEmpty { c.pointee.on_gap = arena.string(onGap) }
    }
}

extension StreamThreadRequest: ThreadRequest {}

/// The legacy address of a stream: `stream:{flow_uuid}:{flow_input_uuid}`.
public struct StreamFlowRequest: Message, Hashable {
    public var flowUUID: String
    public var flowInputUUID: String
    public var lastID: String

    public init(
        flowUUID: String = "",
        flowInputUUID: String = "",
        lastID: String = ""
    ) {
        self.flowUUID = flowUUID
        self.flowInputUUID = flowInputUUID
        self.lastID = lastID
    }
}

extension StreamFlowRequest: CMessage {
    public static var typeName: String { "baud.v1.StreamFlowRequest" }

    public init(serialized bytes: UnsafeRawBufferPointer) throws(MessageError) { self = try Self.unpack(bytes) }

    public func serialized() -> [UInt8] { packed() }

    static var cDescriptor: UnsafePointer<ProtobufCMessageDescriptor> {
        baud__v1__stream_flow_request__descriptor_pointer()
    }

    init(c: Baud__V1__StreamFlowRequest) {
        flowUUID = CField.string(c.flow_uuid)
        flowInputUUID = CField.string(c.flow_input_uuid)
        lastID = CField.string(c.last_id)
    }

    func fill(_ c: UnsafeMutablePointer<Baud__V1__StreamFlowRequest>, in arena: Arena) {
        baud__v1__stream_flow_request__init(c)
        if !flowUUID.isEmpty { c.pointee.flow_uuid = arena.string(flowUUID) }
        if !flowInputUUID.isEmpty { c.pointee.flow_input_uuid = arena.string(flowInputUUID) }
        if !lastID.isEmpty { c.pointee.last_id = arena.string(lastID) }
    }
}

/// An entry of a legacy stream, handed on as it was found.
public struct FlowEvent: Message, Hashable {
    public var id: String
    public var type: String
    public var data: String

    public init(
        id: String = "",
        type: String = "",
        data: String = ""
    ) {
        self.id = id
        self.type = type
        self.data = data
    }
}

extension FlowEvent: CMessage {
    public static var typeName: String { "baud.v1.FlowEvent" }

    public init(serialized bytes: UnsafeRawBufferPointer) throws(MessageError) { self = try Self.unpack(bytes) }

    public func serialized() -> [UInt8] { packed() }

    static var cDescriptor: UnsafePointer<ProtobufCMessageDescriptor> { baud__v1__flow_event__descriptor_pointer() }

    init(c: Baud__V1__FlowEvent) {
        id = CField.string(c.id)
        type = CField.string(c.type)
        data = CField.string(c.data)
    }

    func fill(_ c: UnsafeMutablePointer<Baud__V1__FlowEvent>, in arena: Arena) {
        baud__v1__flow_event__init(c)
        if !id.isEmpty { c.pointee.id = arena.string(id) }
        if !type.isEmpty { c.pointee.type = arena.string(type) }
        if !data.isEmpty { c.pointee.data = arena.string(data) }
    }
}
