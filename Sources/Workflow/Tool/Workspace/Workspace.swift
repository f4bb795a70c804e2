internal import CLinux
internal import Glibc

/// The files of a thread: a directory on the worker, out of which no path leads.
///
/// Owns a descriptor of the directory. Paths are resolved by the kernel beneath it (openat2(2)), never compared as
/// strings, so a link that is put in the way between check and use leads nowhere. Paths are relative to the workspace;
/// absolute ones are taken where they begin with the real root or with ``mountPoint``. The functions that are not async
/// block; they run on own threads.
public final class Workspace: Sendable {
    /// Where sandboxes show the workspace.
    public static let mountPoint = "/workspace"
    /// Bytes; larger files are not read as a whole.
    public static let readLimit = 8 << 20

    /// The absolute path of the directory on the worker, without links.
    public let root: String
    let directory: Descriptor
    private let lookup: Lookup

    /// How names become files.
    enum Lookup: Sendable {
        /// openat2(2), Linux 5.6.
        case kernel
        /// Where openat2 is missing or a seccomp filter forbids it: name by name, following no link at all.
        case walk
    }

    /// Makes the directory, with its parents, where it does not exist. Blocks, for as long as that takes.
    ///
    /// - Parameter root: `<data>/workspaces/<thread id>`; the ids are the server's own.
    /// - Throws: ``ToolError`` with the system's reason.
    public convenience init(root: String) throws(ToolError) { try self.init(root: root, lookup: nil) }

    /// - Parameter lookup: nil finds out.
    init(root: String, lookup: Lookup?) throws(ToolError) {
        func failure(_ code: CInt) -> ToolError {
            ToolError("The workspace cannot be opened: \(SystemFailure(code).reason)")
        }
        func make() -> Bool { mkdir(root, 0o700) == 0 || errno == EEXIST }
        if !make() {
            for end in root.indices.dropFirst() where root[end] == "/" { mkdir(String(root[..<end]), 0o700) }
            guard make() else { throw failure(errno) }
        }
        let raw = Glibc.open(root, clinux_o_path | O_DIRECTORY | O_CLOEXEC)
        guard raw >= 0 else { throw failure(errno) }
        let directory = Descriptor(raw)
        guard let realPath = directory.realPath else { throw failure(ENOENT) }
        self.root = realPath
        self.lookup = lookup ?? (directory.supportsBeneath ? .kernel : .walk)
        self.directory = directory
    }

    /// Whether there is anything of this name, without looking what. One call of the system, so that it needs no thread of
    /// its own.
    func hasEntry(_ name: String) -> Bool {
        faccessat(directory.raw, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0
    }

    /// A regular file and what was in it.
    struct File: Sendable {
        /// Relative to the workspace, without links: one name for one file.
        let path: String
        let content: [UInt8]
        let mark: FileMark
    }

    /// - Throws: ``ToolError``: outside, missing, not a regular file, larger than ``readLimit``.
    func read(_ path: String) async throws(ToolError) -> File {
        try await onOwnThread { () throws(ToolError) in try self.readNow(path) }
    }

    /// Puts the file there in one step, with its parents; a file that was there keeps its mode and its place behind a
    /// link.
    ///
    /// - Returns: what is there now.
    /// - Throws: ``ToolError``: outside, not a regular file, the system's reason.
    @discardableResult
    func write(
        _ content: [UInt8],
        to path: String,
        replacing: Bool = true
    ) async throws(ToolError) -> File {
        try await onOwnThread { () throws(ToolError) in try self.writeNow(content, to: path, replacing: replacing) }
    }

    /// - Throws: ``ToolError``: outside, missing, the system's reason.
    func remove(_ path: String) async throws(ToolError) {
        try await onOwnThread { () throws(ToolError) in
            let (parent, name) = self.split(try self.relative(path))
            let directory = try self.open(parent, clinux_o_path | O_DIRECTORY)
            guard unlinkat(directory.raw, name, 0) == 0 else { throw self.failure(errno, at: path) }
        }
    }

    func readNow(_ path: String) throws(ToolError) -> File {
        // O_NONBLOCK: opening a FIFO must not wait for someone to write into it.
        let file = try open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY)
        do throws(SystemFailure) {
            let status = try file.status()
            guard let real = self.path(of: file) else { throw SystemFailure(ENOENT) }
            guard status.st_mode & S_IFMT == S_IFREG else { throw SystemFailure(Self.code(forKind: status)) }
            let content = try file.readAll(expecting: Int(status.st_size), limit: Self.readLimit)
            return File(path: real, content: content, mark: FileMark(content))
        } catch {
            throw failure(error.code, at: path)
        }
    }

