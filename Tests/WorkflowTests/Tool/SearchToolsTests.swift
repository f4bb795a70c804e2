import Foundation
import Testing

import enum Messages.JSON

@testable import Workflow

struct SearchToolsTests {
    /// `b.txt` is newer than `a.txt`; `c.log` is ignored.
    private func bench(_ provider: SandboxProvider = .none) async throws -> ToolBench {
        let bench = try await ToolBench(provider)
        try bench.put("src/a.txt", "alpha\nbeta\ngamma\n")
        try bench.put("src/b.txt", "Beta\nbeta-2\n")
        try bench.put("c.log", "beta\n")
        try bench.put(".gitignore", "*.log\n")
        for (name, time) in [("src/a.txt", 1000.0), ("src/b.txt", 2000.0)] {
            let date = Date(timeIntervalSince1970: time)
            try FileManager.default.setAttributes([.modificationDate: date], ofItemAtPath: bench.path(name))
        }
        return bench
    }

    @Test(.needsBubblewrap) func searchesInTheSandboxAsWell() async throws {
        let bench = try await bench(.bubblewrap)
        #expect(try await bench.call("grep", ["pattern": "beta"]).text == "src/b.txt\nsrc/a.txt")
        #expect(
            try await bench.call("glob", ["pattern": "*.txt", "path": "/workspace/src"]).text == "src/b.txt\nsrc/a.txt"
        )
    }

    @Test func findsInItsThreeWays() async throws {
        let bench = try await bench()
        func grep(_ arguments: JSON) async throws -> String { try await bench.call("grep", arguments).text }
        #expect(try await grep(["pattern": "beta"]) == "src/b.txt\nsrc/a.txt")
        #expect(
            try await grep(["pattern": "beta", "output_mode": "content", "context": 1])
                == "src/b.txt-1-Beta\nsrc/b.txt:2:beta-2\n--\nsrc/a.txt-1-alpha\nsrc/a.txt:2:beta\nsrc/a.txt-3-gamma"
        )
        #expect(
            try await grep(["pattern": "beta", "output_mode": "count", "ignore_case": true])
                == "src/b.txt:2\nsrc/a.txt:1"
        )
        #expect(
            try await grep(["pattern": "beta", "output_mode": "content", "line_numbers": false, "glob": "a.*"])
                == "src/a.txt:beta"
        )
        #expect(try await grep(["pattern": "alpha.*gamma", "multiline": true, "type": "txt"]) == "src/a.txt")
        #expect(try await grep(["pattern": "nothing"]) == "No matches found")
        #expect(try await grep(["pattern": "beta", "path": "src/a.txt"]) == "src/a.txt")
        #expect(
            try await grep(["pattern": "beta", "head_limit": 1])
                == "src/b.txt\n(lines 1-1 of 2; continue with offset=1)"
        )
        #expect(
            try await grep(["pattern": "beta", "head_limit": 1, "offset": 1]) == "src/a.txt\n(lines 2-2 of 2)"
        )
    }

    @Test func patternsAreNeverOptions() async throws {
        let bench = try await bench()
        try bench.put("-x", "--files\n")
        #expect(try await bench.call("grep", ["pattern": "--files"]).text == "-x")
        #expect(try await bench.call("grep", ["pattern": "files", "path": "-x"]).text == "-x")
        #expect(try await bench.call("grep", ["pattern": "x", "glob": "--pre=touch pwned"]).text == "No matches found")
        #expect(!bench.exists("pwned"))
    }

    @Test func failures() async throws {
        let bench = try await bench()
        func message(_ arguments: JSON) async throws -> String {
            try await bench.call("grep", arguments, fails: true).text
        }
        #expect(try await message(["pattern": "("]).contains("unclosed group"))
        #expect(try await message(["pattern": "a", "path": "../"]) == "Path is outside the workspace: ../")
        #expect(try await message(["pattern": "a", "path": "none"]) == "No such file or directory: none")
        #expect(mkfifo(bench.path("fifo"), 0o600) == 0)
        #expect(try await message(["pattern": "a", "path": "fifo"]) == "Not a regular file: fifo")
        #expect(try await message(["pattern": "a\0"]) == "A command must not contain a NUL character")
        #expect(try await message(["pattern": "a", "type": "nope"]).contains("unrecognized file type"))
    }

    @Test func findsFilesByName() async throws {
        let bench = try await bench()
        #expect(try await bench.call("glob", ["pattern": "*.txt"]).text == "src/b.txt\nsrc/a.txt")
        #expect(try await bench.call("glob", ["pattern": "a.*", "path": "src"]).text == "src/a.txt")
        #expect(try await bench.call("glob", ["pattern": "*.md"]).text == "No files found")
        #expect(
            try await bench.call("glob", ["pattern": "*", "path": "src/a.txt"], fails: true).text
                == "Not a directory: src/a.txt"
        )
        for number in 0..<101 { try bench.put("many/\(number).x", "") }
        let many = try await bench.call("glob", ["pattern": "many/**"]).text
        #expect(many.split(separator: "\n").count == 101)
        #expect(many.hasSuffix("(the first 100 of 101 files; narrow the pattern)"))
    }
}
