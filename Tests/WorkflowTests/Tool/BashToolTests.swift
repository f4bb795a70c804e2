import Foundation
import Synchronization
import Testing

import enum Messages.JSON

@testable import Workflow

struct BashToolTests {
    private func bash(_ bench: ToolBench, _ command: String, _ more: [(String, JSON)] = [], fails: Bool = false)
        async throws -> ToolOutput
    {
        var arguments: JSON = ["command": .string(command)]
        for (name, value) in more { arguments[name] = value }
        return try await bench.call("bash", arguments, fails: fails)
    }

    @Test func mergesItsStreamsInOrderAndSaysHowItEnded() async throws {
        let bench = try await ToolBench()
        let output = try await bash(bench, "echo one; echo two >&2; echo three; cat; exit 3", fails: true)
        #expect(output.text == "one\ntwo\nthree\nExit code: 3")
        guard case .bash(let command, 3, false, let time) = output.detail else {
            return #expect(Bool(false), "\(String(describing: output.detail))")
        }
        #expect(command.hasPrefix("echo one") && time < 10_000)
        #expect(try await bash(bench, "true").text == "Exit code: 0")
        #expect(try await bash(bench, "nosuchcommand", fails: true).text.hasSuffix("command not found\nExit code: 127"))
        #expect(try await bash(bench, "cat <<'E'\na $x \"b\"\nE\n").text == "a $x \"b\"\nExit code: 0")
    }

    @Test(arguments: await SandboxProvider.testable())
    func keepsTheDirectoryButNotTheVariables(provider: SandboxProvider) async throws {
        let bench = try await ToolBench(provider)
        let root = bench.sandbox.workspacePath
        _ = try await bash(bench, "mkdir -p a/b; cd a/b; X=1; export X")
        #expect(try await bash(bench, "pwd; echo \"X=$X\"").text == "\(root)/a/b\nX=\nExit code: 0")
        _ = try await bash(bench, "cd ..; false", fails: true)
        #expect(bench.memory.directory == "a")
        #expect(try await bash(bench, "pwd", [("cwd", "a/b")]).text == "\(root)/a/b\nExit code: 0")
        let away = try await bash(bench, "cd /tmp; exit 4", fails: true)
        #expect(away.text.hasPrefix("(The command ended outside the workspace"))
        #expect(try await bash(bench, "pwd").text == "\(root)\nExit code: 0")
        _ = try await bash(bench, "mkdir gone; cd gone")
        try FileManager.default.removeItem(atPath: bench.path("gone"))
        #expect(try await bash(bench, "pwd").text.hasPrefix("\(root)\n(The directory of the last command is gone"))
        #expect(try await bash(bench, "pwd", [("cwd", "nope")], fails: true).text == "No such file or directory: nope")
        #expect(try await bash(bench, "pwd", [("cwd", "/")], fails: true).text == "Path is outside the workspace: /")
        #expect(try FileManager.default.contentsOfDirectory(atPath: bench.path(".agent")).isEmpty)
    }

    @Test func keepsBothEndsOfLongOutput() async throws {
        let bench = try await ToolBench()
        let output = try await bash(bench, "seq 100000")
        #expect(output.text.utf8.count < 30_300)
        #expect(output.text.hasPrefix("1\n2\n3\n"))
        #expect(output.text.hasSuffix("\n99999\n100000\nExit code: 0"))
        #expect(output.text.contains(" bytes left out; the whole output is in .agent/tool-output/call-1.txt ...]\n"))
        #expect(try bench.content(".agent/tool-output/call-1.txt") == (1...100_000).map { "\($0)\n" }.joined())
    }

    @Test func reportsWhileItRunsAtMostTenTimesASecond() async throws {
        let bench = try await ToolBench()
        let output = try await bash(bench, "for i in $(seq 40); do echo é$i; sleep 0.02; done")
        let reports = bench.reports.withLock { $0 }
        #expect(reports.map(\.text).joined() + "Exit code: 0" == output.text)
        #expect(reports.count >= 2)
        for (first, second) in zip(reports, reports.dropFirst().dropLast()) {
            #expect(first.time.duration(to: second.time) >= .milliseconds(95))
        }
    }

    @Test func timeOutGivesWhatThereIs() async throws {
        let bench = try await ToolBench()
        let output = try await bash(bench, "echo begun; sleep 60", [("timeout_ms", 200)], fails: true)
        #expect(output.text.hasPrefix("begun\nTimed out after 200 ms: "))
        guard case .bash(_, nil, true, _) = output.detail else {
            return #expect(Bool(false), "\(String(describing: output.detail))")
        }
    }

    @Test func aCommandTooLongForTheSystemIsAnError() async throws {
        let bench = try await ToolBench()
        let output = try await bash(bench, ": " + String(repeating: "x", count: 200_000), fails: true)
        #expect(output.text.hasPrefix("The command could not be run: ") && output.text.contains("long"))
        #expect(try FileManager.default.contentsOfDirectory(atPath: bench.path(".agent")).isEmpty)
    }

    @Test func aCancelledCallLeavesNothing() async throws {
        let bench = try await ToolBench()
        let call = ToolCall(id: "c", name: "bash", arguments: ["command": "touch begun; sleep 60"])
        let task = Task { try await ToolRegistry(ToolRegistry.builtIn).run(call, in: bench.context("c")) }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(!bench.exists("begun"))
        // The folder for outputs is there if the call had begun before it was cancelled.
        guard bench.exists(".agent") else { return }
        #expect(try FileManager.default.contentsOfDirectory(atPath: bench.path(".agent")).isEmpty)
    }
}

/// The work of an agent on a small fault, from the first file to the passing test.
struct RepairTests {
    @Test(.needsBubblewrap) func findsAndMendsAFault() async throws {
        let bench = try await ToolBench(.auto)
        let script = "#!/bin/bash\nadd() {\n    echo $(( $1 - $2 ))\n}\n"
        let test = """
            source lib/add.sh
            [ "$(add 2 3)" = 5 ] || { echo "expected 5, got $(add 2 3)"; exit 1; }
            echo passed

            """
        try await bench.call(
            "files_creation",
            [
                "files": [
                    ["path": "lib/add.sh", "content": .string(script)], ["path": "test.sh", "content": .string(test)],
                ]
            ]
        )
        let failing = try await bench.call("bash", ["command": "bash test.sh"], fails: true)
        #expect(failing.text == "expected 5, got -1\nExit code: 1")
        let found = try await bench.call("grep", ["pattern": #"\$1 - \$2"#, "output_mode": "content"])
        #expect(found.text == "lib/add.sh:3:    echo $(( $1 - $2 ))")
        #expect(
            try await bench.call("file_read", ["file_path": "lib/add.sh"]).text.contains("3\t    echo $(( $1 - $2 ))")
        )
        try await bench.call(
            "file_edit",
            ["file_path": "lib/add.sh", "old_string": "$1 - $2", "new_string": "$1 + $2"]
        )
        #expect(try await bench.call("bash", ["command": "bash test.sh"]).text == "passed\nExit code: 0")
    }
}
