public import Messages
internal import OrderedCollections

/// Arguments that were held against a ``ToolSchema``, with their defaults filled in.
///
/// The throwing accessors are for what the schema requires or gives a default; they throw only where a tool asks for
/// what its schema does not promise.
public struct ToolArguments: Sendable {
    /// Where these are within the call's arguments, for error messages; empty for the arguments themselves.
    public let path: String
    let members: OrderedDictionary<String, JSON>

    /// The value of a parameter that may be absent.
    public subscript(name: String) -> JSON? { members[name] }

    public func string(_ name: String) throws(ToolError) -> String { try value(name, \.string) }
    public func int(_ name: String) throws(ToolError) -> Int { try value(name, \.int) }
    public func bool(_ name: String) throws(ToolError) -> Bool { try value(name, \.bool) }

    public func strings(_ name: String) throws(ToolError) -> [String] {
        try value(name, \.array).compactMap(\.string)
    }

    /// The elements of an array of objects, each with its own path (`edits[2]`).
    public func objects(_ name: String) throws(ToolError) -> [ToolArguments] {
        try value(name, \.array).enumerated().compactMap { index, json in
            json.object.map { ToolArguments(path: "\(field(name))[\(index)]", members: $0) }
        }
    }

    /// The full path of a member, for error messages.
    public func field(_ name: String) -> String { path.isEmpty ? name : "\(path).\(name)" }

    private func value<Value>(_ name: String, _ convert: (JSON) -> Value?) throws(ToolError) -> Value {
        guard let value = members[name].flatMap(convert) else { throw ToolError("\(field(name)): missing") }
        return value
    }
}
