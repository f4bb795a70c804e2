internal import Dispatch
internal import Messages

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// A model that follows a script: no key, no network, the same answer to the same conversation.
///
/// - `script/demo`: ``DemoScript``, a small job that uses the tools;
/// - `script/words`: for the task `words=N [pause_ms=M]`, the words `word 0` to `word N-1`, one part each;
/// - `script/<name>`: the file `<name>.json` of the script folder; ``Script`` describes it.
///
/// It keeps nothing: which turn is next is the number of assistant messages since the task, so a run that is taken up
/// by another worker goes on where it was. Usage is made up from lengths, four characters to a token. Reads its file
/// with each call, so edits count at once.
public struct ScriptProvider: ModelProvider {
    /// Most words of `script/words`.
    static let wordLimit = 1_000_000
    private static let fileLimit = 4 << 20

    private let folder: String?
    private let policy: RetryPolicy
    private let limits: StreamLimits

    /// - Parameter folder: where script files are; nil for none.
    public init(folder: String? = nil, policy: RetryPolicy = RetryPolicy(), limits: StreamLimits = StreamLimits()) {
        self.folder = folder
        self.policy = policy
        self.limits = limits
    }

    public func stream(
        _ request: ModelRequest,
        onDelta: @escaping @Sendable (ModelDelta) async throws -> Void
    ) async throws -> ModelResponse {
        let progress = ScriptProgress(request.messages)
        if request.model == "words" { return try await words(request, progress, onDelta) }
        let script =
            request.model == "demo"
            ? DemoScript.script(run: progress.taskNumber) : try await load(request.model, for: progress.task)
        // A conversation may go on after its script: then there is nothing more to do.
        let turn =
            script.turns.indices.contains(progress.turn)
            ? script.turns[progress.turn] : Script.Turn(text: "The script has no more turns.")
        return try await policy.run(onDelta: onDelta) { attempt, sink in
            if let fault = turn.fault, attempt <= fault.times { try await fail(fault.kind, turn, &sink) }
            return try await play(turn, request, &sink)
        }
    }

    // MARK: Turns

    private func play(_ turn: Script.Turn, _ request: ModelRequest, _ sink: inout DeltaSink) async throws
        -> ModelResponse
    {
        try await say(turn.text.words, pause: turn.pause, &sink)
        var parts: [ChatMessage.Part] = turn.text.isEmpty ? [] : [.text(turn.text)]
        for (index, call) in turn.calls.enumerated() {
            // Conversations only grow, so this is unique within one.
            let id = "call_\(request.messages.count)_\(index)"
            try await sink.emit(.toolCallStarted(id: id, name: call.name))
            parts.append(.toolCall(ToolCall(id: id, name: call.name, arguments: call.arguments)))
        }
        return response(to: request, parts, stop: turn.stop ?? (turn.calls.isEmpty ? .endTurn : .toolUse))
    }

    private func say(_ words: [String], pause: Duration, _ sink: inout DeltaSink) async throws {
        for word in words {
            if pause > .zero { try await Task.sleep(for: pause) }
            try await sink.emit(.text(word))
        }
    }

    private func fail(_ kind: Script.Fault.Kind, _ turn: Script.Turn, _ sink: inout DeltaSink) async throws -> Never {
        switch kind {
        case .badRequest: throw ModelError(.invalidRequest, "scripted status 400", providerStatus: 400)
        case .unauthorized: throw ModelError(.authentication, "scripted status 401", providerStatus: 401)
        case .tooManyRequests:
            throw ModelError(.rateLimited, "scripted status 429", isRetryable: true, providerStatus: 429)
        case .serverError: throw ModelError(.unavailable, "scripted status 500", isRetryable: true, providerStatus: 500)
        case .overloaded: throw ModelError(.overloaded, "scripted status 529", isRetryable: true, providerStatus: 529)
        case .connect: throw ModelError(.unavailable, "scripted refusal to connect", isRetryable: true)
        case .cut:
            let words = turn.text.words
            try await say(Array(words.prefix((words.count + 1) / 2)), pause: turn.pause, &sink)
            throw ModelError.malformed("scripted end in the middle of the answer")
        case .hang:
            try await Task.sleep(for: limits.firstToken)
            throw ModelError(.timeout, "scripted silence", isRetryable: true)
        }
    }

    private func response(to request: ModelRequest, _ parts: [ChatMessage.Part], stop: StopReason) -> ModelResponse {
        let message = ChatMessage(role: .assistant, parts: parts)
        let input = request.system.utf8.count + request.messages.reduce(0) { $0 + $1.size }
        let usage = Usage(inputTokens: input / 4, outputTokens: message.size / 4)
        return ModelResponse(message: message, stop: stop, usage: usage, model: request.model)
    }

