import ArgumentParser
import Client
import Messages

struct TailCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tail",
        abstract: "Follow what happens on a thread, until Ctrl-C.",
        discussion: "Begins with the oldest event that is kept. With --run it ends with that run."
    )

    @Argument(help: "The thread's id.")
    var thread: String

    @Option(help: ArgumentHelp("Begin after this event; $ shows only what is new.", valueName: "id"))
    var lastID = ""

    @Option(name: .customLong("run"), help: ArgumentHelp("Show this run only.", valueName: "id"))
    var runID: String?

    @OptionGroup var server: ServerOptions

    @Flag(help: "Print each event as a line of JSON, and nothing else.")
    var json = false

    func run() async throws {
        try await server.withClient { client in
            // A call that fails quickly, unlike the events, which wait for a server that may come back.
            _ = try await client.getThread(thread)
            let screen = Screen(printsJSON: json, showsTasks: true)
            try await follow(client.events(of: thread, after: lastID, run: runID), on: screen)
            return .success
        }
    }

    private func follow(_ events: ThreadEvents, on screen: Screen) async throws {
        let interrupts = await Interrupts()
        try await screen.animating {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { for try await event in events { try await screen.show(event) } }
                group.addTask { _ = await interrupts.next() }
                defer { group.cancelAll() }
                try await group.next()
            }
        }
        if let lastID = await screen.lastID {
            try await screen.note("continue with: baud tail \(thread) --last-id \(lastID)")
        }
    }
}
