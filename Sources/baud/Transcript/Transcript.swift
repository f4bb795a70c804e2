import Messages

/// What a person is shown of a run, event by event: from events to text, and nothing else.
///
/// A value without I/O or clock, so that its output can be compared with what is expected. Times are the events' own.
struct Transcript {
    /// What stands between two empty lines.
    private enum Block {
        case text, tools, note, summary
    }

    /// What is known of a run from its first event seen to its last.
    private struct Tally {
        var startedAt: Int64
        var turns: UInt32 = 0
        /// Whether text of the unfinished message has been shown.
        var hasOpenText = false
    }

    private static let openRuns = 1_000

    let palette: Palette
    /// Columns to which lines are cut; text of the model is not.
    var width: Int
    /// Whether the task of each run is shown, as for those who did not just type it.
    let showsTasks: Bool

    /// What is being waited for, as long as it is.
    private(set) var activity: String?
    /// Whether the next character would be the first of its line.
    private(set) var isAtLineStart = true

    private var output = ""
    private var block: Block?
    private var runs: [String: Tally] = [:]
    /// Ends of commands whose results are still to come, by call.
    private var commands: [String: BashRan] = [:]

    init(palette: Palette, width: Int, showsTasks: Bool = false) {
        self.palette = palette
        self.width = width
        self.showsTasks = showsTasks
    }

    /// The text to be shown for an event; empty for those that only change ``activity``.
    mutating func append(_ event: Event) -> String {
        defer { output = "" }
        note(event)
        show(event)
        if event.final { runs[event.runID] = nil }
        return output
    }

    /// What completes the present line.
    mutating func finishLine() -> String {
        defer { output = "" }
        endLine()
        return output
    }

    /// A line between the events, in the same order and form.
    mutating func append(note: String) -> String {
        defer { output = "" }
        begin(.note)
        line(note)
        return output
    }

    private mutating func note(_ event: Event) {
        guard !event.runID.isEmpty, runs[event.runID] == nil else { return }
        // A server has far fewer open runs on a thread; what is lost if not is a duration and a number of turns.
        if runs.count == Self.openRuns { runs = [:] }
        runs[event.runID] = Tally(startedAt: event.time)
    }

    private mutating func show(_ event: Event) {
        switch event.payload {
        case .waiting(let waiting):
            activity = waiting.position > 0 ? "waiting behind \(Amounts.count(waiting.position, "run"))" : "waiting"
        case .error(let failure):
            begin(.note)
            line(text(of: failure))
        case .taskAgentExecute(let agent): show(agent.progress, of: event.runID)
        case .messageCompleted(let message): complete(message, of: event.runID)
        case .toolBash(let command): commands[command.callID] = command
        case .toolFileEdit(let edit): tools(ToolText.edit(edit, palette: palette, width: width))
        case .filesCreated(let files): tools(files.paths.map { palette.green(fit("  + ", $0)) })
        case .todoList(let list): tools(list.todos.map { ToolText.todo($0, palette: palette, width: width) })
        case .jobPlan(let plan): tools(ToolText.plan(plan, palette: palette, width: width))
        case .nextSteps(let next):
            begin(.note)
            line(palette.bold("next"))
            for suggestion in next.suggestions { line(fit("  → ", suggestion)) }
        case .run(let update): show(update, of: event)
        case .streamGap(let gap):
            // What is folded comes whole.
            guard !gap.folded else { return }
            begin(.note)
            line("events \(gap.from) to \(gap.to) are no longer kept")
        case .streamSnapshot(let snapshot):
            for run in snapshot.runs {
                begin(.note)
                line(fit("  > ", run.task))
                if !run.text.isEmpty { text(run.text) }
            }
        case nil: break
        }
    }

    private mutating func show(_ progress: AgentProgress.Progress?, of run: String) {
        switch progress {
        case .textDelta(let delta):
            runs[run]?.hasOpenText = true
            text(delta.text)
            activity = "writing"
        case .stepStarted(let step):
            runs[run]?.turns = step.number
            commands = [:]
            activity = "thinking"
        case .toolCall(let call):
            activity = "running \(TerminalText.cleanLine(call.name))"
            if !ToolText.showsItself(call.name) { tools([ToolText.call(call, palette: palette, width: width)]) }
        case .toolResult(let result):
            let command = commands.removeValue(forKey: result.callID)
            tools(ToolText.result(result, of: command, palette: palette, width: width))
            activity = "thinking"
        case .stepRestarted:
            discardText(of: run, because: "the model's answer broke off and is asked for again")
            activity = "thinking"
        case .reasoningDelta: activity = "thinking"
        case .stepEnded, .toolOutput, .usage, nil: break
        }
    }
}

