import Messages
import OrderedCollections
import Testing

struct MessageTests {
    let event = Event(
        id: "1-2",
        seq: 7,
        threadID: "t",
        runID: "r",
        attempt: 2,
        type: "task_agent_execute",
        time: 1_700_000_000_123,
        payload: .taskAgentExecute(AgentProgress(progress: .textDelta(TextDelta(text: "word 0 é"))))
    )

    @Test func `a message survives the wire format`() throws {
        #expect(try Event(serialized: event.serialized()) == event)
        let thread = Messages.Thread(
            threadID: "t",
            metadata: ["b": "1", "a": ""],
            createdAt: -1,
            seq: .max,
            usage: Usage(inputTokens: 5)
        )
        #expect(try Messages.Thread(serialized: thread.serialized()) == thread)
        let list = ListRunsResponse(runs: [Run(runID: "a", error: Failure(code: "x")), Run()], nextPageToken: "n")
        #expect(try ListRunsResponse(serialized: list.serialized()) == list)
        let plan = JobPlan(goal: "g", steps: [JobStep(id: "1", title: "t", dependsOn: ["0", "9"])])
        #expect(try JobPlan(serialized: plan.serialized()) == plan)
    }

    @Test func `no bytes are the message that has nothing set`() throws {
        #expect(try Event(serialized: []) == Event())
        #expect(try Messages.Thread(serialized: []) == Messages.Thread())
        #expect(try ListRunsResponse(serialized: []) == ListRunsResponse())
        #expect(try HealthCheckRequest(serialized: []) == HealthCheckRequest())
    }

    @Test func `fields that come twice count the last time, as the store's scripts rely on`() throws {
        // Event.seq (field 2) = 300, appended.
        let bytes = event.serialized() + [0x10, 0xac, 0x02]
        #expect(try Event(serialized: bytes).seq == 300)
        let header = try bytes.withUnsafeBytes { try EventHeader(serialized: $0) }
        #expect(header.seq == 300 && header.type == "task_agent_execute" && header.runID == "r" && !header.isFinal)
    }

    @Test func `bytes that are no message are refused`() {
        #expect(throws: MessageError.malformed(type: "baud.v1.Event")) { try Event(serialized: [0x0a, 0x7f, 0x01]) }
    }

