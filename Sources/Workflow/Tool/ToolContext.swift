/// What a call of a tool works with.
public struct ToolContext: Sendable {
    /// Of the ``ToolCall``; names the file that output over the cap is spilled to.
    public let callID: String
    /// The files of the thread.
    public let workspace: Workspace
    /// Where commands run.
    public let sandbox: any Sandbox
    public let memory: ThreadMemory
    /// What was answered to the question of this very call, see ``ToolQuestion``.
    public let answer: String?
    /// Passes on what a command prints while it runs. Tools call it at most ten times a second, one call after the
    /// other.
    public let report: @Sendable (String) async -> Void

    public init(
        callID: String,
        workspace: Workspace,
        sandbox: any Sandbox,
        memory: ThreadMemory,
        answer: String? = nil,
        report: @escaping @Sendable (String) async -> Void
    ) {
        self.callID = callID
        self.workspace = workspace
        self.sandbox = sandbox
        self.memory = memory
        self.answer = answer
        self.report = report
    }

    /// Where the whole of an output over the cap goes, relative to the workspace.
    ///
    /// Call ids come from a model's provider: what is not a letter, digit, `-` or `_` is replaced.
    public var spillPath: String {
        let name = callID.utf8.prefix(100).map { byte -> Character in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"):
                Character(Unicode.Scalar(byte))
            default: "_"
            }
        }
        return ".agent/tool-output/\(String(name)).txt"
    }
}
