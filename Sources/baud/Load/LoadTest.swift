import Client
import Messages
import Synchronization

/// Runs on threads of their own, so many at once, each followed to its end.
final class LoadTest: Sendable {
    private struct State {
        var begun = 0
        var report = LoadReport()
    }

    private let clients: [BaudClient]
    private let count: Int
    private let task: String
    private let model: String
    private let state = Mutex(State())

    /// - Parameters:
    ///   - clients: carry the runs in turn; each has a connection of its own.
    ///   - count: of all runs.
    init(clients: [BaudClient], count: Int, task: String, model: String) {
        self.clients = clients
        self.count = count
        self.task = task
        self.model = model
    }

    /// What the runs that have ended showed.
    var report: LoadReport { state.withLock { $0.report } }

    /// Carries out all runs; ends early when its task is cancelled.
    func carryOut(atOnce: Int) async {
        await withDiscardingTaskGroup { group in
            for place in 0..<min(atOnce, count) {
                group.addTask { await self.work(with: self.clients[place % self.clients.count]) }
            }
        }
    }

    /// One run after the other until all have begun.
    private func work(with client: BaudClient) async {
        while !Task.isCancelled, begin() {
            let sample = await run(with: client)
            // What was cut short says nothing about the server.
            guard !Task.isCancelled else { return }
            state.withLock { $0.report.add(sample) }
        }
    }

    private func begin() -> Bool {
        state.withLock { state in
            guard state.begun < count else { return false }
            state.begun += 1
            return true
        }
    }

    private func run(with client: BaudClient) async -> LoadSample {
        var sample = LoadSample()
        do throws(BaudClientError) {
            let thread = try await client.initiateThread().threadID
            let (_, events) = try await client.execute(on: thread, task: task, model: model)
            sample.accept()
            for try await event in events { sample.record(event) }
            sample.end()
        } catch {
            sample.fail(error.message.isEmpty ? "\(error.code)" : error.message)
        }
        return sample
    }
}