    @Test func `the header of an event is read without its payload`() throws {
        // The last of several counts; fields that are not known are passed over, whatever their wire type.
        let bytes: [UInt8] =
            [0x10, 7, 0x22, 1, 0x61, 0x40, 1] + [0x79] + Array(repeating: 0xFF, count: 8) + [0x7D, 1, 2, 3, 4]
            + [0x10, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01]
        let header = try bytes.withUnsafeBytes { try EventHeader(serialized: $0) }
        #expect(header.seq == .max && header.runID == "a" && header.type.isEmpty && header.isFinal)
        // A length beyond the end, also one beyond 63 bits; a number that does not end; groups, which proto3 has not; field 0; text where
        // a number belongs, and a number where text does.
        let endless = [UInt8(0x10)] + Array(repeating: 0x80, count: 11)
        let huge = [UInt8(0x22)] + Array(repeating: 0xFF, count: 9) + [0x01]
        let cut: [[UInt8]] = [[0x22, 2, 0x61], [0x10], [0x10, 0x80], [0x79, 1, 2], [0x7D, 1]]
        let unfit: [[UInt8]] = [[0x0B], [0x00, 1], [0x12, 1, 0x61], [0x20, 1], [0x42, 1, 1]]
        for broken in cut + unfit + [endless, huge] {
            #expect(throws: MessageError.malformed(type: "baud.v1.Event")) {
                try broken.withUnsafeBytes { try EventHeader(serialized: $0) }
            }
        }
    }

    @Test func `numbers are written as they are, to their limits`() {
        var writer = JSONWriter()
        writer.beginArray()
        writer.int(0)
        writer.int(Int64.min)
        writer.int(UInt64.max)
        writer.int(Int32(-10))
        writer.double(-3)
        writer.endArray()
        #expect(String(decoding: writer.bytes, as: UTF8.self) == "[0,-9223372036854775808,18446744073709551615,-10,-3]")
    }

    @Test func `text is escaped wherever it must be, and nowhere else`() throws {
        // At each place of a longer text, next to each other, and characters whose bytes resemble those.
        let plain = "a ! # [ ] é ß \u{7F} ~ 漢字 🎈 0123456789"
        var writer = JSONWriter()
        writer.string(plain)
        #expect(String(decoding: writer.bytes, as: UTF8.self) == "\"\(plain)\"")
        for length in 0..<40 {
            for special in ["\"", "\\", "\n", "\u{0}", "\u{1F}", "\"\\\t"] {
                let text = String(repeating: "x", count: length) + special + plain + special
                var writer = JSONWriter()
                writer.string(text)
                #expect(try JSON(parsing: writer.bytes) == .string(text))
                #expect(!writer.bytes.contains { $0 < 0x20 })
            }
        }
    }

    @Test func `JSON of an event`() {
        let json = String(decoding: event.json(), as: UTF8.self)
        #expect(
            json == """
                {"id":"1-2","seq":7,"thread_id":"t","run_id":"r","attempt":2,"type":"task_agent_execute","time":1700000000123,\
                "final":false,"task_agent_execute":{"text_delta":{"text":"word 0 é"}}}
                """
        )
    }

    /// What a message of the wire format is as JSON.
    private func json(_ bytes: [UInt8], _ type: MessageType = Method.streamThread.response) throws -> String {
        String(decoding: try bytes.withUnsafeBytes { try type.json(fromSerialized: $0) }, as: UTF8.self)
    }

    @Test func `JSON is that of the wire format, whatever the order and the repetition of its fields`() throws {
        let whole = try json(event.serialized())
        // The number (field 2) behind the rest, twice: the last one counts, in the place that the contract gives it.
        #expect(
            try json(event.serialized() + [0x10, 1, 0x10, 0xAC, 0x02])
                == whole.replacing("\"seq\":7", with: "\"seq\":300")
        )
        // A message in two parts is one; fields that are not known, of every form, are passed over.
        let parts =
            Event(payload: .messageCompleted(MessageCompleted(text: "a"))).serialized()
            + Event(payload: .messageCompleted(MessageCompleted(text: "b"))).serialized()
        #expect(try json(parts).hasSuffix(#""final":false,"message_completed":{"text":"b"}}"#))
        let unknown: [UInt8] = [
            0xF8, 0x7F, 5, 0xFA, 0x7F, 1, 9, 0xFD, 0x7F, 1, 2, 3, 4, 0xF9, 0x7F, 1, 2, 3, 4, 5, 6, 7, 8,
        ]
        #expect(try json(unknown + event.serialized()) == whole)
        // Of a oneof the last member is the one that is there.
        let other = Event(payload: .waiting(Waiting(position: 3))).serialized()
        #expect(try json(event.serialized() + other).hasSuffix(#""final":false,"waiting":{"position":3}}"#))
        #expect(try json(other + event.serialized()) == whole)
    }

    @Test func `JSON of lists, maps, numbers and bytes`() throws {
        let thread = Messages.Thread(metadata: ["b\n": "1", "a": ""], createdAt: -1, seq: .max, tags: ["x", ""])
        let text = String(decoding: thread.json(), as: UTF8.self)
        #expect(text.contains(#""metadata":{"b\n":"1","a":""},"created_at":-1,"#))
        #expect(text.contains(#""seq":18446744073709551615,"#) && text.contains(#""tags":["x",""]"#))
        // These numbers come packed, and negative ones in ten bytes.
        let numbers = ExtensionNumberResponse(extensionNumber: [1, -2, 300])
        #expect(
            String(decoding: numbers.json(), as: UTF8.self) == #"{"base_type_name":"","extension_number":[1,-2,300]}"#
        )
        let file = FileDescriptorResponse(fileDescriptorProto: [[0xFF, 0], []])
        #expect(String(decoding: file.json(), as: UTF8.self) == #"{"file_descriptor_proto":["/wA=",""]}"#)
    }

    @Test func `bytes that are no message have no JSON`() {
        // Text that is longer than the rest, a number that does not end, text where a number belongs and a number where text does, a
        // group, and a payload that is cut.
        let broken: [[UInt8]] = [
            [0x0A, 2, 0x61], [0x10], [0x10, 0x80], [0x12, 1, 0x61], [0x20, 1], [0x0B], [0xB2, 0x01, 2, 0x0A, 5],
        ]
        for bytes in broken {
            #expect(throws: MessageError.malformed(type: "baud.v1.Event")) { try json(bytes) }
        }
    }

    @Test func `JSON to a request, by either spelling of the names`() throws {
        let type = Method.executeRun.request
        let snake = try type.serialize(["thread_id": "t", "task": "x", "idempotency_key": "k", "unknown": 1])
        let camel = try type.serialize(["threadId": "t", "task": "x", "idempotencyKey": "k", "model": .null])
        #expect(snake == camel)
        #expect(
            try ExecuteRunRequest(serialized: snake) == ExecuteRunRequest(threadID: "t", task: "x", idempotencyKey: "k")
        )
        let cut = try type.serialize(["thread_id": "t", "thread_id\u{0}": "other", "thread_i": "another"])
        #expect(try ExecuteRunRequest(serialized: cut).threadID == "t")
        let initiate = try Method.initiateThread.request.serialize(["metadata": ["a": "1", "b": ""]])
        #expect(try InitiateThreadRequest(serialized: initiate).metadata == ["a": "1", "b": ""])
        let list = try Method.listThreads.request.serialize(["page_size": "5"], textual: true)
        #expect(try ListThreadsRequest(serialized: list).pageSize == 5)
    }

    @Test(
        arguments: [
            (["task": 5], "task", "expected a string, found integer"),
            (["metadata": ["a": 1]], "metadata.a.value", "expected a string, found integer"),
            (["task": "a\u{0}b"], "task", "must not contain the character U+0000"),
        ] as [(JSON, String, String)]
    )
    func `JSON that does not fit is refused by the field's path`(json: JSON, field: String, reason: String) {
        let type = json["metadata"] == nil ? Method.executeRun.request : Method.initiateThread.request
        #expect(throws: MessageError.field(field, reason: reason)) { try type.serialize(json) }
    }

    @Test func `integers out of range are refused`() {
        #expect(throws: MessageError.self) { try Method.listThreads.request.serialize(["page_size": -1]) }
        #expect(throws: MessageError.self) {
            try Method.listThreads.request.serialize(["page_size": "x"], textual: true)
        }
    }

    @Test func `every method has its messages, and its route or none`() {
        #expect(Set(Method.all.map(\.path)).count == Method.all.count)
        #expect(Method.streamThread.path == "/baud.v1.AgentService/StreamThread")
        #expect(Method.executeRun.route?.verb == "POST")
        #expect(Method.executeRun.route?.path == "/api/agent/{thread_id}/execute")
        #expect(Method.healthV1Check.route == nil)
    }
}