// MARK: - Messages and runs

extension Transcript {
    /// The end of a message that came in pieces, or all of one whose pieces are gone from the log.
    private mutating func complete(_ message: MessageCompleted, of run: String) {
        if runs[run]?.hasOpenText != true { text(message.text) }
        runs[run]?.hasOpenText = false
        endLine()
        activity = "thinking"
    }

    private mutating func show(_ update: RunUpdate, of event: Event) {
        if event.final { return end(event, update) }
        switch event.type {
        case "run_queued":
            activity = "waiting for a worker"
            if showsTasks {
                begin(.note)
                line(palette.dim("run \(event.runID)"))
                line(palette.bold(fit("› ", update.task)))
            }
        case "run_attempt_started":
            activity = "thinking"
            if event.attempt > 1 { takeOver(event, update) }
        case "run_cancelling":
            activity = "cancelling"
        case _: break
        }
    }

    private mutating func takeOver(_ event: Event, _ update: RunUpdate) {
        let what = "another worker took over (attempt \(event.attempt))"
        if update.discardFromSeq > 0 { runs[event.runID]?.hasOpenText = true }
        discardText(of: event.runID, because: what)
    }

    /// Says why a message begins anew, and what that makes of its beginning if that has been shown.
    private mutating func discardText(of run: String, because reason: String) {
        begin(.note)
        let isVoid = runs[run]?.hasOpenText == true
        line(palette.yellow(isVoid ? "\(reason); the unfinished text above is void" : reason))
        runs[run]?.hasOpenText = false
    }

    private mutating func end(_ event: Event, _ update: RunUpdate) {
        activity = nil
        begin(.summary)
        let verb = event.type.hasPrefix("run_") ? String(event.type.dropFirst(4)) : update.status
        let tally = runs[event.runID]
        var parts = [verb.replacing("_", with: " ")]
        if let tally {
            parts[0] += " in \(Amounts.duration(from: tally.startedAt, to: event.time))"
            if tally.turns > 0 { parts.append(Amounts.count(tally.turns, "turn")) }
        }
        if !update.reason.isEmpty { parts.append(TerminalText.cleanLine(update.reason)) }
        if let usage = update.usage, usage.inputTokens > 0 || usage.outputTokens > 0 {
            parts.append("\(Amounts.number(usage.inputTokens)) tokens in, \(Amounts.number(usage.outputTokens)) out")
        }
        if let failure = update.error { line(text(of: failure)) }
        let summary = parts.joined(separator: " · ")
        line(event.type == "run_completed" ? palette.dim(summary) : palette.red(summary))
    }

    private func text(of failure: Failure) -> String {
        let code = failure.code.isEmpty ? "" : " (\(failure.code))"
        return palette.red("error: " + TerminalText.cleanLine(failure.message + code))
    }
}

// MARK: - Lines

extension Transcript {
    private mutating func begin(_ block: Block) {
        endLine()
        if let last = self.block, last != block { output += "\n" }
        self.block = block
    }

    /// Raw text, in the pieces in which it comes.
    private mutating func text(_ text: String) {
        let text = TerminalText.clean(text)
        guard !text.isEmpty else { return }
        if block != .text { begin(.text) }
        output += text
        isAtLineStart = text.hasSuffix("\n")
    }

    private mutating func tools(_ lines: [String]) {
        guard !lines.isEmpty else { return }
        begin(.tools)
        for text in lines { line(text) }
    }

    private mutating func line(_ text: String) {
        output += text + "\n"
        isAtLineStart = true
    }

    private mutating func endLine() {
        if !isAtLineStart { line("") }
    }

    private func fit(_ mark: String, _ text: String) -> String {
        TerminalText.cut(mark + TerminalText.cleanLine(text), to: width)
    }
}
