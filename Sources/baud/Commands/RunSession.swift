import ArgumentParser
import Client
import Messages

/// One run from its call to its end, with Ctrl-C in between.
struct RunSession: Sendable {
    let client: BaudClient
    let screen: Screen
    let thread: String

    /// How long the end of a cancelled run is waited for.
    private static let patience = Duration.seconds(10)

    private typealias Execution = Task<(run: Run, events: ThreadEvents), any Error>

    /// - Returns: 0, 1, or 130 if there was an interrupt.
    func carryOut(_ task: String, model: String, webhook: Webhook? = nil) async throws -> ExitCode {
        let interrupts = await Interrupts()
        // Of its own, because both who shows the run and who cancels it wait for it.
        let execution = Execution { try await client.execute(on: thread, task: task, model: model, webhook: webhook) }
        defer { execution.cancel() }
        let end = try await screen.animating {
            try await withThrowingTaskGroup(of: Event?.self) { group in
                group.addTask { try await follow(execution) }
                group.addTask { try await leave(execution, on: interrupts) }
                defer { group.cancelAll() }
                return try await group.next() ?? nil
            }
        }
        if interrupts.hasCome { return ExitCode(130) }
        return end?.type == "run_completed" ? .success : .failure
    }

    /// Shows the run; returns its final event.
    private func follow(_ execution: Execution) async throws -> Event? {
        var last: Event?
        for try await event in try await execution.value.events {
            try await screen.show(event)
            last = event
        }
        return last
    }

    /// After an interrupt, cancels the run and gives it time to end; returns after that time or a second interrupt.
    private func leave(_ execution: Execution, on interrupts: Interrupts) async throws -> Event? {
        guard await interrupts.next() else { return nil }
        try await screen.note("cancelling; Ctrl-C again leaves at once")
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await client.cancelRun(execution.value.run.runID, of: thread)
                try await Task.sleep(for: Self.patience)
            }
            group.addTask { _ = await interrupts.next() }
            defer { group.cancelAll() }
            try await group.next()
            return nil
        }
    }
}
