public import Messages

/// One message of a conversation with a model, in the shape that all providers' formats can be made from.
///
/// Conversations are kept on their thread as JSON, one text per message (``json``, ``init(json:)``), so a later run, also on
/// another worker, continues them. A conversation is valid for a model when each tool call of an assistant message is answered
/// by a tool result in the user message that follows it.
public struct ChatMessage: Sendable, Hashable {
    public enum Role: String, Sendable {
        case user
        case assistant
    }

    public var role: Role
    public var parts: [Part]

    public enum Part: Sendable, Hashable {
        case text(String)
        /// What a provider wants back word for word (thinking blocks, signatures, encrypted reasoning); other providers leave it out.
        case opaque(provider: String, JSON)
        /// Only in assistant messages.
        case toolCall(ToolCall)
        /// Only in user messages.
        case toolResult(ToolResult)
    }

    public init(role: Role, parts: [Part]) {
        self.role = role
        self.parts = parts
    }

    public static func user(_ text: String) -> ChatMessage { ChatMessage(role: .user, parts: [.text(text)]) }

    /// All text parts, joined.
    public var text: String {
        parts.map { if case .text(let text) = $0 { text } else { "" } }.joined()
    }

    public var toolCalls: [ToolCall] {
        parts.compactMap { if case .toolCall(let call) = $0 { call } else { nil } }
    }

    public var toolResults: [ToolResult] {
        parts.compactMap { if case .toolResult(let result) = $0 { result } else { nil } }
    }
}

/// A model's wish to have a tool run.
public struct ToolCall: Sendable, Hashable {
    /// Unique within a conversation; given by the model's provider, or made up where the provider gives none.
    public var id: String
    public var name: String
    /// An object, in the shape that the tool's schema asks for; not yet checked.
    public var arguments: JSON

    public init(id: String, name: String, arguments: JSON) {
        self.id = id
        self.name = name
        self.arguments = arguments
    }
}

/// What a tool call came to, as the model is told.
public struct ToolResult: Sendable, Hashable {
    public var callID: String
    public var text: String
    public var isError: Bool

    public init(callID: String, text: String, isError: Bool) {
        self.callID = callID
        self.text = text
        self.isError = isError
    }
}

// MARK: - The stored form

extension ChatMessage {
    public var json: JSON {
        ["role": .string(role.rawValue), "parts": .array(parts.map(\.json))]
    }

    /// - Returns: nil where the JSON is not what ``json`` makes.
    public init?(json: JSON) {
        guard let role = json["role"]?.string.flatMap(Role.init), let parts = json["parts"]?.array else { return nil }
        self.init(role: role, parts: parts.compactMap(Part.init))
        guard self.parts.count == parts.count else { return nil }
    }
}

extension ChatMessage.Part {
    var json: JSON {
        switch self {
        case .text(let text): ["text": .string(text)]
        case .opaque(let provider, let value): ["opaque": .string(provider), "value": value]
        case .toolCall(let call): ["call": .string(call.id), "name": .string(call.name), "arguments": call.arguments]
        case .toolResult(let result):
            ["result": .string(result.callID), "text": .string(result.text), "is_error": .bool(result.isError)]
        }
    }

    init?(_ json: JSON) {
        if let id = json["call"]?.string, let name = json["name"]?.string, let arguments = json["arguments"] {
            self = .toolCall(ToolCall(id: id, name: name, arguments: arguments))
        } else if let id = json["result"]?.string, let text = json["text"]?.string {
            self = .toolResult(ToolResult(callID: id, text: text, isError: json["is_error"]?.bool ?? false))
        } else if let provider = json["opaque"]?.string, let value = json["value"] {
            self = .opaque(provider: provider, value)
        } else if let text = json["text"]?.string {
            self = .text(text)
        } else {
            return nil
        }
    }
}
