import ArgumentParser
import Client
import Glibc
import Messages

struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Give an agent a task and watch it.",
        discussion: """
            Exits with 0 when the run completed, with 1 when it did not, and with 130 after Ctrl-C, which cancels the \
            run and waits up to 10 seconds for its end; a second Ctrl-C leaves at once.
            """
    )

    @Argument(help: "What the agent is to do; - reads it from standard input.")
    var task: String

    @OptionGroup var server: ServerOptions

    @Option(help: "provider/model or an alias of the server's configuration.")
    var model = ""

    @Option(help: ArgumentHelp("The thread to go on with, instead of a new one.", valueName: "id"))
    var thread: String?

    @Option(help: ArgumentHelp("Where the run's lifecycle events are sent by HTTP POST.", valueName: "url"))
    var webhook: String?

    @Flag(help: "Print each event as a line of JSON, and nothing else.")
    var json = false

    func validate() throws {
        guard task.contains(where: { !$0.isWhitespace }) else { throw ValidationError("the task is empty") }
    }

    func run() async throws {
        let task = task == "-" ? try StandardInput.text() : task
        try await server.withClient { client in
            let screen = Screen(printsJSON: json)
            let thread: String
            if let given = self.thread {
                thread = given
            } else {
                let key = BaudClient.makeIdempotencyKey()
                thread = try await client.initiateThread(idempotencyKey: key).threadID
                try await screen.note("thread \(thread)")
            }
            let code = try await RunSession(client: client, screen: screen, thread: thread)
                .carryOut(task, model: model, webhook: webhook.map { Webhook(url: $0) })
            if self.thread == nil { try await screen.note("continue with: baud run --thread \(thread) \"...\"") }
            return code
        }
    }
}

/// A task that is read rather than typed.
enum StandardInput {
    private static let limit = 1024 * 1024

    /// All of standard input, at most 1 MiB of UTF-8.
    static func text() throws -> String {
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 64 * 1024)
        while bytes.count <= limit {
            let count = read(STDIN_FILENO, &piece, piece.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw ValidationError("standard input cannot be read") }
            if count == 0 { break }
            bytes += piece[..<count]
        }
        guard bytes.count <= limit else { throw ValidationError("the task is longer than 1 MiB") }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw ValidationError("the task is not UTF-8")
        }
        guard text.contains(where: { !$0.isWhitespace }) else { throw ValidationError("the task is empty") }
        return text
    }
}
