internal import CLinux
internal import Glibc

extension Workspace {
    /// An entry of a directory.
    struct Entry: Sendable, Hashable {
        let name: String
        let isDirectory: Bool
    }

    /// At most this many entries of a directory are looked at.
    static let entryLimit = 100_000

    /// The entries of a directory in no order, without `.` and `..`; a link is an entry that is no directory.
    ///
    /// - Throws: ``ToolError``: outside, missing, not a directory.
    func entries(of path: String) async throws(ToolError) -> [Entry] {
        try await onOwnThread { () throws(ToolError) in try self.entriesNow(of: path) }
    }

    func entriesNow(of path: String) throws(ToolError) -> [Entry] {
        let directory = try open(path, O_RDONLY | O_DIRECTORY)
        // The stream closes its descriptor, so it gets one of its own.
        let copy = fcntl(directory.raw, F_DUPFD_CLOEXEC, 0)
        guard copy >= 0 else { throw failure(errno, at: path) }
        guard let stream = fdopendir(copy) else {
            close(copy)
            throw failure(errno, at: path)
        }
        defer { closedir(stream) }
        var entries: [Entry] = []
        while entries.count < Self.entryLimit, let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            guard name != ".", name != ".." else { continue }
            let isDirectory = isDirectory(entry.pointee.d_type, name, in: directory)
            entries.append(Entry(name: name, isDirectory: isDirectory))
        }
        return entries
    }

    /// Not all file systems say in the entry what it is.
    private func isDirectory(_ type: UInt8, _ name: String, in directory: borrowing Descriptor) -> Bool {
        guard type == DT_UNKNOWN else { return type == DT_DIR }
        var status = stat()
        return fstatat(directory.raw, name, &status, AT_SYMLINK_NOFOLLOW) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }
}

extension Workspace {
    /// What a path leads to, without reading it.
    struct Location: Sendable {
        /// Relative to the workspace, without links.
        let path: String
        let isDirectory: Bool
    }

    /// - Throws: ``ToolError``: outside, missing, neither a regular file nor a directory.
    func locate(_ path: String) async throws(ToolError) -> Location {
        try await onOwnThread { () throws(ToolError) in
            let file = try self.open(path, clinux_o_path)
            do throws(SystemFailure) {
                guard let real = self.path(of: file) else { throw SystemFailure(ENOENT) }
                let kind = try file.status().st_mode & S_IFMT
                guard kind == S_IFDIR || kind == S_IFREG else { throw SystemFailure(ENODEV) }
                return Location(path: real, isDirectory: kind == S_IFDIR)
            } catch {
                throw self.failure(error.code, at: path)
            }
        }
    }

    /// - Throws: ``ToolError``: outside, missing, not a directory.
    func locateDirectory(_ path: String) async throws(ToolError) -> String {
        let location = try await locate(path)
        guard location.isDirectory else { throw failure(ENOTDIR, at: path) }
        return location.path
    }
}
