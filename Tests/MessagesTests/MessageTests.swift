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

    @Test func `JSON of an event`() {
        let json = String(decoding: event.json(), as: UTF8.self)
        #expect(
            json == """
                {"id":"1-2","seq":7,"thread_id":"t","run_id":"r","attempt":2,"type":"task_agent_execute","time":1700000000123,\
                "final":false,"task_agent_execute":{"text_delta":{"text":"word 0 é"}}}
                """
        )
    }

    @Test func `JSON to a request, by either spelling of the names`() throws {
        let type = Method.executeRun.request
        let snake = try type.serialize(["thread_id": "t", "task": "x", "idempotency_key": "k", "unknown": 1])
        let camel = try type.serialize(["threadId": "t", "task": "x", "idempotencyKey": "k", "model": .null])
        #expect(snake == camel)
        #expect(
            try ExecuteRunRequest(serialized: snake) == ExecuteRunRequest(threadID: "t", task: "x", idempotencyKey: "k")
        )
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
