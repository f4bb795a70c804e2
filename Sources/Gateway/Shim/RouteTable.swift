internal import HTTP
internal import Messages
internal import OrderedCollections

/// Which endpoint a request of the REST interface is for, by verb and path.
struct RouteTable: Sendable {
    enum Match {
        /// `values` are the fields of the request that the path carries.
        case found(Endpoint, values: OrderedDictionary<String, String>)
        /// The path is known, the verb is not.
        case wrongVerb(allowed: [String])
        case unknown
    }

    fileprivate enum Segment: Sendable {
        case literal(String)
        case field(String)
    }

    fileprivate struct Entry: Sendable {
        let verb: String
        let segments: [Segment]
        let endpoint: Endpoint
    }

    private let entries: [Entry]

    /// Routes with literal segments take precedence over those with fields in their places.
    init(_ endpoints: [Endpoint]) {
        entries = endpoints.compactMap { endpoint in
            endpoint.method.route.map { route in
                Entry(verb: route.verb, segments: Self.segments(route.path), endpoint: endpoint)
            }
        }
        .sorted { $0.fieldCount < $1.fieldCount }
    }

    private static func segments(_ path: String) -> [Segment] {
        path.split(separator: "/").map {
            $0.hasPrefix("{") ? .field(String($0.dropFirst().dropLast())) : .literal(String($0))
        }
    }

    /// - Parameter path: without its query, not yet decoded.
    func match(verb: String, path: Substring) -> Match {
        let parts = Self.parts(path)
        for entry in entries where entry.serves(verb) {
            if let values = entry.values(of: parts) { return .found(entry.endpoint, values: values) }
        }
        let allowed = verbs(of: path)
        return allowed.isEmpty ? .unknown : .wrongVerb(allowed: allowed)
    }

    /// The verbs that a path knows; none for an unknown path.
    func verbs(of path: Substring) -> [String] {
        let parts = Self.parts(path)
        let verbs = entries.filter { $0.values(of: parts) != nil }.flatMap {
            $0.verb == "GET" ? ["GET", "HEAD"] : [$0.verb]
        }
        return verbs.isEmpty ? [] : verbs + ["OPTIONS"]
    }

    /// What is between the slashes behind the first one.
    private static func parts(_ path: Substring) -> [Substring] {
        let utf8 = path.utf8
        var parts: [Substring] = []
        parts.reserveCapacity(8)
        var start = utf8.index(utf8.startIndex, offsetBy: 1, limitedBy: utf8.endIndex) ?? utf8.endIndex
        for index in utf8.indices[start...] where utf8[index] == UInt8(ascii: "/") {
            parts.append(path[start..<index])
            start = utf8.index(after: index)
        }
        parts.append(path[start...])
        return parts
    }
}

extension RouteTable.Entry {
    fileprivate var fieldCount: Int {
        segments.count { if case .field = $0 { true } else { false } }
    }

    fileprivate func serves(_ verb: String) -> Bool { self.verb == verb || (self.verb == "GET" && verb == "HEAD") }

    fileprivate func values(of parts: [Substring]) -> OrderedDictionary<String, String>? {
        guard parts.count == segments.count else { return nil }
        for case (.literal(let text), let part) in zip(segments, parts) where text != part { return nil }
        var values = OrderedDictionary<String, String>()
        for case (.field(let name), let part) in zip(segments, parts) {
            guard !part.isEmpty, let value = PercentEncoding.decode(part) else { return nil }
            values[name] = value
        }
        return values
    }
}

extension PercentEncoding {
    /// The pairs of a query, `a=1&b=2`; of two with one name the last counts. - Returns: nil where an escape is broken.
    static func query(_ text: Substring) -> OrderedDictionary<String, String>? {
        var values = OrderedDictionary<String, String>()
        for pair in text.split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = decode(parts[0], plusIsSpace: true),
                let value = parts.count == 2 ? decode(parts[1], plusIsSpace: true) : ""
            else { return nil }
            values[name] = value
        }
        return values
    }
}
