import ArgumentParser
import Client
import Foundation
import Messages

struct QueueCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "queue",
        abstract: "Look at the queue of runs, and at those that were given up.",
        subcommands: [Stats.self, Dead.self, Requeue.self, Purge.self],
        defaultSubcommand: Stats.self
    )
}

extension QueueCommand {
    struct Stats: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Tell what waits and what is under way (the default)."
        )

        @OptionGroup var server: ServerOptions

        @Flag(help: "Print a line of JSON, and nothing else.")
        var json = false

        func run() async throws {
            try await server.withClient { client in
                let stats = try await client.stats()
                try Terminal.output.write(json ? stats.line : QueueText.stats(stats, Terminal.output.palette))
                return .success
            }
        }
    }

    struct Dead: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List the runs that were given up, newest first.",
            discussion: "A run is given up that lost its workers, or failed, too often. See baud queue requeue."
        )

        @Option(help: "How many at most, up to 100.")
        var limit: UInt32 = 50

        @OptionGroup var server: ServerOptions

        @Flag(help: "Print each as a line of JSON, and nothing else.")
        var json = false

        func validate() throws {
            guard (1...100).contains(limit) else { throw ValidationError("--limit must be from 1 to 100") }
        }

        func run() async throws {
            try await server.withClient { client in
                let response = try await client.listDeadLetters(pageSize: limit)
                let output = Terminal.output
                let text =
                    json
                    ? response.deadLetters.map(\.line).joined()
                    : QueueText.deadLetters(response, output.palette)
                try output.write(text)
                return .success
            }
        }
    }

    struct Requeue: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a new run of one that was given up, and take it off the list."
        )

        @Argument(help: "The thread's id.")
        var thread: String

        @Argument(help: "The run's id.")
        var runID: String

        @OptionGroup var server: ServerOptions

        func run() async throws {
            try await server.withClient { client in
                let run = try await client.requeueDeadLetter(run: runID, of: thread)
                try Terminal.output.write("run \(run.runID), \(run.status)\n")
                return .success
            }
        }
    }

    struct Purge: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Empty the list of runs that were given up.",
            discussion: "The runs and their events stay on their threads."
        )

        @Flag(help: "Do it; without this the command only says how many there are.")
        var yes = false

        @OptionGroup var server: ServerOptions

        func run() async throws {
            try await server.withClient { client in
                if yes {
                    let count = try await client.purgeDeadLetters()
                    try Terminal.output.write("\(Amounts.count(count, "dead letter")) removed\n")
                } else {
                    let count = try await client.listDeadLetters(pageSize: 1).total
                    try Terminal.output.write("\(Amounts.count(count, "dead letter")); remove them with --yes\n")
                }
                return .success
            }
        }
    }
}

struct CancelCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cancel",
        abstract: "Cancel a run, or all that goes on and waits on a thread.",
        discussion: "A run that has ended stays as it is."
    )

    @Argument(help: "The thread's id.")
    var thread: String

    @Argument(help: "The run's id; without it, every run of the thread that has not ended, the newest first.")
    var runID: String?

    @OptionGroup var server: ServerOptions

    func run() async throws {
        try await server.withClient { client in
            let ids = if let runID { [runID] } else { try await unfinished(client) }
            for id in ids {
                let run = try await client.cancelRun(id, of: thread)
                try Terminal.output.write("run \(run.runID), \(run.status)\n")
            }
            if ids.isEmpty { try Terminal.output.write("nothing goes on there\n") }
            return .success
        }
    }

    /// Newest first, so that none begins because one before it ended. Runs wait behind one that goes on, so the first page that has only
    /// ended ones is the last to be read.
    private func unfinished(_ client: BaudClient) async throws -> [String] {
        var ids: [String] = []
        var token = ""
        while true {
            let page = try await client.listRuns(of: thread, pageSize: 100, pageToken: token)
            let found = page.runs.filter { !$0.hasEnded }.map(\.runID)
            ids += found
            token = page.nextPageToken
            guard !found.isEmpty, !token.isEmpty else { return ids }
        }
    }
}

/// The queue as people read it.
enum QueueText {
    static func stats(_ stats: Stats, _ palette: Palette) -> String {
        let waiting =
            stats.queued == 0
            ? "none"
            : "\(Amounts.number(stats.queued)) of \(Amounts.count(stats.tenants, "tenant")), the oldest for "
                + Amounts.duration(milliseconds: stats.oldestMs)
        let workers = Amounts.number(stats.workers)
        var lines = [
            ("workers", stats.workers == 0 ? palette.red("none: start one with baud modem") : workers),
            ("under way", Amounts.number(stats.running)),
            ("waiting", waiting),
            ("scheduled", Amounts.number(stats.due)),
            ("given up", given(stats.deadLetters, palette)),
        ]
        if stats.webhooks > 0 || stats.deadWebhooks > 0 {
            let lost = stats.deadWebhooks == 0 ? "" : ", \(given(stats.deadWebhooks, palette)) given up in a week"
            lines.append(("webhooks", Amounts.number(stats.webhooks) + lost))
        }
        return lines.map { name, value in name + String(repeating: " ", count: 12 - name.count) + value + "\n" }
            .joined()
    }

    static func deadLetters(_ response: ListDeadLettersResponse, _ palette: Palette) -> String {
        guard !response.deadLetters.isEmpty else { return "no run was given up\n" }
        var text = ""
        for letter in response.deadLetters {
            let failure = letter.error.map { "\($0.code): \($0.message)" } ?? ""
            text += "\(letter.threadID) \(letter.runID) " + palette.dim(time(letter.time)) + "\n"
            text += "  " + palette.red(TerminalText.cleanLine(failure)) + "\n"
        }
        let rest = Int(response.total) - response.deadLetters.count
        if rest > 0 { text += palette.dim("and \(Amounts.number(rest)) more") + "\n" }
        return text
    }

    private static func given(_ count: UInt32, _ palette: Palette) -> String {
        count == 0 ? "0" : palette.yellow(Amounts.number(count))
    }

    /// `2026-11-23 15:04:05 UTC`
    private static func time(_ milliseconds: Int64) -> String {
        let style = Date.ISO8601FormatStyle(dateTimeSeparator: .space).year().month().day().time(
            includingFractionalSeconds: false
        )
        return Date(timeIntervalSince1970: Double(milliseconds) / 1000).formatted(style) + " UTC"
    }
}

extension Message {
    /// As JSON in a line of its own.
    fileprivate var line: String { String(decoding: json(), as: UTF8.self) + "\n" }
}
