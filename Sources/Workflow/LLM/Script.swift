internal import Messages
internal import OrderedCollections

/// What a scripted model says, turn by turn.
///
/// A script file is a JSON object with `turns`, or with `scripts`: a list of objects with `turns`, of which the first
/// is taken whose `match` occurs in the task; one without `match` always fits.
/// ```json
/// {"turns": [
///   {"text": "I look first.", "tool_calls": [{"name": "ls", "arguments": {"path": "."}}], "pause_ms": 20},
///   {"text": "Done.", "fault": {"kind": "cut", "times": 1}}
/// ]}
/// ```
/// A turn has, each of them optional:
/// - `text`: streamed word by word, with `pause_ms` (0 to 60,000) before each word;
/// - `tool_calls`: a list of `name` and `arguments`;
/// - `stop`: `end_turn`, `tool_use`, `max_tokens`, `stop_sequence`, `refusal`, `context_window` or `pause_turn`; where
///   it is missing, the one that fits the calls;
/// - `fault`: what happens to the first `times` (1) attempts: `kind` is `400`, `401`, `429`, `500`, `529`, `connect`,
///   `cut` (half of the text comes before the connection breaks) or `hang` (nothing comes until the limit for the first
///   token).
struct Script: Sendable, Hashable {
    struct Turn: Sendable, Hashable {
        var text = ""
        var calls: [Call] = []
        var pause = Duration.zero
        var stop: StopReason?
        var fault: Fault?
    }

    struct Call: Sendable, Hashable {
        var name: String
        var arguments: JSON
    }

    struct Fault: Sendable, Hashable {
        enum Kind: String, Sendable, CaseIterable {
            case badRequest = "400"
            case unauthorized = "401"
            case tooManyRequests = "429"
            case serverError = "500"
            case overloaded = "529"
            case connect
            case cut
            case hang
        }

        var kind: Kind
        var times: Int
    }

    /// A substring of the tasks that it is for; nil fits all.
    var match: String?
    var turns: [Turn]
}

extension Script {
    /// Reads a file's scripts.
    ///
    /// - Throws: ``ScriptError`` with the place in the document.
    static func parse(_ json: JSON) throws(ScriptError) -> [Script] {
        guard let scripts = json["scripts"] else { return [try Script(json, at: "")] }
        guard let list = scripts.array, !list.isEmpty else {
            throw ScriptError(at: "scripts", "must be a list that is not empty")
        }
        var result: [Script] = []
        for (index, script) in list.enumerated() { result.append(try Script(script, at: "scripts[\(index)].")) }
        return result
    }

    private init(_ json: JSON, at place: String) throws(ScriptError) {
        match = try json.optional("match", at: place, "a string", \.string)
        guard let list = json["turns"]?.array, !list.isEmpty else {
            throw ScriptError(at: "\(place)turns", "must be a list that is not empty")
        }
        turns = []
        for (index, turn) in list.enumerated() { turns.append(try Turn(turn, at: "\(place)turns[\(index)].")) }
    }
}

extension Script.Turn {
    fileprivate init(_ json: JSON, at place: String) throws(ScriptError) {
        guard let members = json.object else { throw ScriptError(at: String(place.dropLast()), "must be an object") }
        let known = ["text", "tool_calls", "pause_ms", "stop", "fault"]
        if let name = members.keys.first(where: { !known.contains($0) }) {
            throw ScriptError(at: place + name, "is not a member of a turn; there are \(known.joined(separator: ", "))")
        }
        text = try json.optional("text", at: place, "a string", \.string) ?? ""
        let pauseForm = "a whole number from 0 to 60000"
        let milliseconds = try json.optional("pause_ms", at: place, pauseForm) {
            $0.int.flatMap { (0...60000).contains($0) ? $0 : nil }
        }
        pause = .milliseconds(milliseconds ?? 0)
        stop = try json.optional("stop", at: place, "one of \(Self.stops.map(\.name))") { value in
            Self.stops.first { $0.name == value.string }?.reason
        }
        fault = try json["fault"].map { value throws(ScriptError) in try Script.Fault(value, at: "\(place)fault.") }
        let list = try json.optional("tool_calls", at: place, "a list", \.array) ?? []
        for (index, call) in list.enumerated() {
            guard let name = call["name"]?.string, !name.isEmpty else {
                throw ScriptError(at: "\(place)tool_calls[\(index)].name", "must be a string that is not empty")
            }
            calls.append(Script.Call(name: name, arguments: call["arguments"] ?? [:]))
        }
    }

    private static let stops: [(name: String, reason: StopReason)] = [
        ("end_turn", .endTurn), ("tool_use", .toolUse), ("max_tokens", .maxTokens), ("stop_sequence", .stopSequence),
        ("refusal", .refusal), ("context_window", .contextWindow), ("pause_turn", .pauseTurn),
    ]
}

extension Script.Fault {
    fileprivate init(_ json: JSON, at place: String) throws(ScriptError) {
        guard let kind = json["kind"]?.string.flatMap(Kind.init) else {
            throw ScriptError(
                at: "\(place)kind",
                "must be one of \(Kind.allCases.map(\.rawValue).joined(separator: ", "))"
            )
        }
        self.kind = kind
        times =
            try json.optional("times", at: place, "a whole number from 1 to 1000") {
                $0.int.flatMap { (1...1000).contains($0) ? $0 : nil }
            } ?? 1
    }
}

/// Where a script file is wrong, and how it should be.
struct ScriptError: Error, Hashable, CustomStringConvertible {
    let description: String
    init(at place: String, _ reason: String) { description = "\(place) \(reason)" }
}

extension JSON {
    fileprivate func optional<Value>(
        _ key: String,
        at place: String,
        _ form: String,
        _ read: (JSON) -> Value?
    ) throws(ScriptError) -> Value? {
        guard let member = self[key] else { return nil }
        guard let value = read(member) else { throw ScriptError(at: place + key, "must be \(form)") }
        return value
    }
}
