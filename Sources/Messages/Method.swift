/// A method of the contract: its gRPC name, its messages, its route in the REST interface.
///
/// ``all`` is generated from `proto/`; the RPC router and the REST shim are both built from it.
public struct Method: Sendable {
    /// The full name of the service, `baud.v1.AgentService`.
    public let service: String
    public let name: String
    public let request: MessageType
    public let response: MessageType
    public let isServerStreaming: Bool
    /// Nil for methods that only gRPC has.
    public let route: Route?

    /// The path of a gRPC request, `/baud.v1.AgentService/GetThread`.
    public var path: String { "/\(service)/\(name)" }
}

/// How a method is reached without gRPC: `option (baud.v1.route)` of the contract.
public struct Route: Sendable, Hashable {
    /// GET, POST, PATCH or DELETE.
    public let verb: String
    /// `{field}` stands for one segment, the value of that field of the request.
    public let path: String

    /// Whether the request's fields come as a body, and not in the query.
    public var hasBody: Bool { verb == "POST" || verb == "PATCH" }
}
