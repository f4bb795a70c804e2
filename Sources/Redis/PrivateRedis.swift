internal import Glibc
public import Logging
public import NIOCore

/// A redis-server of our own, for an installation without one: a child process that listens on a Unix socket in its
/// data directory and stores every write there.
///
/// It is started again, with back-off, when it ends unexpectedly. Should this process be killed, the server runs on;
/// the next start finds it by its pid file, ends it in good order and takes over its data. Owned by the executable,
/// which ends it with ``stop()``.
public actor PrivateRedis {
    /// When the append-only file is forced to disk.
    public enum AppendFsync: String, Sendable, CaseIterable {
        /// Before a write is acknowledged: none is lost.
        case always
        /// Once a second: a crash loses up to about two seconds of acknowledged writes.
        case everysec
        /// When the system likes.
        case no
    }

    private enum Limits {
        /// From the start of the process until it answers; loading the data is not counted.
        static let start: Duration = .seconds(10)
        /// Between SIGTERM and SIGKILL.
        static let grace: Duration = .seconds(10)
        static let poll: Duration = .milliseconds(20)
        static let progressInterval: Duration = .seconds(2)
    }

    /// How to reach it. The same after every restart.
    public nonisolated var configuration: RedisConfiguration { RedisConfiguration(address: address) }

    private let address: RedisAddress
    private let directory: RedisDirectory
    private let arguments: [String]
    private let loop: any EventLoop
    private let logger: Logger
    private let onExit: @Sendable (String) -> Void
    private var child: ChildProcess?
    private var supervisor: Task<Void, Never>?
    private var isStopping = false

    /// Starts a server and returns when it answers. While it loads its data this waits for as long as that takes.
    ///
    /// - Parameters:
    ///   - directory: made if need be; one process at a time may use it.
    ///   - loop: must live until ``stop()`` has returned.
    ///   - executable: looked up in `PATH`.
    ///   - onExit: called with the reason each time the server ends unexpectedly, before it is started again.
    /// - Throws: `.configuration` for an unusable directory; `.unavailable` when the server cannot be started, with the
    ///   last line of its log.
    public static func start(
        directory: String,
        appendFsync: AppendFsync = .always,
        loop: any EventLoop,
        logger: Logger,
        executable: String = "redis-server",
        onExit: @escaping @Sendable (_ reason: String) -> Void = { _ in }
    ) async throws(RedisError) -> PrivateRedis {
        let directory = try RedisDirectory(directory)
        let server = PrivateRedis(directory, appendFsync, loop, logger, executable, onExit)
        do throws(RedisError) {
            try await server.endLeftover()
            try await server.launch()
        } catch {
            directory.release()
            throw error
        }
        await server.supervise()
        return server
    }

    private init(
        _ directory: RedisDirectory,
        _ appendFsync: AppendFsync,
        _ loop: any EventLoop,
        _ logger: Logger,
        _ executable: String,
        _ onExit: @escaping @Sendable (String) -> Void
    ) {
        self.directory = directory
        self.loop = loop
        self.logger = logger
        self.onExit = onExit
        address = .unix(path: directory.socketPath)
        arguments = [
            executable, "--port", "0", "--unixsocket", directory.socketPath, "--unixsocketperm", "700",
            "--dir", directory.path, "--pidfile", directory.pidPath, "--logfile", directory.logPath,
            "--appendonly", "yes", "--appendfsync", appendFsync.rawValue, "--save", "",
            "--maxmemory-policy", "noeviction", "--latency-tracking", "no", "--daemonize", "no",
            // A run's record stays compact with a text of a few lines in it.
            "--hash-max-listpack-value", "1024",
        ]
    }

    /// Ends the server in good order (SIGTERM, after ten seconds SIGKILL) and returns when it is gone.
    public func stop() async {
        isStopping = true
        supervisor?.cancel()
        await endChild()
        await supervisor?.value
        directory.release()
    }

    // MARK: Supervision

    private func supervise() {
        supervisor = Task { await keepRunning() }
    }

    private func keepRunning() async {
        var backoff = Backoff()
        while !isStopping, let child {
            do {
                let exit = try await child.waitForExit()
                guard !isStopping else { return }
                report(exit)
                repeat { try await Task.sleep(for: Duration(backoff.next())) } while await !relaunch()
                backoff.reset()
            } catch {
                return  // Only cancellation and the loop's end come here: the owner is stopping.
            }
        }
    }

    private func report(_ exit: ChildProcess.Exit) {
        let reason = "redis-server ended with \(exit): \(directory.lastLogLine() ?? "its log is empty")"
        logger.error("the private redis ended", metadata: ["reason": "\(reason)"])
        onExit(reason)
    }

    private func relaunch() async -> Bool {
        do throws(RedisError) {
            try await launch()
            return true
        } catch {
            logger.error("cannot start the private redis again", metadata: ["error": "\(error)"])
            return isStopping
        }
    }

    // MARK: Starting and ending

    private func launch() async throws(RedisError) {
        guard !isStopping else { throw RedisError(.closed, "the server is being stopped") }
        let child = try ChildProcess(arguments: arguments, loop: loop)
        self.child = child
        do throws(RedisError) {
            try await waitUntilReady(child)
        } catch {
            await endChild()
            throw error
        }
        logger.info("started redis", metadata: ["directory": "\(directory.path)"])
    }

    private func waitUntilReady(_ child: ChildProcess) async throws(RedisError) {
        let probe = BlockingConnection(address: address, loop: loop, logger: Self.silent)
        let outcome = await ping(child, probe)
        await probe.close()
        try outcome.get()
    }

    private func ping(_ child: ChildProcess, _ probe: BlockingConnection) async -> Result<Void, RedisError> {
        var deadline = ContinuousClock.now + Limits.start
        var nextReport = ContinuousClock.now + Limits.progressInterval
        while true {
            do throws(RedisError) {
                _ = try await probe.send(RedisCommand("PING"), timeout: .seconds(2))
                return .success(())
            } catch {
                let now = ContinuousClock.now
                if error.prefix == "LOADING" { deadline = now + Limits.start }
                if let exit = child.exitStatus {
                    let log = directory.lastLogLine() ?? "its log is empty"
                    return .failure(RedisError(.unavailable, "redis-server ended with \(exit): \(log)"))
                }
                guard now < deadline, !isStopping else {
                    return .failure(RedisError(.unavailable, "redis-server does not answer", cause: error))
                }
                if error.prefix == "LOADING", now >= nextReport {
                    nextReport = now + Limits.progressInterval
                    await reportProgress(probe)
                }
            }
            do {
                try await Task.sleep(for: Limits.poll)
            } catch {
                return .failure(RedisError(.cancelled, "the start was cancelled", cause: error))
            }
        }
    }

    private func reportProgress(_ probe: BlockingConnection) async {
        do throws(RedisError) {
            let info = try await probe.send(RedisCommand("INFO", "persistence"), timeout: .seconds(2)).string ?? ""
            let percent = info.split(whereSeparator: \.isNewline).first { $0.hasPrefix("loading_loaded_perc:") }
            logger.info("redis is loading its data", metadata: ["progress": "\(percent?.drop { $0 != ":" } ?? "?")"])
        } catch {
            logger.debug("no progress of redis", metadata: ["error": "\(error)"])
        }
    }

    private func endChild() async {
        guard let child else { return }
        do {
            try await child.terminate(grace: Limits.grace)
        } catch {
            logger.error("cannot wait for redis-server", metadata: ["error": "\(error)"])
        }
    }

    /// Two servers on one append-only file would destroy it: an orphan must be gone before the new one starts.
    private func endLeftover() async throws(RedisError) {
        guard let pid = directory.leftover() else { return }
        logger.notice("ending the redis-server that an earlier process left", metadata: ["pid": "\(pid)"])
        let start = ContinuousClock.now
        kill(pid, SIGTERM)
        var isForced = false
        while directory.leftover() == pid {
            let waited = ContinuousClock.now - start
            if waited > Limits.grace, !isForced {
                kill(pid, SIGKILL)
                isForced = true
            }
            guard waited < Limits.grace * 2 else {
                throw RedisError(.unavailable, "the redis-server with process id \(pid) cannot be ended")
            }
            do {
                try await Task.sleep(for: Limits.poll)
            } catch {
                throw RedisError(.cancelled, "the start was cancelled", cause: error)
            }
        }
    }

    /// Refused connections are what the probe expects at first.
    private static let silent = Logger(label: "redis.probe") { _ in SwiftLogNoOpLogHandler() }
}
