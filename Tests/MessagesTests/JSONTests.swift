import Messages
import Testing

struct JSONTests {
    @Test(arguments: [
        #"{"a":[1,-2.5,true,null,"x"],"b":{}}"#, "[]", #""""#, "0", "-0.5", "[[[]]]", #"{"z":1,"a":2}"#,
        "9223372036854775807",
    ])
    func `what is written is what was read`(text: String) throws {
        #expect(try JSON(parsing: text).text == text)
    }

    @Test func `escapes and surrogate pairs become characters`() throws {
        #expect(try JSON(parsing: #""\u00e9\ud83d\ude00\n\/\"""#) == "é😀\n/\"")
        #expect(JSON.string("é\u{1}\n\"\\").text == "\"é\\u0001\\n\\\"\\\\\"")
    }

    @Test func `integers keep all 64 bits and larger ones become doubles`() throws {
        #expect(try JSON(parsing: "-9223372036854775808") == .int(.min))
        #expect(try JSON(parsing: "9223372036854775808") == .double(9_223_372_036_854_775_808))
        #expect(try JSON(parsing: "3.0").int == 3)
    }

    @Test(arguments: [
        ("", "unexpected end of the text", 1, 1), ("{\"a\":1,}", "expected a member name in quotes", 1, 8),
        ("{\n \"a\" 1}", "expected ':' after a member name", 2, 6), ("[1 2]", "expected ',' or ']' in an array", 1, 4),
        ("{\"a\":1,\"a\":2}", "duplicate member \"a\"", 1, 8), ("01", "a number must not begin with 0", 1, 1),
        ("1e400", "number out of range", 1, 1), ("NaN", "unexpected character", 1, 1),
        ("\"\\ud800\"", "lone surrogate", 1, 2),
        ("\"\\x\"", "unknown escape", 1, 2),
        ("{} x", "unexpected text after the value", 1, 4), ("\"abc", "string without an end", 1, 2),
        ("1.", "expected a digit", 1, 3),
        ("\"\\u12g4\"", "expected four hexadecimal digits", 1, 6),
        ("\"\\n\n\"", "control character in a string", 1, 4),
    ])
    func `bad JSON is refused with the place`(text: String, reason: String, line: Int, column: Int) {
        let error = #expect(throws: JSONError.self) { try JSON(parsing: text) }
        #expect(error?.line == line && error?.column == column, "\(String(describing: error))")
        #expect(error?.reason == reason)
    }

    @Test func `bad UTF-8 is refused`() {
        let error = #expect(throws: JSONError.self) { try JSON(parsing: [0x22, 0xff, 0x22] as [UInt8]) }
        #expect(error?.reason == "invalid UTF-8 in a string")
    }

    @Test func `nesting is bounded`() throws {
        let depth = JSON.depthLimit
        #expect(throws: Never.self) {
            try JSON(parsing: String(repeating: "[", count: depth) + String(repeating: "]", count: depth))
        }
        let error = #expect(throws: JSONError.self) { try JSON(parsing: String(repeating: "[", count: 100_000)) }
        #expect(error?.reason == "nested deeper than 100 levels")
    }
}
