internal import Glibc
internal import Synchronization

/// A thread's workspace and the sandbox around it, opened with the first tool call: most conversations touch no file, and a thread
/// without files needs no directory.
final class ThreadFiles: Sendable {
    typealias Opened = (workspace: Workspace, sandbox: any Sandbox)

    /// Where commands see the workspace.
    let workspacePath: String
    private let root: String
    private let sandboxes: SandboxFactory
    private let opened = Mutex<Opened?>(nil)

    /// - Parameter root: the absolute path of the directory, there or not, without links.
    init(root: String, sandboxes: SandboxFactory) {
        self.root = root
        self.sandboxes = sandboxes
        workspacePath = sandboxes.workspacePath(of: root)
    }

    /// Makes the directory where there is none yet. Blocks, for as long as that takes.
    ///
    /// - Throws: ``ToolError`` with the system's reason.
    func open() throws(ToolError) -> Opened {
        try opened.withLock { opened throws(ToolError) in
            if let opened { return opened }
            let workspace = try Workspace(root: root)
            let new = (workspace, sandboxes.makeSandbox(for: workspace))
            opened = new
            return new
        }
    }

    /// The workspace's AGENTS.md; nil where there is none that can be read as text.
    func rules() async throws(ToolError) -> String? {
        guard access(root, F_OK) == 0 else { return nil }
        return try await open().workspace.rules()
    }

    /// Gives back what a sandbox holds, if there was one.
    func close() async {
        await opened.withLock { $0 }?.sandbox.close()
    }
}

extension Workspace {
    fileprivate func rules() async -> String? {
        let name = "AGENTS.md"
        guard hasEntry(name) else { return nil }
        do {
            return String(validating: try await read(name).content.prefix(32 * 1024), as: UTF8.self)
        } catch {
            return nil
        }
    }
}
