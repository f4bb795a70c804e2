internal import Messages

/// `files_creation`: writes whole files.
struct FilesCreationTool: Tool {
    let name = "files_creation"
    let summary = """
        Creates files with their content, and the directories they need. Checks all before it writes any. An existing \
        file is replaced only with overwrite, and only if it was read before.
        """
    let effect = ToolEffect.unsafe

    /// Bytes of one file.
    private static let contentLimit = 1 << 20

    let parameters = ToolSchema([
        .required(
            "files",
            .array(
                of: .object(
                    ToolSchema([
                        .required("path", .string, "Absolute, or relative to the workspace."),
                        .required("content", .string, "The whole content; at most 1 MiB."),
                    ])
                ),
                count: 1...50
            ),
            "The files."
        ),
        .optional("overwrite", .boolean, "Replace files that exist.", default: false),
    ])

    private struct NewFile: Sendable {
        let field: String
        let path: String
        let content: [UInt8]
        /// Whether it replaces a file that was there when all were checked; one that comes later is not replaced.
        var exists = false
    }

    func run(_ arguments: ToolArguments, in context: ToolContext) async throws -> ToolOutput {
        let overwrite = try arguments.bool("overwrite")
        var files: [NewFile] = []
        for file in try arguments.objects("files") {
            let content = Array(try file.string("content").utf8)
            guard content.count <= Self.contentLimit else {
                throw ToolError(
                    "\(file.field("content")): \(content.count) bytes; at most \(Self.contentLimit) are allowed"
                )
            }
            let path = try context.workspace.relative(try file.string("path"))
            files.append(NewFile(field: file.field("path"), path: path, content: content))
        }
        try Self.checkPaths(files)
        for index in files.indices {
            files[index].exists = try await Self.check(files[index], overwrite: overwrite, in: context)
        }
        return try await Self.write(files, in: context)
    }

    /// No path twice, and none that is a directory of another.
    private static func checkPaths(_ files: [NewFile]) throws(ToolError) {
        var paths: [String: String] = [:]
        for file in files {
            let names = file.path.pathNames.filter { $0 != "." }
            guard let last = names.last, last != "..", file.path.utf8.last != UInt8(ascii: "/") else {
                throw ToolError("\(file.field): not the path of a file: \(file.path)")
            }
            if let other = paths.updateValue(file.field, forKey: names.joined(separator: "/")) {
                throw ToolError("\(file.field): the same path as \(other): \(file.path)")
            }
        }
        for file in files {
            let names = file.path.pathNames.filter { $0 != "." }
            for count in 1..<max(names.count, 1) {
                guard let other = paths[names.prefix(count).joined(separator: "/")] else { continue }
                throw ToolError("\(file.field): goes through \(other), which is to be a file")
            }
        }
    }

    /// Finds before anything is written what would fail later.
    ///
    /// - Returns: whether the file exists.
    private static func check(
        _ file: NewFile,
        overwrite: Bool,
        in context: ToolContext
    ) async throws(ToolError) -> Bool {
        do throws(ToolError) {
            guard let existing = try await context.workspace.readIfPresent(file.path) else { return false }
            guard overwrite else { throw ToolError("Already exists: \(file.path). Set overwrite to replace it") }
            guard let mark = context.memory.mark(of: existing.path) else {
                throw ToolError("Not read yet: \(file.path). Read it with file_read before it is replaced")
            }
            guard mark == existing.mark else {
                throw ToolError("Changed since it was read: \(file.path). Read it again with file_read")
            }
            return true
        } catch {
            throw ToolError("\(file.field): \(error.message). No file was written")
        }
    }

    private static func write(_ files: [NewFile], in context: ToolContext) async throws -> ToolOutput {
        var paths: [String] = []
        for file in files {
            do throws(ToolError) {
                let written = try await context.workspace.write(file.content, to: file.path, replacing: file.exists)
                context.memory.remember(written.mark, of: written.path)
                paths.append(written.path)
            } catch {
                let before = paths.isEmpty ? "none" : paths.joined(separator: ", ")
                throw ToolError("\(file.field): \(error.message). Written before it: \(before)")
            }
        }
        let noun = paths.count == 1 ? "1 file" : "\(paths.count) files"
        return ToolOutput("Wrote \(noun):\n\(paths.joined(separator: "\n"))", detail: .filesCreated(paths: paths))
    }
}

extension Workspace {
    /// - Returns: nil where there is nothing at the path.
    func readIfPresent(_ path: String) async throws(ToolError) -> File? {
        try await onOwnThread { () throws(ToolError) in try self.exists(path) ? try self.readNow(path) : nil }
    }
}
