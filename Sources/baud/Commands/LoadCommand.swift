import ArgumentParser
import Client

struct LoadCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "load",
        abstract: "Put load on a server and measure how it takes it.",
        discussion: """
            Creates a thread for each run, executes the run over gRPC and follows it to its end, so many at once. Every \
            event is looked at: each must have the number after the last one's, and the run must end with one final \
            event. The default model is scripted and says twenty words, so that what is measured is the server.

            Exits with 0 when all runs completed in order, with 1 when one did not. Ctrl-C ends it early and tells what \
            was measured until then. The threads stay on the server until its retention removes them.
            """
    )

    @Option(name: .shortAndLong, help: "How many runs, up to 1,000,000.")
    var runs = 1_000

    @Option(name: .shortAndLong, help: "How many at once, up to 20,000.")
    var concurrency = 20

    @Option(help: "How many connections share them, up to 1,000. Default: one for 50, at least 2.")
    var connections: Int?

    @Option(help: "What each run's agent is to do.")
    var task = "words=20"

    @Option(help: "provider/model or an alias of the server's configuration.")
    var model = "script/words"

    @OptionGroup var server: ServerOptions

    @Flag(help: "Print the result as a line of JSON, and nothing else.")
    var json = false

    func validate() throws {
        guard (1...1_000_000).contains(runs) else { throw ValidationError("--runs must be from 1 to 1,000,000") }
        guard (1...20_000).contains(concurrency) else {
            throw ValidationError("--concurrency must be from 1 to 20,000")
        }
        guard (1...1_000).contains(connections ?? 1) else {
            throw ValidationError("--connections must be from 1 to 1,000")
        }
        guard task.contains(where: { !$0.isWhitespace }) else { throw ValidationError("the task is empty") }
    }

    func run() async throws {
        try await server.withClient { client in
            // Fails quickly, unlike the runs, which would each wait for a server that may come back.
            _ = try await client.health()
            // Far below the 256 calls at once that a server grants a connection by default.
            let connections = connections ?? max(2, (concurrency + 49) / 50)
            let others = try (1..<connections).map { _ in try server.makeClient() }
            let test = LoadTest(clients: [client] + others, count: runs, task: task, model: model)
            let interrupts = await Interrupts()
            let begin = ContinuousClock.now
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await test.carryOut(atOnce: concurrency) }
                group.addTask { _ = await interrupts.next() }
                let progress = Task { await showProgress(of: test, since: begin) }
                await group.next()
                group.cancelAll()
                progress.cancel()
                await progress.value
            }
            let (elapsed, report) = (ContinuousClock.now - begin, test.report)
            let output = Terminal.output
            try output.write(
                json ? report.json(elapsed: elapsed) : report.text(elapsed: elapsed, palette: output.palette)
            )
            return report.failed == 0 && report.runs == runs ? .success : .failure
        }
    }

    /// A line that is written over, on a terminal only, until the task is cancelled.
    private func showProgress(of test: LoadTest, since begin: ContinuousClock.Instant) async {
        let terminal = Terminal.error
        guard terminal.takesEscapes, !json else { return }
        while !Task.isCancelled {
            let (done, seconds) = (test.report.runs, (ContinuousClock.now - begin) / .seconds(1))
            let rate = Int(Double(done) / max(seconds, 0.001))
            let line = "\(Amounts.number(done)) of \(Amounts.count(runs, "run")), \(Amounts.number(rate)) a second"
            // A screen that is gone does not end the measurement.
            try? terminal.write("\r\u{1B}[2K" + terminal.palette.dim(TerminalText.cut(line, to: terminal.width - 1)))
            try? await Task.sleep(for: .milliseconds(200))
        }
        try? terminal.write("\r\u{1B}[2K")
    }
}
