internal import Glibc

/// Where control groups can be made: the bound on all processes of a command together, which no rlimit gives.
///
/// RLIMIT_NPROC does not hold for root, and RLIMIT_DATA counts each process by itself. Groups can be had as root, or
/// where systemd delegates (`Delegate=yes`); elsewhere the rlimits are all there is. Versions 1 and 2 are known
/// (cgroups(7)).
struct ControlGroups: Sendable {
    /// The worker's own groups of the controllers, in which those of commands are made: with version 1 one for each
    /// controller.
    private let parents: [String]

    /// Whether the processes of a command are bounded together. Without it no groups are made.
    var areAvailable: Bool { !parents.isEmpty }

    /// Finds out by making some. Blocks.
    init() {
        let candidates = Self.lines(of: "/proc/self/cgroup").compactMap(Self.directory).filter(Self.isUsable)
        parents = candidates.contains { Self.controls($0, "pids") } ? candidates : []
    }

    /// Runs `body` with a new group for a command, then kills what is left in it and takes it away.
    ///
    /// - Parameter body: gets the directories to whose `cgroup.procs` the command adds itself; none where there are no
    ///   groups.
    func withGroup<Result>(
        _ limits: SandboxLimits,
        _ body: ([String]) async throws -> Result
    ) async throws -> Result {
        guard areAvailable else { return try await body([]) }
        let directories = try await onOwnThread { () throws(ToolError) in try self.make(limits) }
        do {
            let result = try await body(directories)
            try await Self.takeAway(directories)
            return result
        } catch {
            try await Self.takeAway(directories)
            throw error
        }
    }

    private func make(_ limits: SandboxLimits) throws(ToolError) -> [String] {
        let name = "baud-\(getpid())-\(UInt64.random(in: .min ... .max))"
        let directories = parents.map { "\($0)/\(name)" }
        for directory in directories {
            guard mkdir(directory, 0o755) == 0 else {
                for directory in directories { rmdir(directory) }
                throw ToolError("No control group can be made: \(SystemFailure(errno).reason)")
            }
            // Those that the group's controllers do not have are not there.
            Self.write("\(limits.processes)", to: "\(directory)/pids.max")
            Self.write("\(limits.memory)", to: "\(directory)/memory.max")
            Self.write("\(limits.memory)", to: "\(directory)/memory.limit_in_bytes")
        }
        return directories
    }

    /// A group can only be removed when its last process is gone, which the kernel needs a moment for; bounded to a
    /// second.
    private static func takeAway(_ directories: [String]) async throws(ToolError) {
        try await onOwnThread { () throws(ToolError) in
            for directory in directories {
                for _ in 0..<100 {
                    guard rmdir(directory) != 0, errno == EBUSY else { break }
                    killAll(in: directory)
                    usleep(10_000)
                }
            }
        }
    }

    private static func killAll(in directory: String) {
        guard !write("1", to: "\(directory)/cgroup.kill") else { return }
        for process in lines(of: "\(directory)/cgroup.procs").compactMap({ pid_t($0) }) where process > 1 {
            kill(process, SIGKILL)
        }
    }
}

// MARK: - Finding out

extension ControlGroups {
    /// The directory for a line of /proc/self/cgroup: `5:pids:/path` (version 1) or `0::/path` (version 2); nil for
    /// other controllers.
    private static func directory(_ line: Substring) -> String? {
        let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
        guard fields.count == 3 else { return nil }
        let path = fields[2] == "/" ? "" : fields[2]
        switch fields[1] {
        case "": return "/sys/fs/cgroup\(path)"
        case "pids", "memory": return "/sys/fs/cgroup/\(fields[1])\(path)"
        default: return nil
        }
    }

    /// Whether a group can be made there that has a limit of processes or of memory.
    private static func isUsable(_ parent: String) -> Bool {
        let directory = "\(parent)/baud-probe-\(getpid())-\(UInt64.random(in: .min ... .max))"
        guard mkdir(directory, 0o755) == 0 else { return false }
        defer { rmdir(directory) }
        return ["pids.max", "memory.max", "memory.limit_in_bytes"].contains { access("\(directory)/\($0)", W_OK) == 0 }
    }

    private static func controls(_ parent: String, _ controller: String) -> Bool {
        parent.hasPrefix("/sys/fs/cgroup/\(controller)")
            || lines(of: "\(parent)/cgroup.subtree_control").joined().split(separator: " ").contains(controller[...])
    }

    /// None where the file is not there or has just gone, as files of groups do.
    private static func lines(of path: String) -> [Substring] {
        let raw = open(path, O_RDONLY | O_CLOEXEC)
        guard raw >= 0, let content = try? Descriptor(raw).readAll(expecting: 4096, limit: 1 << 20) else { return [] }
        return String(decoding: content, as: UTF8.self).split(separator: "\n")
    }

    /// - Returns: whether it was written.
    @discardableResult
    private static func write(_ text: String, to path: String) -> Bool {
        let raw = open(path, O_WRONLY | O_CLOEXEC)
        guard raw >= 0 else { return false }
        do throws(SystemFailure) {
            try Descriptor(raw).writeAll(Array(text.utf8))
            return true
        } catch {
            return false
        }
    }
}
