internal import Glibc
internal import Synchronization

/// The data directory of a private server: its files, the lock that makes it one owner's, and what a crash left in it.
///
/// Owned by a ``PrivateRedis``, which calls ``release()`` when its server has ended.
final class RedisDirectory: Sendable {
    /// Absolute and free of symbolic links.
    let path: String
    let socketPath: String
    private let lock: Int32
    /// Where the socket lies when the data directory's path is too long for one.
    private let socketDirectory: String?
    private let isReleased = Mutex(false)

    var logPath: String { path + "/redis.log" }
    var pidPath: String { path + "/redis.pid" }

    /// Makes the directory if need be and locks it.
    ///
    /// - Throws: `.configuration` when it cannot be made or used, or belongs to another running process.
    init(_ path: String) throws(RedisError) {
        try Self.make(path)
        guard let resolved = realpath(path, nil) else { throw Self.failure("cannot find", path) }
        defer { free(resolved) }
        self.path = String(cString: resolved)
        lock = open(self.path + "/lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard lock >= 0 else { throw Self.failure("cannot write to", self.path) }
        guard flock(lock, LOCK_EX | LOCK_NB) == 0 else {
            close(lock)
            throw RedisError(.configuration, "the data directory \(self.path) is in use by another process")
        }
        let inside = self.path + "/redis.sock"
        guard !UnixSocketPath.fits(inside) else {
            (socketPath, socketDirectory) = (inside, nil)
            return
        }
        var template = Array("/tmp/baud-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else {
            close(lock)
            throw Self.failure("cannot make a directory for the socket in", "/tmp")
        }
        let outside = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        (socketPath, socketDirectory) = (outside + "/redis.sock", outside)
    }

    deinit { release() }

    /// Gives up the lock and removes the temporary directory; from then on another process may use this one.
    func release() {
        let isFirst = isReleased.withLock { released in
            defer { released = true }
            return !released
        }
        guard isFirst else { return }
        if let socketDirectory {
            unlink(socketPath)
            rmdir(socketDirectory)
        }
        // Unlocked, not only closed: a child that is just being started holds the descriptor until its exec.
        flock(lock, LOCK_UN)
        close(lock)
    }

    /// The server that a crashed owner left running here, known by its pid file, its name and its working directory.
    func leftover() -> pid_t? {
        guard let text = Self.contents(of: pidPath, last: 32),
            let pid = pid_t(text.filter(\.isWholeNumber)), pid > 1,
            Self.contents(of: "/proc/\(pid)/comm", last: 32)?.hasPrefix("redis-server") == true
        else { return nil }
        return Self.target(ofLink: "/proc/\(pid)/cwd") == path ? pid : nil
    }

    /// The last line of the server's log, for an error text.
    func lastLogLine() -> String? {
        Self.contents(of: logPath, last: 1024)?.split(separator: "\n").last.map(String.init)
    }

    private static func make(_ path: String) throws(RedisError) {
        var made = path.hasPrefix("/") ? "" : "."
        for part in path.split(separator: "/") {
            made += "/" + part
            guard mkdir(made, 0o700) == 0 || errno == EEXIST else { throw failure("cannot make", made) }
        }
    }

    private static func target(ofLink path: String) -> String {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(PATH_MAX)) { buffer in
            guard let start = buffer.baseAddress else { return "" }
            let count = readlink(path, start, buffer.count)
            return String(decoding: UnsafeRawBufferPointer(start: start, count: max(0, count)), as: UTF8.self)
        }
    }

    /// Up to `count` bytes from the end of a file. Files in /proc have no length: they are read from the start.
    private static func contents(of path: String, last count: Int) -> String? {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        let length = lseek(file, 0, SEEK_END)
        lseek(file, max(0, length - count), SEEK_SET)
        var bytes = [UInt8](repeating: 0, count: count)
        let received = read(file, &bytes, count)
        return received >= 0 ? String(decoding: bytes.prefix(received), as: UTF8.self) : nil
    }

    private static func failure(_ what: String, _ path: String) -> RedisError {
        RedisError(.configuration, "\(what) \(path): \(String(cString: strerror(errno)))")
    }
}
