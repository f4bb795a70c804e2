/// Something an agent can do: a name and a schema for the model, and the doing.
///
/// Values without state of their own; what a call needs comes in its ``ToolContext``. Run in tasks of the agent;
/// blocking work goes through the sandbox or a thread of its own, never on a cooperative thread.
public protocol Tool: Sendable {
    /// Unique among an agent's tools; letters, digits and `_`.
    var name: String { get }
    /// For the model: what the tool does, when to use it.
    var summary: String { get }
    /// The arguments; ``ToolRegistry`` checks a call against it before ``run(_:in:)``.
    var parameters: ToolSchema { get }
    /// What running it twice would do.
    var effect: ToolEffect { get }
    /// Bytes of text that go to the model whole; of more, ``ToolRegistry`` keeps the beginning and the end.
    var outputLimit: Int { get }

    /// - Throws: ``ToolError`` with what the model is told; it never ends the run. ``ToolQuestion`` when people are to be asked.
    ///   `CancellationError` when the run was cancelled.
    func run(_ arguments: ToolArguments, in context: ToolContext) async throws -> ToolOutput
}

extension Tool {
    public var outputLimit: Int { OutputLimit.standard }
}

/// What is known about a call that was started and of which no result was recorded.
public enum ToolEffect: String, Sendable {
    /// Changes nothing: may run again, and beside others.
    case pure
    /// Running it twice is the same as once: may run again.
    case idempotent
    /// May have happened: is not run again; the model is told that it was interrupted.
    case unsafe
}

/// A failure of a tool, in words for the model: what is wrong and what would be right.
public struct ToolError: Error, Sendable, Equatable {
    public let message: String
    public init(_ message: String) { self.message = message }
}

/// A tool's question to people: the run waits for the answer, and the same call is run again with it (``ToolContext/answer``).
public struct ToolQuestion: Error, Sendable, Equatable {
    public let callID: String
    public let text: String
    /// Answers to choose from; empty: any.
    public let choices: [String]

    public init(callID: String, text: String, choices: [String]) {
        self.callID = callID
        self.text = text
        self.choices = choices
    }
}

/// What a tool gives back: text for the model, and facts for those who watch.
public struct ToolOutput: Sendable {
    public var text: String
    /// Whether the model is told that the call failed, though the tool itself ran (a command with a non-zero exit
    /// code).
    public var isError: Bool
    public var detail: ToolDetail?
    /// Whether the agent's turn ends with this call (`suggest_next_steps`).
    public var endsRun: Bool

    public init(_ text: String, isError: Bool = false, detail: ToolDetail? = nil, endsRun: Bool = false) {
        self.text = text
        self.isError = isError
        self.detail = detail
        self.endsRun = endsRun
    }
}

/// The typed facts of a tool call, which go out as an event of their own type.
public enum ToolDetail: Sendable, Equatable {
    case bash(command: String, exitCode: Int?, timedOut: Bool, durationMilliseconds: Int)
    case fileEdit(path: String, diff: String, replacements: Int)
    case filesCreated(paths: [String])
    case todoList([Todo])
    case jobPlan(JobPlan)
    case nextSteps([String])
}

/// An item of a thread's list of things to do.
public struct Todo: Sendable, Hashable {
    public enum Status: String, Sendable, CaseIterable {
        case pending
        case inProgress = "in_progress"
        case completed
    }

    public var id: String
    public var content: String
    public var status: Status

    public init(id: String, content: String, status: Status) {
        self.id = id
        self.content = content
        self.status = status
    }
}

/// How an agent means to go about its task; steps may wait for others, without cycles.
public struct JobPlan: Sendable, Hashable {
    public struct Step: Sendable, Hashable {
        public var id: String
        public var title: String
        /// Ids of the steps that come before this one.
        public var dependsOn: [String]

        public init(id: String, title: String, dependsOn: [String]) {
            self.id = id
            self.title = title
            self.dependsOn = dependsOn
        }
    }

    public var goal: String
    public var steps: [Step]

    public init(goal: String, steps: [Step]) {
        self.goal = goal
        self.steps = steps
    }
}
