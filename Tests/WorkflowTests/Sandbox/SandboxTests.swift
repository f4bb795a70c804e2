import Foundation
import Synchronization
import Testing

import enum Messages.JSON

@testable import Workflow

/// What every sandbox promises. The commands run for real.
@Suite(.serialized)
struct SandboxTests {
    private struct Outcome {
        let exit: CommandExit
        let text: String
    }

    private func bash(
        _ bench: ToolBench,
        _ script: String,
        timeout: Duration = .seconds(20)
    ) async throws -> Outcome {
        let output = Mutex<[UInt8]>([])
        let exit = try await bench.sandbox.execute(Command(["bash", "-c", script], timeout: timeout)) { piece in
            output.withLock { $0.append(contentsOf: piece.prefix(100_000)) }
        }
        return Outcome(exit: exit, text: String(decoding: output.withLock { $0 }, as: UTF8.self))
    }

    /// Processes on this machine whose arguments contain the text.
    private func processes(with text: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: "/proc").filter { Int($0) != nil }.filter { process in
            guard let line = FileManager.default.contents(atPath: "/proc/\(process)/cmdline") else { return false }
            return String(decoding: line, as: UTF8.self).contains(text) && Int(process) != Int(getpid())
        }
    }

    @Test(arguments: await SandboxProvider.testable())
    func runsWithoutInputInASessionOfItsOwn(provider: SandboxProvider) async throws {
        let bench = try await ToolBench(provider)
        let outcome = try await bash(bench, "readlink /proc/self/fd/0; cat; tty; pwd; echo $PATH; env | grep -c BAUD")
        let lines = outcome.text.split(separator: "\n")
        #expect(
            lines.first == "/dev/null" && lines.contains("not a tty")
                && lines.contains { $0 == bench.sandbox.workspacePath }
        )
        #expect(outcome.exit.status == .exited(1))
    }

    @Test(arguments: await SandboxProvider.testable())
    func aCommandThatIsNotThereIsAnExit(provider: SandboxProvider) async throws {
        let bench = try await ToolBench(provider)
        let exit = try await bench.sandbox.execute(Command(["no-such-program"], timeout: .seconds(5))) { _ in }
        #expect(exit.status == .exited(127))
    }

    @Test(arguments: await SandboxProvider.testable())
    func endsWithItsProcessAndNotWithThePipe(provider: SandboxProvider) async throws {
        let bench = try await ToolBench(provider)
        let mark = "3\(UInt32.random(in: 100_000...999_999))"
        let outcome = try await bash(bench, "echo before; sleep \(mark) & echo after")
        #expect(outcome.text == "before\nafter\n")
        #expect(outcome.exit.status == .exited(0) && outcome.exit.duration < .seconds(2))
        #expect(try processes(with: mark).isEmpty)
    }

    @Test(arguments: await SandboxProvider.testable())
    func aDaemonDoesNotHoldTheCallUp(provider: SandboxProvider) async throws {
        let bench = try await ToolBench(provider)
        let mark = "4\(UInt32.random(in: 100_000...999_999))"
        let outcome = try await bash(bench, "setsid sleep \(mark) & echo done")
        #expect(outcome.text == "done\n" && outcome.exit.duration < .seconds(2))
        // Without namespaces a daemon is only caught by a control group.
        if provider == .bubblewrap || ControlGroups().areAvailable { #expect(try processes(with: mark).isEmpty) }
        for process in try processes(with: mark) { kill(try #require(pid_t(process)), SIGKILL) }
    }

    @Test(arguments: await SandboxProvider.testable())
    func aCommandThatKillsItsGroupEndsOnlyItself(provider: SandboxProvider) async throws {
        let bench = try await ToolBench(provider)
        let outcome = try await bash(bench, "echo before; kill -KILL 0; echo after")
        #expect(outcome.text == "before\n" && outcome.exit.status == .signalled(9))
        #expect(try await bash(bench, "echo alive").text == "alive\n")
    }

    @Test(arguments: await SandboxProvider.testable())
    func timeOutAsksFirst(provider: SandboxProvider) async throws {
        let bench = try await ToolBench(provider)
        let script = "trap 'echo asked; exit 7' TERM; echo begun; while :; do :; done"
        let outcome = try await bash(bench, script, timeout: .milliseconds(300))
        #expect(outcome.text == "begun\nasked\n")
        #expect(outcome.exit.timedOut && outcome.exit.duration < .seconds(2))
    }

    @Test(arguments: await SandboxProvider.testable())
    func timeOutEndsWhoDoesNotListen(provider: SandboxProvider) async throws {
        let bench = try await ToolBench(provider)
        let mark = "5\(UInt32.random(in: 100_000...999_999))"
        // The leader goes at once; its grandchild ignores TERM.
        let script = "(trap '' TERM; bash -c 'trap \"\" TERM; echo begun; sleep \(mark); sleep \(mark)') & wait"
        let outcome = try await bash(bench, script, timeout: .milliseconds(300))
        #expect(outcome.text == "begun\n" && outcome.exit.timedOut)
        #expect(outcome.exit.duration < .seconds(4))
        #expect(try processes(with: mark).isEmpty)
    }

    @Test(arguments: await SandboxProvider.testable())
    func cancellingTheTaskEndsTheProcesses(provider: SandboxProvider) async throws {
        let bench = try await ToolBench(provider)
        let mark = "6\(UInt32.random(in: 100_000...999_999))"
        let (begun, begin) = AsyncStream.makeStream(of: Void.self)
        let task = Task {
            try await bench.sandbox.execute(
                Command(["bash", "-c", "echo begun; sleep \(mark)"], timeout: .seconds(60))
            ) { _ in
                begin.yield()
            }
        }
        for await _ in begun { break }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(try processes(with: mark).isEmpty)
    }

    @Test(arguments: await SandboxProvider.testable())
    func tenGigabytesOfOutputNeedNoMemory(provider: SandboxProvider) async throws {
        let bench = try await ToolBench(provider)
        let output = CommandOutput(limit: 30_000, spillingTo: "spill", in: bench.workspace)
        let total = Atomic(0)
        let before = try residentMemory()
        let command = Command(["bash", "-c", "echo first; head -c 10G /dev/zero; echo last"], timeout: .seconds(120))
        let exit = try await bench.sandbox.execute(command) { piece in
            total.add(piece.count, ordering: .relaxed)
            output.append(piece)
        }
        #expect(exit.status == .exited(0))
        #expect(total.load(ordering: .relaxed) == 10 << 30 + 11)
        #expect(try residentMemory() - before < 100 << 20)
        #expect(output.text.utf8.count < 31_000 && output.text.hasPrefix("first\n") && output.text.hasSuffix("last\n"))
        let size = try FileManager.default.attributesOfItem(atPath: bench.path("spill"))[.size]
        #expect(size as? Int == 16 << 20)
    }

    private func residentMemory() throws -> Int {
        let pages = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8).split(separator: " ")[1]
        return try #require(Int(pages)) * Int(sysconf(Int32(_SC_PAGESIZE)))
    }

    @Test(arguments: await SandboxProvider.bounding())
    func aForkBombStaysSmall(provider: SandboxProvider) async throws {
        let bench = try await ToolBench(provider, limits: SandboxLimits(processes: 100))
        let mark = "7\(UInt32.random(in: 100_000...999_999))"
        let outcome = try await bash(
            bench,
            "for i in $(seq 300); do sleep \(mark) & done 2> errors; echo all of them",
            timeout: .seconds(5)
        )
        #expect(!outcome.text.contains("all of them") && outcome.exit.duration < .seconds(9))
        #expect(try bench.content("errors").contains("Resource temporarily unavailable"))
        #expect(try processes(with: mark).isEmpty)
        let bomb = try await bash(bench, "b() { b | b & }; b; sleep 3", timeout: .seconds(2))
        #expect(bomb.exit.duration < .seconds(6))
        let after = try await bash(bench, "echo alive")
        #expect(after.text == "alive\n")
    }

    @Test(arguments: await SandboxProvider.testable())
    func boundsMemoryAndFiles(provider: SandboxProvider) async throws {
        let bench = try await ToolBench(provider, limits: SandboxLimits(memory: 256 << 20, fileSize: 1 << 20))
        let large = try await bash(bench, "head -c 2M /dev/zero > large; echo $?; stat -c %s large")
        #expect(large.text.hasSuffix("\n\(1 << 20)\n"))
        let memory = try await bash(bench, "x=$(head -c 1G /dev/zero | tr '\\0' x); echo ${#x}")
        #expect(!memory.text.hasSuffix("\(1 << 30)\n"))
        #expect(try await bash(bench, "echo alive").text == "alive\n")
    }

    @Test(arguments: await SandboxProvider.testable())
    func leavesNoDescriptorsBehind(provider: SandboxProvider) async throws {
        let bench = try await ToolBench(provider)
        _ = try await bash(bench, "true")
        func count() throws -> Int { try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count }
        let before = try count()
        for _ in 0..<50 {
            _ = try await bash(bench, "echo x")
            // Longer than the system takes, so it is not even started.
            await #expect(throws: ToolError.self) {
                try await bash(bench, ": " + String(repeating: "x", count: 200_000))
            }
        }
        // Tests that run beside this one have some open as well.
        #expect(try count() < before + 40)
    }
}

