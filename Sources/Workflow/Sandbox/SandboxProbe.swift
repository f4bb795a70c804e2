internal import Glibc
internal import Synchronization

/// Which sandbox the configuration asks for (`[sandbox] provider`).
public enum SandboxProvider: String, Sendable, CaseIterable {
    /// The best that works here; never none.
    case auto
    case bubblewrap
    /// No confinement, by the operator's own word.
    case none
}

/// Makes the sandboxes of threads, of a kind that was found to work.
public struct SandboxFactory: Sendable {
    /// `bubblewrap` or `none`.
    public let provider: SandboxProvider
    /// For the log: what was taken, and what bounds it.
    public let summary: String
    private let limits: SandboxLimits
    private let groups: ControlGroups

    fileprivate init(_ provider: SandboxProvider, _ limits: SandboxLimits, _ groups: ControlGroups) {
        self.provider = provider
        self.limits = limits
        self.groups = groups
        let bound = groups.areAvailable ? "rlimits and control groups" : "rlimits only"
        summary = "sandbox: \(provider.rawValue), limits: \(bound), network: \(limits.network ? "on" : "off")"
    }

    /// Where the commands of a sandbox see a workspace.
    func workspacePath(of root: String) -> String {
        provider == .none ? root : Workspace.mountPoint
    }

    public func makeSandbox(for workspace: Workspace) -> any Sandbox {
        switch provider {
        case .none: UnconfinedSandbox(workspace, limits, groups)
        case .auto, .bubblewrap: BubblewrapSandbox(workspace, limits, groups)
        }
    }
}

/// Why no sandbox can be had, and what to do about it.
public struct SandboxRefusal: Error, Sendable, Equatable, CustomStringConvertible {
    public let reason: String
    public let cure: String

    public var description: String { "No sandbox: \(reason). To cure it, \(cure)" }
}

/// Finds out, when a worker starts, which sandbox works on this machine, by running something in it.
public enum SandboxProbe {
    /// - Throws: ``SandboxRefusal``. There is no silent step down to no sandbox.
    public static func run(
        _ provider: SandboxProvider,
        limits: SandboxLimits = SandboxLimits()
    ) async throws(SandboxRefusal) -> SandboxFactory {
        let groups = ControlGroups()
        switch provider {
        case .none:
            return SandboxFactory(.none, limits, groups)
        case .auto, .bubblewrap:
            let factory = SandboxFactory(.bubblewrap, limits, groups)
            try await tryOut(factory)
            return factory
        }
    }

    private static func tryOut(_ factory: SandboxFactory) async throws(SandboxRefusal) {
        let directory = "/tmp/baud-probe-\(getpid())-\(UInt64.random(in: .min ... .max))"
        defer { rmdir(directory) }
        let output = Mutex<[UInt8]>([])
        let status: CommandExit.Status
        do {
            let sandbox = factory.makeSandbox(for: try Workspace(root: directory))
            status = try await sandbox.execute(Command(["true"], timeout: .seconds(10))) { piece in
                output.withLock { $0.append(contentsOf: piece.prefix(1000 - min($0.count, 1000))) }
            }.status
        } catch {
            throw SandboxRefusal(reason: "\(error)", cure: otherwise)
        }
        guard status != .exited(0) else { return }
        throw refusal(status, String(decoding: output.withLock { $0 }, as: UTF8.self))
    }

    private static let otherwise = "or write provider = \"none\" in [sandbox] to run commands unconfined"

    static func refusal(_ status: CommandExit.Status, _ output: String) -> SandboxRefusal {
        let words = output.split(separator: "\n").joined(separator: "; ")
        if status == .exited(127), words.contains("bwrap") {
            return SandboxRefusal(reason: "bwrap was not found", cure: "install bubblewrap, \(otherwise)")
        }
        let isForbidden = ["namespace", "not permitted", "Permission denied", "uid map"].contains { words.contains($0) }
        let cure = isForbidden ? "enable user namespaces, \(otherwise)" : "make bwrap run, \(otherwise)"
        return SandboxRefusal(reason: words.isEmpty ? "bwrap ended with \(status)" : words, cure: cure)
    }
}