    /// `EISDIR`, or `ENODEV` for FIFOs, sockets and devices.
    static func code(forKind status: stat) -> CInt { status.st_mode & S_IFMT == S_IFDIR ? EISDIR : ENODEV }
}

// MARK: - Paths

extension Workspace {
    /// A path as a model gives it, relative to the workspace: no `/` at the beginning, `.` for the workspace itself.
    func relative(_ path: String) throws(ToolError) -> String {
        guard !path.utf8.contains(0) else { throw ToolError("A path must not contain a NUL character") }
        guard path.utf8.first == UInt8(ascii: "/") else { return path.isEmpty ? "." : path }
        for base in [root, Self.mountPoint] {
            if let rest = path.below(base) { return rest }
        }
        throw outside(path)
    }

    /// The directory and the name in it.
    func split(_ path: String) -> (directory: String, name: String) {
        guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return (".", path) }
        return (String(path[..<slash]), String(path[path.utf8.index(after: slash)...]))
    }

    /// Opens what the path leads to, where that is beneath the root.
    func open(_ path: String, _ flags: CInt) throws(ToolError) -> Descriptor {
        let relative = try relative(path)
        let raw =
            switch lookup {
            case .kernel: directory.openBeneath(relative, flags)
            case .walk: directory.walk(relative, flags)
            }
        guard raw >= 0 else { throw failure(-raw, at: path) }
        return Descriptor(raw)
    }

    /// The path of an open file relative to the workspace, without links; nil where the file is not (any more) beneath
    /// the root.
    func path(of file: borrowing Descriptor) -> String? {
        file.realPath?.below(root)
    }

    func outside(_ path: String) -> ToolError { ToolError("Path is outside the workspace: \(path)") }

    /// What an `errno` means for a path, in words for the model.
    func failure(_ code: CInt, at path: String) -> ToolError {
        switch code {
        // openat2: EXDEV where the path leads out, ELOOP also where it goes through a magic link (/proc/self/root).
        case EXDEV, ELOOP: outside(path)
        case ENOENT: ToolError("No such file or directory: \(path)")
        case EISDIR: ToolError("Is a directory: \(path)")
        case ENOTDIR: ToolError("Not a directory: \(path)")
        case EEXIST: ToolError("Already exists: \(path)")
        case ENODEV, ENXIO: ToolError("Not a regular file: \(path)")
        case EFBIG: ToolError("Larger than \(Self.readLimit >> 20) MiB: \(path). Read parts of it with bash or grep")
        default: ToolError("\(SystemFailure(code).reason): \(path)")
        }
    }
}

/// Paths are bytes to the kernel. As characters `/` and a combining accent after it are one, which is no `/`: names
/// split that way would still have one in them, and lead elsewhere.
extension String {
    /// The names between the slashes.
    var pathNames: [Substring] { utf8.split(separator: UInt8(ascii: "/")).map { Substring($0) } }

    /// What is left of an absolute path below a directory, without `/` at the beginning: `.` for the directory; nil
    /// where it is not.
    func below(_ directory: String) -> String? {
        guard utf8.starts(with: directory.utf8) else { return nil }
        let rest = utf8.dropFirst(directory.utf8.count)
        guard rest.first ?? UInt8(ascii: "/") == UInt8(ascii: "/") else { return nil }
        let path = String(Substring(rest.drop { $0 == UInt8(ascii: "/") }))
        return path.isEmpty ? "." : path
    }
}