/// What only bubblewrap gives.
@Suite(.needsBubblewrap)
struct BubblewrapTests {
    private func bash(_ script: String, in bench: ToolBench) async throws -> String {
        try await bench.call("bash", ["command": .string(script)], fails: false).text
    }

    @Test func seesNothingOfTheWorker() async throws {
        let bench = try await ToolBench(.bubblewrap)
        setenv("BAUD_TEST_SECRET", "hunter2", 1)
        let text = try await bash(
            """
            cat /proc/*/environ 2> /dev/null | tr '\\0' '\\n' | grep -c SECRET
            ls -d /proc/[0-9]* | wc -l
            ls /root /home /work /var 2> /dev/null | wc -l
            id -u
            touch /usr/x 2> /dev/null || echo read-only
            grep CapEff /proc/self/status
            """,
            in: bench
        )
        let lines = text.split(separator: "\n")
        #expect(lines[0] == "0")
        #expect(try #require(Int(lines[1])) < 10)
        #expect(lines[2...4] == ["0", "1000", "read-only"])
        #expect(lines[5].hasSuffix("0000000000000000"))
    }

    @Test func reachesNoServiceOfTheWorker() async throws {
        let bench = try await ToolBench(.bubblewrap)
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(listener) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bind(listener, address, size) == 0 && listen(listener, 1) == 0
                    && getsockname(listener, address, &size) == 0
            }
        }
        try #require(bound)
        let port = UInt16(bigEndian: address.sin_port)
        let probe = "(exec 3<> /dev/tcp/127.0.0.1/\(port)) 2> /dev/null && echo reached || echo refused"
        #expect(try await bash(probe, in: bench) == "refused\nExit code: 0")
        #expect(
            try await bash(
                "! (exec 3<> /dev/tcp/169.254.169.254/80) 2> errors && grep -q unreachable errors",
                in: bench
            ) == "Exit code: 0"
        )
        let unconfined = try await ToolBench(.none)
        #expect(try await bash(probe, in: unconfined) == "reached\nExit code: 0")
    }

    @Test func keepsOnlyTheWorkspace() async throws {
        let bench = try await ToolBench(.bubblewrap)
        #expect(try await bash("echo x > /tmp/x; echo y > kept; ln -s /etc/passwd link", in: bench) == "Exit code: 0")
        #expect(try await bash("ls /tmp; cat kept", in: bench) == "y\nExit code: 0")
        #expect(try bench.content("kept") == "y\n")
        let link = try await bench.call("file_read", ["file_path": "link"], fails: true)
        #expect(link.text == "Path is outside the workspace: link")
    }
}

struct SandboxProbeTests {
    @Test(arguments: [
        (CommandExit.Status.exited(127), "sh: 1: exec: bwrap: not found\n", "install bubblewrap, "),
        (.exited(1), "bwrap: No permissions to create new namespace, likely because ...\n", "enable user namespaces, "),
        (.exited(1), "bwrap: setting up uid map: Permission denied\n", "enable user namespaces, "),
        (.exited(1), "bwrap: unknown option --x\n", "make bwrap run, "),
    ])
    func saysWhatToDo(status: CommandExit.Status, output: String, cure: String) {
        let refusal = SandboxProbe.refusal(status, output)
        #expect(
            refusal.cure.hasPrefix(cure)
                && refusal.cure.hasSuffix(#"write provider = "none" in [sandbox] to run commands unconfined"#)
        )
        #expect(refusal.reason.contains("bwrap"))
    }

    @Test func noneIsOnlyTakenWhenAskedFor() async throws {
        #expect(try await SandboxProbe.run(.none).provider == .none)
        if await Bubblewrap.works() { #expect(try await SandboxProbe.run(.auto).provider == .bubblewrap) }
    }
}
