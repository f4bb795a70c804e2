internal import OrderedCollections

/// Why a text is not JSON, and where: line and column count from 1, columns in bytes.
public struct JSONError: Error, Sendable, Equatable, CustomStringConvertible {
    public let reason: String
    public let line: Int
    public let column: Int

    public var description: String { "\(reason) at line \(line), column \(column)" }
}

extension JSON {
    /// Arrays and objects may be nested this deep.
    public static let depthLimit = 100

    /// Parses one JSON text (RFC 8259), strictly: UTF-8 without byte order mark, no duplicate member names, no lone surrogates, no
    /// number that a double cannot hold, nothing after the value.
    ///
    /// - Throws: ``JSONError`` with the reason and the place.
    public init(parsing text: some Sequence<UInt8>) throws(JSONError) {
        let bytes = ContiguousArray(text)
        let result = bytes.withUnsafeBufferPointer { buffer -> Result<JSON, JSONError> in
            var parser = JSONParser(bytes: buffer)
            return Result { () throws(JSONError) -> JSON in try parser.document() }
        }
        self = try result.get()
    }

    public init(parsing text: String) throws(JSONError) {
        try self.init(parsing: text.utf8)
    }
}

/// A recursive-descent parser over bytes that outlive it; depth is bounded, so its stack is as well.
private struct JSONParser {
    let bytes: UnsafeBufferPointer<UInt8>
    var position = 0
    var depth = 0

    init(bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

    mutating func document() throws(JSONError) -> JSON {
        let result = try value()
        skipSpace()
        guard position == bytes.count else { throw failure("unexpected text after the value") }
        return result
    }

    func failure(_ reason: String, at offset: Int? = nil) -> JSONError {
        let before = bytes[..<min(offset ?? position, bytes.count)]
        let line = before.count { $0 == UInt8(ascii: "\n") } + 1
        let lineStart = before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
        return JSONError(reason: reason, line: line, column: before.endIndex - lineStart + 1)
    }

    var next: UInt8? { position < bytes.count ? bytes[position] : nil }

    mutating func skipSpace() {
        while let byte = next, byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 { position += 1 }
    }

    mutating func value() throws(JSONError) -> JSON {
        skipSpace()
        guard let byte = next else { throw failure("unexpected end of the text") }
        switch byte {
        case UInt8(ascii: "{"): return try nested { (parser) throws(JSONError) in try parser.objectMembers() }
        case UInt8(ascii: "["): return try nested { (parser) throws(JSONError) in try parser.arrayElements() }
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try literal("true", .bool(true))
        case UInt8(ascii: "f"): return try literal("false", .bool(false))
        case UInt8(ascii: "n"): return try literal("null", .null)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
        default: throw failure("unexpected character")
        }
    }

    mutating func nested(_ body: (inout Self) throws(JSONError) -> JSON) throws(JSONError) -> JSON {
        depth += 1
        guard depth <= JSON.depthLimit else { throw failure("nested deeper than \(JSON.depthLimit) levels") }
        defer { depth -= 1 }
        position += 1
        return try body(&self)
    }

    mutating func objectMembers() throws(JSONError) -> JSON {
        var members = OrderedDictionary<String, JSON>()
        skipSpace()
        if consume(UInt8(ascii: "}")) { return .object(members) }
        while true {
            skipSpace()
            let start = position
            guard next == UInt8(ascii: "\"") else { throw failure("expected a member name in quotes") }
            let name = try string()
            skipSpace()
            guard consume(UInt8(ascii: ":")) else { throw failure("expected ':' after a member name") }
            guard members.updateValue(try value(), forKey: name) == nil else {
                throw failure("duplicate member \"\(name)\"", at: start)
            }
            skipSpace()
            if consume(UInt8(ascii: "}")) { return .object(members) }
            guard consume(UInt8(ascii: ",")) else { throw failure("expected ',' or '}' in an object") }
        }
    }

    mutating func arrayElements() throws(JSONError) -> JSON {
        var elements: [JSON] = []
        skipSpace()
        if consume(UInt8(ascii: "]")) { return .array(elements) }
        while true {
            elements.append(try value())
            skipSpace()
            if consume(UInt8(ascii: "]")) { return .array(elements) }
            guard consume(UInt8(ascii: ",")) else { throw failure("expected ',' or ']' in an array") }
        }
    }

    mutating func consume(_ byte: UInt8) -> Bool {
        guard next == byte else { return false }
        position += 1
        return true
    }

    mutating func literal(_ word: StaticString, _ value: JSON) throws(JSONError) -> JSON {
        for index in 0..<word.utf8CodeUnitCount {
            guard next == word.utf8Start[index] else { throw failure("unexpected character") }
            position += 1
        }
        return value
    }

    mutating func number() throws(JSONError) -> JSON {
        let start = position
        _ = consume(UInt8(ascii: "-"))
        if consume(UInt8(ascii: "0")) {
            if let byte = next, isDigit(byte) { throw failure("a number must not begin with 0", at: start) }
        } else {
            try digits()
        }
        var isInteger = true
        if consume(UInt8(ascii: ".")) {
            isInteger = false
            try digits()
        }
        if consume(UInt8(ascii: "e")) || consume(UInt8(ascii: "E")) {
            isInteger = false
            if !consume(UInt8(ascii: "+")) { _ = consume(UInt8(ascii: "-")) }
            try digits()
        }
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        if isInteger, let value = Int64(text) { return .int(value) }
        guard let value = Double(text), value.isFinite else { throw failure("number out of range", at: start) }
        return .double(value)
    }

    func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }

