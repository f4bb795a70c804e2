internal import HTTP

/// Which web pages of other origins may read the answers: the Fetch standard's CORS protocol.
public struct CORSPolicy: Sendable {
    /// Exact origins, `https://app.example`; `*` for all, which goes only without credentials.
    public var origins: Set<String> = []
    public var credentials = false
    public var methods = ["GET", "POST", "PATCH", "DELETE"]
    public var headers = ["content-type", "authorization", "idempotency-key", "last-event-id"]
    /// How long a browser may keep the answer to a preflight.
    public var maxAgeSeconds = 600

    public init() {}

    /// The headers that go with every answer to this origin, errors included.
    func headers(for origin: String?) -> [(String, String)] {
        guard !origins.isEmpty else { return [] }
        let vary = ("vary", "origin")
        guard let origin else { return [vary] }
        let exposed = ("access-control-expose-headers", "x-request-id, retry-after, idempotency-replayed")
        if origins.contains(origin) {
            let allowed = [vary, exposed, ("access-control-allow-origin", origin)]
            return credentials ? allowed + [("access-control-allow-credentials", "true")] : allowed
        }
        return origins.contains("*") && !credentials ? [vary, exposed, ("access-control-allow-origin", "*")] : [vary]
    }

    /// What a preflight is told beside ``headers(for:)``.
    var preflight: [(String, String)] {
        [
            ("access-control-allow-methods", methods.joined(separator: ", ")),
            ("access-control-allow-headers", headers.joined(separator: ", ")),
            ("access-control-max-age", String(maxAgeSeconds)),
        ]
    }
}
