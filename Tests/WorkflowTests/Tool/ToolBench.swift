import Foundation
import Synchronization
import Testing

import enum Messages.JSON

@testable import Workflow

/// A thread's workspace in a temporary directory, and the built-in tools on it; the directory goes with the object.
final class ToolBench: Sendable {
    let workspace: Workspace
    let sandbox: any Sandbox
    let memory: ThreadMemory
    let reports = Mutex<[(text: String, time: ContinuousClock.Instant)]>([])
    private let registry = ToolRegistry(ToolRegistry.builtIn)

    init(_ provider: SandboxProvider = .none, limits: SandboxLimits = SandboxLimits(), lookup: Workspace.Lookup? = nil)
        async throws
    {
        let root = NSTemporaryDirectory() + "baud-test-" + UUID().uuidString
        workspace = try Workspace(root: root, lookup: lookup)
        sandbox = try await SandboxProbe.run(provider, limits: limits).makeSandbox(for: workspace)
        memory = ThreadMemory()
    }

    deinit {
        do { try FileManager.default.removeItem(atPath: workspace.root) } catch { Issue.record(error) }
    }

    func context(_ id: String = "call-1", memory: ThreadMemory? = nil) -> ToolContext {
        ToolContext(callID: id, workspace: workspace, sandbox: sandbox, memory: memory ?? self.memory) { text in
            self.reports.withLock { $0.append((text, .now)) }
        }
    }

    /// Runs a tool that must succeed or fail as said.
    @discardableResult
    func call(
        _ name: String,
        _ arguments: JSON,
        fails: Bool = false,
        at location: SourceLocation = #_sourceLocation
    ) async throws -> ToolOutput {
        let output = try await registry.run(ToolCall(id: "call-1", name: name, arguments: arguments), in: context())
        #expect(output.isError == fails, "\(output.text)", sourceLocation: location)
        return output
    }

    func path(_ name: String) -> String { "\(workspace.root)/\(name)" }

    func put(_ name: String, _ content: String) throws {
        let url = URL(filePath: path(name))
        try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(content.utf8).write(to: url)
    }

    func content(_ name: String) throws -> String {
        String(decoding: try Data(contentsOf: URL(filePath: path(name))), as: UTF8.self)
    }

    func exists(_ name: String) -> Bool { FileManager.default.fileExists(atPath: path(name)) }
}

/// What the probe says about bubblewrap on this machine; asked once.
enum Bubblewrap {
    static let refusal = Task { () -> SandboxRefusal? in
        do throws(SandboxRefusal) {
            _ = try await SandboxProbe.run(.bubblewrap)
            return nil
        } catch let refusal {
            return refusal
        }
    }

    /// For tests that need it: says in the log what was taken.
    static func works() async -> Bool {
        guard let refusal = await refusal.value else { return true }
        print("bubblewrap tests are skipped. \(refusal)")
        return false
    }
}

extension SandboxProvider {
    /// Those that can be tested here.
    static func testable() async -> [SandboxProvider] { await Bubblewrap.works() ? [.none, .bubblewrap] : [.none] }

    /// Those that bound the number of processes here: by control groups, or by RLIMIT_NPROC, from which root is exempt.
    static func bounding() async -> [SandboxProvider] {
        if ControlGroups().areAvailable { return await testable() }
        return getuid() == 0 ? [] : await testable().filter { $0 == .bubblewrap }
    }
}

extension Trait where Self == ConditionTrait {
    static var needsBubblewrap: Self { .enabled("bubblewrap does not work here") { await Bubblewrap.works() } }
}