    mutating func digits() throws(JSONError) {
        guard let byte = next, isDigit(byte) else { throw failure("expected a digit") }
        while let byte = next, isDigit(byte) { position += 1 }
    }

    /// A string without escapes is decoded in one piece.
    mutating func string() throws(JSONError) -> String {
        position += 1
        let start = position
        while let byte = next, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\"), byte >= 0x20 { position += 1 }
        guard next == UInt8(ascii: "\"") else { return try escapedString(from: start) }
        defer { position += 1 }
        return try decode(bytes[start..<position], at: start)
    }

    mutating func escapedString(from start: Int) throws(JSONError) -> String {
        var text = Array(bytes[start..<position])
        while let byte = next {
            switch byte {
            case UInt8(ascii: "\""):
                position += 1
                return try decode(text, at: start)
            case UInt8(ascii: "\\"):
                position += 1
                try escape(into: &text)
            case ..<0x20: throw failure("control character in a string")
            default:
                text.append(byte)
                position += 1
            }
        }
        throw failure("string without an end", at: start)
    }

    func decode(_ text: some Collection<UInt8>, at start: Int) throws(JSONError) -> String {
        guard let string = String(validating: text, as: UTF8.self) else {
            throw failure("invalid UTF-8 in a string", at: start)
        }
        return string
    }

    mutating func escape(into text: inout [UInt8]) throws(JSONError) {
        guard let byte = next else { throw failure("string without an end") }
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0c)
        case UInt8(ascii: "n"): text.append(0x0a)
        case UInt8(ascii: "r"): text.append(0x0d)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "u"): text.append(contentsOf: String(try unicodeEscape()).utf8)
        default: throw failure("unknown escape", at: position - 2)
        }
    }

    /// RFC 8259 section 7: characters beyond the basic plane are two escapes, a high and a low surrogate.
    mutating func unicodeEscape() throws(JSONError) -> Character {
        let start = position - 2
        var code = UInt32(try hexDigits())
        if (0xd800...0xdbff).contains(code) {
            guard consume(UInt8(ascii: "\\")), consume(UInt8(ascii: "u")) else {
                throw failure("lone surrogate", at: start)
            }
            let low = UInt32(try hexDigits())
            guard (0xdc00...0xdfff).contains(low) else { throw failure("lone surrogate", at: start) }
            code = 0x10000 + (code - 0xd800) << 10 + (low - 0xdc00)
        }
        guard let scalar = Unicode.Scalar(code) else { throw failure("lone surrogate", at: start) }
        return Character(scalar)
    }

    mutating func hexDigits() throws(JSONError) -> UInt16 {
        guard position + 4 <= bytes.count else { throw failure("expected four hexadecimal digits") }
        var value: UInt16 = 0
        for _ in 0..<4 {
            let byte = bytes[position]
            guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue, byte < 0x80 else {
                throw failure("expected four hexadecimal digits")
            }
            value = value << 4 | UInt16(digit)
            position += 1
        }
        return value
    }
}
