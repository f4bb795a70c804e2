internal import Messages

/// What stands at `/`: the name, the version, and where to go on, for whoever has only the address.
///
/// POST gets the same, so that every kind of request can be tried out on a server without changing anything.
struct Index: Sendable {
    static let path: Substring = "/"
    static let verbs = ["GET", "HEAD", "POST", "OPTIONS"]

    let body: [UInt8]

    init(version: String) {
        let links: JSON = ["health": "/health", "threads": "/api/agent"]
        body = (["name": "baud", "version": .string(version), "links": links] as JSON).bytes
    }
}
