internal import Glibc
internal import NIOCore
internal import NIOPosix
internal import Synchronization

/// A child process: started by `posix_spawn`, waited for on a thread of its own, always reaped.
///
/// Used by ``PrivateRedis``; its methods may be called from any task.
final class ChildProcess: Sendable {
    /// How the child ended.
    enum Exit: Sendable, Equatable, CustomStringConvertible {
        case code(Int32)
        case signal(Int32)

        var description: String {
            switch self {
            case .code(let code): "exit code \(code)"
            case .signal(let signal): "signal \(signal)"
            }
        }
    }

    private let process: Process
    private let exit: EventLoopFuture<Exit>

    /// Starts `arguments[0]`, looked up in `PATH`, in a process group of its own with no standard input.
    ///
    /// Standard output and error stay the parent's; no other descriptor does, as NIO does not mark its sockets close-on-exec, and
    /// one that a child holds too would stay open when the parent closes it.
    init(arguments: [String], loop: any EventLoop) throws(RedisError) {
        let process = Process(pid: try Self.spawn(arguments))
        let reaper = NIOThreadPool(numberOfThreads: 1)
        reaper.start()
        exit = reaper.runIfActive(eventLoop: loop) { process.waitAndReap() }
        exit.whenComplete { _ in reaper.shutdownGracefully { _ in } }
        self.process = process
    }

    /// How it ended, `nil` while it runs.
    var exitStatus: Exit? { process.exitStatus }

    /// Returns when the child has ended. Not interrupted by cancellation.
    func waitForExit() async throws -> Exit { try await exit.get() }

    /// Asks by SIGTERM, insists by SIGKILL after `grace`, and returns when the child is gone.
    @discardableResult
    func terminate(grace: Duration) async throws -> Exit {
        process.signal(SIGTERM)
        let process = process
        let insist = exit.eventLoop.scheduleTask(in: TimeAmount(grace)) { process.signal(SIGKILL) }
        defer { insist.cancel() }
        return try await exit.get()
    }

    /// The process id and whether it is still ours: after the reaping it may name another process.
    private final class Process: Sendable {
        private let pid: pid_t
        private let status = Mutex<Exit?>(nil)

        init(pid: pid_t) { self.pid = pid }

        var exitStatus: Exit? { status.withLock { $0 } }

        func signal(_ signal: Int32) {
            status.withLock { status in
                if status == nil { kill(pid, signal) }
            }
        }

        /// Blocks until the child has ended; only then takes the lock to reap it.
        func waitAndReap() -> Exit {
            var info = siginfo_t()
            while waitid(P_PID, id_t(pid), &info, WEXITED | WNOWAIT) == -1, errno == EINTR {}
            return status.withLock { status in
                var raw: Int32 = 0
                while waitpid(pid, &raw, 0) == -1, errno == EINTR {}
                // WIFSIGNALED and WEXITSTATUS are macros that Swift does not import.
                let signal = raw & 0x7F
                let exit: Exit = signal == 0 ? .code((raw >> 8) & 0xFF) : .signal(signal)
                status = exit
                return exit
            }
        }
    }

    /// Closes in the child what the parent has open beyond standard error. A descriptor that is closed by then is no error (glibc).
    private static func closeDescriptors(_ actions: inout posix_spawn_file_actions_t) {
        guard let directory = opendir("/proc/self/fd") else { return }
        defer { closedir(directory) }
        while let entry = readdir(directory) {
            // In its place: an entry is no longer than its name, and a copy of the whole array would read beyond the last one.
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if let descriptor = CInt(name), descriptor > STDERR_FILENO {
                posix_spawn_file_actions_addclose(&actions, descriptor)
            }
        }
    }

    private static func spawn(_ arguments: [String]) throws(RedisError) -> pid_t {
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // Threads of the cooperative pool block signals, and the parent may ignore some: the child shall do neither.
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        sigfillset(&signals)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        posix_spawnattr_setpgroup(&attributes, 0)
        let flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP
        posix_spawnattr_setflags(&attributes, Int16(flags))

        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        closeDescriptors(&actions)

        var strings: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        defer { for string in strings { free(string) } }
        var pid: pid_t = 0
        let status = posix_spawnp(&pid, arguments[0], &actions, &attributes, &strings, environ)
        guard status == 0 else {
            throw RedisError(.unavailable, "cannot start \(arguments[0]): \(String(cString: strerror(status)))")
        }
        return pid
    }
}
