internal import Glibc

/// A program that a test starts and ends by its id. Blocking, without the run loops that `Foundation.Process` waits
/// with.
public struct ChildProcess: Sendable {
    private let id: pid_t

    /// Starts a program; its output, errors included, goes to a file.
    public init(_ program: String, _ arguments: [String], output: String = "/dev/null") throws {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        posix_spawn_file_actions_adddup2(&actions, 1, 2)
        closeDescriptors(&actions)
        var texts = ([program] + arguments).map { strdup($0) } + [nil]
        defer { for text in texts { free(text) } }
        var id = pid_t()
        let status = posix_spawn(&id, program, &actions, nil, &texts, environ)
        guard status == 0 else { throw StandInError(errno: status) }
        self.id = id
    }

    /// Waits for the program to end.
    ///
    /// - Returns: its exit status, or 128 plus the signal that ended it.
    @discardableResult
    public func wait() -> Int32 {
        var status: Int32 = 0
        while waitpid(id, &status, 0) < 0, errno == EINTR {}
        return status & 0x7f == 0 ? (status >> 8) & 0xff : 128 + status & 0x7f
    }

    /// Ends the program.
    public func stop() {
        kill(id, SIGKILL)
        wait()
    }
}

/// Closes in the child what this process has open: a socket that a child holds too would stay open when a test closes it.
func closeDescriptors(_ actions: inout posix_spawn_file_actions_t) {
    guard let directory = opendir("/proc/self/fd") else { return }
    defer { closedir(directory) }
    while let entry = readdir(directory) {
        // In its place: an entry is no longer than its name, and a copy of the whole array would read beyond the last one.
        let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
            String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
        if let descriptor = CInt(name), descriptor > 2 { posix_spawn_file_actions_addclose(&actions, descriptor) }
    }
}
