import Testing

import enum Messages.JSON

@testable import Workflow

struct ToolSchemaTests {
    private let schema = ToolSchema([
        .required("name", .string, "The name."),
        .optional("count", .integer(1...10), "How many.", default: 3),
        .optional("mode", .choice(["fast", "slow"]), "How."),
        .optional("deep", .boolean, "Whether."),
        .optional(
            "items",
            .array(of: .object(ToolSchema([.required("status", .choice(["open", "done"]), "S.")])), count: 1...3),
            "The items."
        ),
    ])

    @Test func isAClosedJSONSchema() throws {
        let json = schema.json
        #expect(json["type"] == "object")
        #expect(json["additionalProperties"] == false)
        #expect(json["required"] == ["name"])
        #expect(
            json["properties"]?["count"]?.text
                == #"{"type":"integer","minimum":1,"maximum":10,"description":"How many.","default":3}"#
        )
        #expect(json["properties"]?["items"]?["items"]?["additionalProperties"] == false)
        #expect(json["properties"]?["mode"]?["enum"] == ["fast", "slow"])
    }

    @Test func fillsInDefaultsAndTakesNullAsAbsent() throws {
        let arguments = try schema.check(["name": "x", "mode": .null])
        #expect(try arguments.string("name") == "x")
        #expect(try arguments.int("count") == 3)
        #expect(arguments["mode"] == nil)
        #expect(throws: ToolError("mode: missing")) { try arguments.string("mode") }
    }

    @Test(arguments: [
        (#"{}"#, "name: required, expected a string"),
        (#"[]"#, "arguments: expected an object, got an array"),
        (#"{"name": 1}"#, "name: expected a string, got an integer"),
        (#"{"name": "x", "nmae": 1}"#, "nmae: unknown; known are name, count, mode, deep, items"),
        (#"{"name": "x", "count": 11}"#, "count: allowed are 1 to 10, got 11"),
        (#"{"name": "x", "count": 1.5}"#, "count: expected an integer, got a number"),
        (#"{"name": "x", "mode": "quick"}"#, "mode: allowed are fast, slow"),
        (#"{"name": "x", "deep": "yes"}"#, "deep: expected a boolean, got a string"),
        (#"{"name": "x", "items": []}"#, "items: 1 to 3 items are allowed, got 0"),
        (#"{"name": "x", "items": ["a"]}"#, "items[0]: expected an object, got a string"),
        (
            #"{"name": "x", "items": [{"status": "open"}, {"status": "closed"}]}"#,
            "items[1].status: allowed are open, done"
        ),
        (#"{"name": "x", "items": [{}]}"#, "items[0].status: required, expected one of open, done"),
    ])
    func namesTheFieldThatIsWrong(json: String, message: String) throws {
        let arguments = try JSON(parsing: json)
        #expect(throws: ToolError(message)) { try schema.check(arguments) }
    }
}
