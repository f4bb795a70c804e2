import Client
import Messages

/// Shows events on standard output, as a transcript or as JSON, with a spinner while there is nothing to show.
///
/// The one writer of standard output while a run is followed; the spinner stands in a line of its own and only there.
actor Screen {
    private let terminal: Terminal
    private let printsJSON: Bool
    private var transcript: Transcript
    /// The cursor of the last stored event that was shown.
    private(set) var lastID: String?
    private var frame = 0
    private var showsSpinner = false

    private static let frames = Array("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏")
    private static let eraseLine = "\r\u{1B}[2K"

    init(_ terminal: Terminal = .output, printsJSON: Bool, showsTasks: Bool = false) {
        self.terminal = terminal
        self.printsJSON = printsJSON
        transcript = Transcript(palette: terminal.palette, width: terminal.width, showsTasks: showsTasks)
    }

    func show(_ event: Event) throws(Terminal.Closed) {
        if !event.id.isEmpty { lastID = event.id }
        if printsJSON { return try terminal.write(String(decoding: event.json(), as: UTF8.self) + "\n") }
        transcript.width = terminal.width
        try write(transcript.append(event))
    }

    /// A line for people between the events; not among JSON.
    func note(_ text: String) throws(Terminal.Closed) {
        if !printsJSON { try write(transcript.append(note: terminal.palette.dim(text))) }
    }

    /// Does `body` with a spinner turning wherever there is nothing else to see; on a terminal only.
    nonisolated func animating<Result>(_ body: () async throws -> Result) async throws -> Result {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.animate() }
            let result = try await body()
            group.cancelAll()
            try await group.waitForAll()
            return result
        }
    }

    /// Moves the spinner until the task is cancelled, takes it away and leaves the cursor at the start of a line.
    private func animate() async throws(Terminal.Closed) {
        guard terminal.takesEscapes, !printsJSON else { return }
        while !Task.isCancelled {
            try drawSpinner()
            // Cancellation wakes it, which the loop's condition sees.
            try? await Task.sleep(for: .milliseconds(80))
        }
        try write(transcript.finishLine())
    }

    private func drawSpinner() throws(Terminal.Closed) {
        guard let activity = transcript.activity, transcript.isAtLineStart else { return }
        frame = (frame + 1) % Self.frames.count
        let text = TerminalText.cut("\(Self.frames[frame]) \(activity)", to: terminal.width - 1)
        try terminal.write(Self.eraseLine + terminal.palette.dim(text))
        showsSpinner = true
    }

    private func write(_ text: String) throws(Terminal.Closed) {
        let erasure = showsSpinner ? Self.eraseLine : ""
        showsSpinner = false
        if !text.isEmpty || !erasure.isEmpty { try terminal.write(erasure + text) }
    }
}
