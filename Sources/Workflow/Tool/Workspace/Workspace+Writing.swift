internal import CLinux
internal import Glibc

extension Workspace {
    /// The mode of a new file and of a new directory.
    fileprivate static let fileMode: mode_t = 0o644
    private static let directoryMode: mode_t = 0o755

    func writeNow(_ content: [UInt8], to path: String, replacing: Bool) throws(ToolError) -> File {
        let existing = try existingFile(path)
        guard replacing || existing == nil else { throw failure(EEXIST, at: path) }
        // The real path: renaming onto a link would replace the link, not what it leads to.
        let target = if let existing { existing.path } else { try relative(path) }
        let (parent, name) = split(target)
        guard !name.isEmpty, name != ".", name != ".." else { throw failure(EISDIR, at: path) }
        let directory = try directory(parent)
        do throws(SystemFailure) {
            try replace(name, in: directory, with: content, mode: existing?.mode)
            let parentPath = self.path(of: directory) ?? parent
            return File(
                path: parentPath == "." ? name : "\(parentPath)/\(name)",
                content: content,
                mark: FileMark(content)
            )
        } catch {
            throw failure(error.code, at: path)
        }
    }

    /// The real path and the mode of a regular file; nil where nothing is.
    private func existingFile(_ path: String) throws(ToolError) -> (path: String, mode: mode_t)? {
        guard try exists(path) else { return nil }
        let file = try open(path, clinux_o_path)
        do throws(SystemFailure) {
            let status = try file.status()
            guard status.st_mode & S_IFMT == S_IFREG else { throw SystemFailure(Self.code(forKind: status)) }
            guard let real = self.path(of: file) else { throw SystemFailure(ENOENT) }
            return (real, status.st_mode & 0o7777)
        } catch {
            throw failure(error.code, at: path)
        }
    }

    /// Whether the path leads to something.
    ///
    /// - Throws: ``ToolError`` where it leads out of the workspace, or through something that is not a directory.
    func exists(_ path: String) throws(ToolError) -> Bool {
        do throws(ToolError) {
            _ = try open(path, clinux_o_path)
            return true
        } catch {
            guard error == failure(ENOENT, at: path) else { throw error }
            return false
        }
    }

    /// Opens a directory and makes it, with its parents, where it is missing.
    fileprivate func directory(_ path: String) throws(ToolError) -> Descriptor {
        var current = "."
        for name in path.pathNames {
            let next = "\(current)/\(name)"
            if try !exists(next) {
                let parent = try open(current, clinux_o_path | O_DIRECTORY)
                guard mkdirat(parent.raw, String(name), Self.directoryMode) == 0 || errno == EEXIST else {
                    throw failure(errno, at: path)
                }
            }
            current = next
        }
        return try open(path, clinux_o_path | O_DIRECTORY)
    }

    /// Writes a temporary file and renames it, so that readers see the old content or the new, never a part.
    ///
    /// - Parameter mode: of the file that is replaced; nil where there must be none.
    private func replace(
        _ name: String,
        in directory: borrowing Descriptor,
        with content: [UInt8],
        mode: mode_t?
    ) throws(SystemFailure) {
        let temporary = ".baud-\(UInt64.random(in: .min ... .max)).tmp"
        let raw = openat(directory.raw, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard raw >= 0 else { throw SystemFailure(errno) }
        let file = Descriptor(raw)
        do throws(SystemFailure) {
            try file.writeAll(content)
            guard fchmod(file.raw, mode ?? Self.fileMode) == 0 else { throw SystemFailure(errno) }
            let result = clinux_rename(directory.raw, temporary, name, mode == nil ? 1 : 0)
            guard result == 0 else { throw SystemFailure(-result) }
        } catch {
            unlinkat(directory.raw, temporary, 0)
            throw error
        }
    }
}

extension Workspace {
    /// Makes a new, empty file to be written bit by bit; what was there by that name is taken away. Blocks.
    func createNow(_ path: String) throws(ToolError) -> Descriptor {
        let (parent, name) = split(try relative(path))
        let directory = try directory(parent)
        unlinkat(directory.raw, name, 0)
        let raw = openat(directory.raw, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, Self.fileMode)
        guard raw >= 0 else { throw failure(errno, at: path) }
        return Descriptor(raw)
    }
}
