import Foundation
import Glibc
internal import NIOPosix

/// A real redis-server for a test: on a Unix socket in a directory of its own, without a TCP port unless one is asked for.
///
/// Not shared between tests that stop, pause or kill it. Ended by its process id, and the directory removed, by ``stop()``
/// or at the end of ``with(appendOnly:_:)``.
public actor TestRedis {
    public struct Failure: Error, CustomStringConvertible {
        public let description: String
    }

    /// The socket, for `unix://` and ``url``.
    public nonisolated let socketPath: String
    public nonisolated var url: String { "unix://\(socketPath)" }

    private let directory: String
    private let arguments: [String]
    private var pid: pid_t?

    /// - Parameters:
    ///   - appendOnly: keeps the data over ``restart()`` and ``kill()``, with `appendfsync always`.
    ///   - extra: further arguments of redis-server, as `["--requirepass", "secret"]`.
    public init(appendOnly: Bool = false, extra: [String] = []) async throws {
        directory = try Self.makeDirectory()
        socketPath = directory + "/s"
        arguments =
            [
                "redis-server", "--port", "0", "--unixsocket", socketPath, "--dir", directory, "--save", "",
                "--appendonly", appendOnly ? "yes" : "no", "--appendfsync", "always",
                "--logfile", directory + "/log", "--daemonize", "no",
            ] + extra
        try await start()
    }

    /// A sentinel on a port of the loopback address.
    ///
    /// - Parameter rules: lines of its file.
    init(sentinelOn port: Int, rules: [String]) async throws {
        directory = try Self.makeDirectory()
        socketPath = directory + "/s"
        let lines =
            ["port \(port)", "unixsocket \(socketPath)", "dir \(directory)", "logfile \(directory)/log"] + rules
        let file = directory + "/sentinel.conf"
        try lines.joined(separator: "\n").write(toFile: file, atomically: true, encoding: .utf8)
        arguments = ["redis-server", file, "--sentinel"]
        try await start()
    }

    /// Runs `body` with a fresh server and ends the server, whatever comes of it.
    public static func with<Result: Sendable>(
        appendOnly: Bool = false,
        extra: [String] = [],
        _ body: @Sendable (TestRedis) async throws -> Result
    ) async throws -> Result {
        let redis = try await TestRedis(appendOnly: appendOnly, extra: extra)
        do {
            let result = try await body(redis)
            await redis.stop()
            return result
        } catch {
            await redis.stop()
            throw error
        }
    }

    /// Starts the server after ``kill()``, with the same socket and data.
    public func start() async throws {
        precondition(pid == nil, "the server runs already")
        pid = try spawn()
        for _ in 0..<1000 where !answersPing() { try await Task.sleep(for: .milliseconds(10)) }
        guard answersPing() else { throw Failure(description: "redis-server did not come up in \(directory)") }
    }

    /// Ends the server in good order and removes its directory.
    public func stop() async {
        await end(by: SIGTERM)
        Self.remove(directory)
    }

    /// As a crash: SIGKILL, data directory kept.
    public func kill() async { await end(by: SIGKILL) }

    /// Ends it in good order and starts it again.
    public func restart() async throws {
        await end(by: SIGTERM)
        try await start()
    }

    /// SIGSTOP: the socket accepts, nothing answers.
    public func pause() { if let pid { Glibc.kill(pid, SIGSTOP) } }

    public func resume() { if let pid { Glibc.kill(pid, SIGCONT) } }

    /// What redis-cli prints for a command to this server.
    @discardableResult
    public nonisolated func cli(_ command: String...) async throws -> String {
        try await Self.cli(["-s", socketPath] + command)
    }

    /// On a thread that may wait, as all tests share those of the tasks.
    static func cli(_ arguments: [String]) async throws -> String {
        try await NIOThreadPool.singleton.runIfActive { try runCLI(arguments) }
    }

    private static func runCLI(_ arguments: [String]) throws -> String {
        let output = try makeDirectory() + "/output"
        defer { remove(String(output.dropLast("/output".count))) }
        let status = try ChildProcess("/usr/bin/redis-cli", arguments, output: output).wait()
        let text = try String(contentsOfFile: output, encoding: .utf8)
        guard status == 0 else { throw Failure(description: "redis-cli: \(text)") }
        return text.hasSuffix("\n") ? String(text.dropLast()) : text
    }

    /// Waits up to 30 seconds for what other processes bring about.
    static func wait(_ complaint: String, until condition: () async throws -> Bool) async throws {
        let deadline = ContinuousClock.now + .seconds(30)
        while try await !condition() {
            guard ContinuousClock.now < deadline else { throw Failure(description: complaint) }
            try await Task.sleep(for: .milliseconds(50))
        }
    }

    private func end(by signal: CInt) async {
        guard let pid else { return }
        self.pid = nil
        Glibc.kill(pid, signal)
        Glibc.kill(pid, SIGCONT)
        var polls = 0
        while waitpid(pid, nil, WNOHANG) == 0 {
            polls += 1
            if polls == 1000 { Glibc.kill(pid, SIGKILL) }
            // A cancelled test still has its server ended: then this loop spins until the process is gone.
            try? await Task.sleep(for: .milliseconds(5))
        }
    }

    private func spawn() throws -> pid_t {
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // The threads of the cooperative pool block signals; a child that inherited that would not hear SIGTERM.
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        closeDescriptors(&actions)
        var strings: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        defer { for string in strings { free(string) } }
        var pid: pid_t = 0
        let status = posix_spawnp(&pid, "redis-server", &actions, &attributes, &strings, environ)
        guard status == 0 else { throw Failure(description: "redis-server: \(String(cString: strerror(status)))") }
        return pid
    }

    private nonisolated func answersPing() -> Bool {
        let socket = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        guard socket >= 0 else { return false }
        defer { close(socket) }
        var timeout = timeval(tv_sec: 1, tv_usec: 0)
        setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: socketPath.utf8) }
        let connected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(socket, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard connected == 0, write(socket, "PING\r\n", 6) == 6 else { return false }
        var reply = [UInt8](repeating: 0, count: 64)
        let count = read(socket, &reply, reply.count)
        // A server with a password is up, too.
        return count > 0 && (reply.starts(with: "+PONG".utf8) || reply.starts(with: "-NOAUTH".utf8))
    }

    /// Short, as a socket's path has at most 107 bytes.
    private static func makeDirectory() throws -> String {
        var template = Array("/tmp/baud-redis-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else {
            throw Failure(description: "mkdtemp: \(String(cString: strerror(errno)))")
        }
        return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    private static func remove(_ directory: String) {
        do {
            try FileManager.default.removeItem(atPath: directory)
        } catch {
            print("left behind: \(directory): \(error)")
        }
    }
}