    // MARK: Words

    private func words(
        _ request: ModelRequest,
        _ progress: ScriptProgress,
        _ onDelta: @escaping @Sendable (ModelDelta) async throws -> Void
    ) async throws -> ModelResponse {
        let (count, pause) = try Self.parseWords(progress.task)
        var text = ""
        for index in 0..<count {
            if pause > .zero { try await Task.sleep(for: pause) }
            if index % 1024 == 0 { try Task.checkCancellation() }
            let word = "word \(index) "
            text += word
            try await onDelta(.text(word))
        }
        return response(to: request, [.text(text)], stop: .endTurn)
    }

    static func parseWords(_ task: String) throws(ModelError) -> (count: Int, pause: Duration) {
        var values: [Substring: Int] = [:]
        var isRight = true
        for word in task.split(whereSeparator: \.isWhitespace) {
            let parts = word.split(separator: "=", omittingEmptySubsequences: false)
            let value = parts.count == 2 && ["words", "pause_ms"].contains(parts[0]) ? Int(parts[1]) : nil
            isRight = isRight && value != nil && values[parts[0]] == nil
            values[parts[0]] = value
        }
        let pause = values["pause_ms"] ?? 0
        guard isRight, let count = values["words"], (1...wordLimit).contains(count), (0...60000).contains(pause) else {
            throw ModelError(
                .invalidRequest,
                "script/words takes the task \"words=N [pause_ms=M]\", N from 1 to \(wordLimit), M from 0 to 60000"
            )
        }
        return (count, .milliseconds(pause))
    }

    // MARK: Files

    private func load(_ name: String, for task: String) async throws(ModelError) -> Script {
        guard let folder else {
            throw ModelError(
                .unknownModel,
                "no script folder is configured; there are only demo and words"
            )
        }
        guard !name.isEmpty, name.utf8.allSatisfy({ $0 != UInt8(ascii: "/") && $0 > 0x20 }), !name.hasPrefix(".") else {
            throw ModelError(.unknownModel, "\"\(name)\" is not the name of a script")
        }
        let path = "\(folder.trimmingSlashes)/\(name).json"
        let result = await withCheckedContinuation { continuation in
            // A disk can be slow, and the cooperative threads are few.
            DispatchQueue.global().async {
                continuation.resume(returning: Result { () throws(ModelError) in try Self.read(path) })
            }
        }
        let scripts = try result.get()
        guard let script = scripts.first(where: { $0.match.map(task.contains) ?? true }) else {
            throw ModelError(.invalidRequest, "no script in \(path) matches the task")
        }
        return script
    }

    private static func read(_ path: String) throws(ModelError) -> [Script] {
        do {
            let data = try Data(contentsOf: URL(filePath: path))
            guard data.count <= fileLimit else {
                throw ScriptError(at: "the file", "is larger than \(fileLimit) bytes")
            }
            return try Script.parse(try JSON(parsing: data))
        } catch let error as JSONError {
            throw ModelError(.invalidRequest, "\(path) is not JSON: \(error)")
        } catch let error as ScriptError {
            throw ModelError(.invalidRequest, "\(path): \(error)")
        } catch {
            throw ModelError(.unknownModel, "the script file \(path) cannot be read")
        }
    }
}

/// How far a conversation is in its script.
struct ScriptProgress: Sendable, Hashable {
    /// The text of the last user message that is not only tool results.
    let task: String
    /// How many such messages there are, so 1 for the first.
    let taskNumber: Int
    /// Assistant messages since the task.
    let turn: Int

    init(_ messages: [ChatMessage]) {
        let isTask = { (message: ChatMessage) in
            message.role == .user && message.parts.contains { if case .toolResult = $0 { false } else { true } }
        }
        let last = messages.lastIndex(where: isTask)
        task = last.map { messages[$0].text } ?? ""
        taskNumber = max(1, messages.count(where: isTask))
        turn = messages[(last ?? 0)...].count { $0.role == .assistant }
    }
}

extension String {
    /// Each with the blanks behind it, so that joined they are the whole text.
    fileprivate var words: [String] {
        var words: [String] = []
        var word = ""
        for character in self {
            if let last = word.last, last.isWhitespace, !character.isWhitespace {
                words.append(word)
                word = ""
            }
            word.append(character)
        }
        return word.isEmpty ? words : words + [word]
    }
}

extension ChatMessage {
    /// In bytes, roughly: what a model would have to read.
    fileprivate var size: Int {
        parts.reduce(0) { sum, part in
            switch part {
            case .text(let text): sum + text.utf8.count
            case .opaque: sum
            case .toolCall(let call): sum + call.name.utf8.count + call.arguments.bytes.count
            case .toolResult(let result): sum + result.text.utf8.count
            }
        }
    }
}
