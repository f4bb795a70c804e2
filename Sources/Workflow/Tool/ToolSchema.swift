public import Messages
internal import OrderedCollections

/// The parameters of a tool, declared once: the JSON Schema that models are given and the check of what they send both
/// come from it.
///
/// A value without I/O. Objects are closed (`additionalProperties: false`). An optional parameter that is `null` counts
/// as absent, since some models write out every parameter.
public struct ToolSchema: Sendable {
    public let properties: [Property]

    public init(_ properties: [Property] = []) { self.properties = properties }

    /// One parameter of a tool, or one member of an object within a parameter.
    public struct Property: Sendable {
        public let name: String
        public let value: Value
        /// For the model.
        public let summary: String
        public let isRequired: Bool
        /// What stands in for an absent optional parameter; part of the schema, so that the model knows it.
        public let defaultValue: JSON?

        public static func required(_ name: String, _ value: Value, _ summary: String) -> Property {
            Property(name: name, value: value, summary: summary, isRequired: true, defaultValue: nil)
        }

        public static func optional(
            _ name: String,
            _ value: Value,
            _ summary: String,
            default defaultValue: JSON? = nil
        ) -> Property {
            Property(name: name, value: value, summary: summary, isRequired: false, defaultValue: defaultValue)
        }
    }

    /// What a parameter may be.
    public indirect enum Value: Sendable {
        case string
        case boolean
        case integer(ClosedRange<Int>)
        case choice([String])
        case array(of: Value, count: ClosedRange<Int>)
        case object(ToolSchema)
    }
}

// MARK: - The JSON Schema

extension ToolSchema {
    /// This declaration as a JSON Schema (draft 2020-12, and within the subset that models' providers accept).
    public var json: JSON {
        var members = OrderedDictionary<String, JSON>()
        for property in properties { members[property.name] = property.json }
        return [
            "type": "object",
            "properties": .object(members),
            "required": .array(properties.filter(\.isRequired).map { .string($0.name) }),
            "additionalProperties": false,
        ]
    }
}

extension ToolSchema.Property {
    fileprivate var json: JSON {
        var schema = value.json
        schema["description"] = .string(summary)
        if let defaultValue { schema["default"] = defaultValue }
        return schema
    }
}

extension ToolSchema.Value {
    fileprivate var json: JSON {
        switch self {
        case .string: ["type": "string"]
        case .boolean: ["type": "boolean"]
        case .integer(let range):
            ["type": "integer", "minimum": JSON(range.lowerBound), "maximum": JSON(range.upperBound)]
        case .choice(let names): ["type": "string", "enum": .array(names.map { .string($0) })]
        case .array(let element, let count):
            [
                "type": "array", "items": element.json, "minItems": JSON(count.lowerBound),
                "maxItems": JSON(count.upperBound),
            ]
        case .object(let schema): schema.json
        }
    }
}

// MARK: - The check

extension ToolSchema {
    /// Holds what a model sent against this declaration and fills in the defaults.
    ///
    /// - Throws: ``ToolError`` that names the field: `todos[2].status: allowed are pending, in_progress, completed`.
    public func check(_ arguments: JSON) throws(ToolError) -> ToolArguments {
        ToolArguments(path: "", members: try checkedMembers(of: arguments, at: ""))
    }

    fileprivate func checkedMembers(
        of json: JSON,
        at path: String
    ) throws(ToolError) -> OrderedDictionary<String, JSON> {
        guard case .object(let members) = json else {
            throw ToolError("\(path.isEmpty ? "arguments" : path): expected an object, got \(json.described)")
        }
        for name in members.keys where !properties.contains(where: { $0.name == name }) {
            let known = properties.isEmpty ? "none" : properties.map(\.name).joined(separator: ", ")
            throw ToolError("\(path.member(name)): unknown; known are \(known)")
        }
        var checked = OrderedDictionary<String, JSON>()
        for property in properties {
            checked[property.name] = try property.checked(members[property.name], at: path.member(property.name))
        }
        return checked
    }
}

extension ToolSchema.Property {
    fileprivate func checked(_ json: JSON?, at path: String) throws(ToolError) -> JSON? {
        guard let json, !json.isNull else {
            if isRequired { throw ToolError("\(path): required, expected \(value.kind)") }
            return defaultValue
        }
        return try value.checked(json, at: path)
    }
}

extension ToolSchema.Value {
    /// What this is, in an error message.
    fileprivate var kind: String {
        switch self {
        case .string: "a string"
        case .boolean: "a boolean"
        case .integer: "an integer"
        case .choice(let names): "one of \(names.joined(separator: ", "))"
        case .array: "an array"
        case .object: "an object"
        }
    }

    fileprivate func checked(_ json: JSON, at path: String) throws(ToolError) -> JSON {
        switch self {
        case .string:
            guard json.string != nil else { throw mismatch(json, at: path) }
        case .boolean:
            guard json.bool != nil else { throw mismatch(json, at: path) }
        case .integer(let range):
            guard let number = json.int else { throw mismatch(json, at: path) }
            guard range.contains(number) else {
                throw ToolError("\(path): allowed are \(range.lowerBound) to \(range.upperBound), got \(number)")
            }
        case .choice(let names):
            guard let name = json.string else { throw mismatch(json, at: path) }
            guard names.contains(name) else {
                throw ToolError("\(path): allowed are \(names.joined(separator: ", "))")
            }
        case .array(let element, let count):
            return .array(try checkedElements(of: json, each: element, count: count, at: path))
        case .object(let schema):
            return .object(try schema.checkedMembers(of: json, at: path))
        }
        return json
    }

    private func checkedElements(
        of json: JSON,
        each element: ToolSchema.Value,
        count: ClosedRange<Int>,
        at path: String
    ) throws(ToolError) -> [JSON] {
        guard let elements = json.array else { throw mismatch(json, at: path) }
        guard count.contains(elements.count) else {
            throw ToolError(
                "\(path): \(count.lowerBound) to \(count.upperBound) items are allowed, got \(elements.count)"
            )
        }
        var checked: [JSON] = []
        for (index, json) in elements.enumerated() {
            checked.append(try element.checked(json, at: "\(path)[\(index)]"))
        }
        return checked
    }

    private func mismatch(_ json: JSON, at path: String) -> ToolError {
        ToolError("\(path): expected \(kind), got \(json.described)")
    }
}

extension JSON {
    fileprivate var described: String {
        switch self {
        case .null: "null"
        case .array, .object, .int: "an \(kind)"
        case .bool, .double, .string: "a \(kind)"
        }
    }
}

extension String {
    /// The path of a member of the object at this path.
    fileprivate func member(_ name: String) -> String { isEmpty ? name : "\(self).\(name)" }
}
