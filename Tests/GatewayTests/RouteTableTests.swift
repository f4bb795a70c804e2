import HTTP
import Messages
import OrderedCollections
import Testing

@testable import Gateway

struct RouteTableTests {
    private let table = RouteTable(
        Method.all.map { Endpoint(method: $0, handler: .unary { _, _ in Endpoint.Reply(message: []) }) }
    )

    /// The method's name and the fields of the path.
    private func match(_ verb: String, _ path: String) -> String {
        switch table.match(verb: verb, path: path[...]) {
        case .found(let endpoint, let values):
            ([endpoint.method.name] + values.map { "\($0)=\($1)" }).joined(separator: " ")
        case .wrongVerb(let allowed): "not that, but \(allowed.joined(separator: ","))"
        case .unknown: "unknown"
        }
    }

    @Test(arguments: [
        ("POST", "/api/agent/initiate", "InitiateThread"),
        ("GET", "/api/agent/abc", "GetThread thread_id=abc"),
        ("HEAD", "/api/agent/abc", "GetThread thread_id=abc"),
        ("DELETE", "/api/agent/abc", "DeleteThread thread_id=abc"),
        ("GET", "/api/agent/a%20b", "GetThread thread_id=a b"),
        ("GET", "/api/agent/a%2Fb", "GetThread thread_id=a/b"),
        ("GET", "/api/agent/a/runs/b", "GetRun thread_id=a run_id=b"),
        ("GET", "/api/agent/a/stream", "StreamThread thread_id=a"),
        ("GET", "/health", "GetHealth"),
        ("GET", "/nowhere", "unknown"),
        ("GET", "/", "unknown"),
        ("GET", "", "unknown"),
        ("GET", "/api/agent/", "unknown"),
        ("GET", "/api/agent/a/", "unknown"),
        ("GET", "//api/agent/a", "unknown"),
        ("GET", "/api/agent/%zz", "unknown"),
        ("GET", "/api/agent/%ff", "unknown"),
        ("GET", "/API/agent/a", "unknown"),
    ])
    func `a verb and a path name a method`(verb: String, path: String, expected: String) {
        #expect(match(verb, path) == expected)
    }

    @Test func `a literal comes before a field, and another verb is told what would do`() {
        #expect(match("GET", "/api/agent/initiate") == "GetThread thread_id=initiate")
        #expect(match("POST", "/api/agent/a/stream") == "not that, but GET,HEAD,OPTIONS")
        #expect(match("PUT", "/api/agent/a") == "not that, but GET,HEAD,PATCH,DELETE,OPTIONS")
    }
}

struct QueryTests {
    @Test func `a query's pairs`() {
        #expect(PercentEncoding.query("") == [:])
        #expect(PercentEncoding.query("a=1&b=2&a=3") == ["a": "3", "b": "2"])
        #expect(PercentEncoding.query("a=b=c&d&&e=") == ["a": "b=c", "d": "", "e": ""])
        #expect(PercentEncoding.query("last+id=x%2By") == ["last id": "x+y"])
        #expect(PercentEncoding.query("a=%") == nil)
        #expect(PercentEncoding.query("%=a") == nil)
    }
}
