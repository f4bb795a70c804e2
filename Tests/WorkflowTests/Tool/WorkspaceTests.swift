import Foundation
import Testing

@testable import Workflow

/// Both ways of resolving paths keep inside, whatever is tried.
struct WorkspaceTests {
    static let lookups = [Workspace.Lookup.kernel, .walk]

    @Test(
        arguments: lookups,
        [
            "../secret", "a/../../secret", "/etc/passwd", "/workspace/../secret", "/workspacex/a", "link",
            "dirlink/passwd",
            "proc/self/root/etc/passwd", "..", "updir/secret",
            "dirlink/\u{301}x", "/\u{301}x", "../\u{301}x",
        ]
    )
    func noPathLeadsOut(lookup: Workspace.Lookup, path: String) async throws {
        let bench = try await ToolBench(lookup: lookup)
        try bench.put("a/b", "inside")
        let files = FileManager.default
        try files.createSymbolicLink(atPath: bench.path("link"), withDestinationPath: "/etc/passwd")
        try files.createSymbolicLink(atPath: bench.path("dirlink"), withDestinationPath: "/etc")
        try files.createSymbolicLink(atPath: bench.path("updir"), withDestinationPath: "..")
        try files.createSymbolicLink(atPath: bench.path("proc"), withDestinationPath: "/proc")
        let outside = ToolError("Path is outside the workspace: \(path)")
        await #expect(throws: outside) { try await bench.workspace.read(path) }
        await #expect(throws: outside) { try await bench.workspace.write([1], to: path) }
        await #expect(throws: outside) { try await bench.workspace.locate(path) }
    }

    @Test(arguments: lookups)
    func takesRelativeAndAbsolutePathsAsInside(lookup: Workspace.Lookup) async throws {
        let bench = try await ToolBench(lookup: lookup)
        try bench.put("a/b", "x")
        for path in ["a/b", "./a//b", "a/../a/b", "/workspace/a/b", "/workspace//a/b", bench.path("a/b")] {
            #expect(try await bench.workspace.read(path).path == "a/b", "\(path)")
        }
        #expect(try await bench.workspace.locate("/workspace").isDirectory)
    }

    @Test(arguments: lookups)
    func whatIsNoRegularFileIsAnErrorAtOnce(lookup: Workspace.Lookup) async throws {
        let bench = try await ToolBench(lookup: lookup)
        #expect(mkfifo(bench.path("fifo"), 0o600) == 0)
        try bench.put("d/x", "")
        for path in ["fifo", "d", "d/x/y", "none", "nul\0"] {
            let message =
                switch path {
                case "fifo": "Not a regular file: fifo"
                case "d": "Is a directory: d"
                case "d/x/y": "Not a directory: d/x/y"
                case "none": "No such file or directory: none"
                default: "A path must not contain a NUL character"
                }
            await #expect(throws: ToolError(message)) { try await bench.workspace.read(path) }
            if path != "none" {
                await #expect(throws: ToolError(message)) { try await bench.workspace.write([], to: path) }
            }
        }
    }

    @Test func editsThroughALinkThatStaysInside() async throws {
        let bench = try await ToolBench(lookup: .kernel)
        try bench.put("real/file", "old")
        try FileManager.default.createSymbolicLink(atPath: bench.path("alias"), withDestinationPath: "real/file")
        let file = try await bench.workspace.write(Array("new".utf8), to: "alias")
        #expect(file.path == "real/file")
        #expect(try bench.content("real/file") == "new")
        #expect(try FileManager.default.destinationOfSymbolicLink(atPath: bench.path("alias")) == "real/file")
    }

    @Test func theWalkTrustsNoLinkAtAll() async throws {
        let bench = try await ToolBench(lookup: .walk)
        try bench.put("real", "x")
        try FileManager.default.createSymbolicLink(atPath: bench.path("alias"), withDestinationPath: "real")
        await #expect(throws: ToolError("Path is outside the workspace: alias")) {
            try await bench.workspace.read("alias")
        }
    }

    @Test(arguments: lookups)
    func namesAreBytes(lookup: Workspace.Lookup) async throws {
        let bench = try await ToolBench(lookup: lookup)
        let file = try await bench.workspace.write([1], to: "a/\u{301}b/\u{301}c")
        #expect(Array(file.path.utf8) == Array("a/\u{301}b/\u{301}c".utf8))
        #expect(try await bench.workspace.read("/workspace/a/\u{301}b/\u{301}c").content == [1])
        #expect(try await bench.workspace.entries(of: "a").map(\.isDirectory) == [true])
    }

    @Test(arguments: lookups)
    func writesWithParentsAndKeepsTheMode(lookup: Workspace.Lookup) async throws {
        let bench = try await ToolBench(lookup: lookup)
        try await bench.workspace.write(Array("#!/bin/sh\n".utf8), to: "./a//b/run.sh")
        #expect(chmod(bench.path("a/b/run.sh"), 0o750) == 0)
        try await bench.workspace.write(Array("#!/bin/bash\n".utf8), to: "a/b/run.sh")
        let attributes = try FileManager.default.attributesOfItem(atPath: bench.path("a/b/run.sh"))
        #expect(attributes[.posixPermissions] as? Int == 0o750)
        #expect(try FileManager.default.contentsOfDirectory(atPath: bench.path("a/b")) == ["run.sh"])
        await #expect(throws: ToolError("Already exists: a/b/run.sh")) {
            try await bench.workspace.write([], to: "a/b/run.sh", replacing: false)
        }
    }

    @Test func aLinkThatLeadsNowhereIsNotReplaced() async throws {
        let bench = try await ToolBench()
        try FileManager.default.createSymbolicLink(atPath: bench.path("dangling"), withDestinationPath: "missing")
        await #expect(throws: ToolError("Already exists: dangling")) {
            try await bench.workspace.write([], to: "dangling")
        }
    }
}
