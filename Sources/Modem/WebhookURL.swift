internal import Curl

/// The address of a webhook, as far as a look at it can tell.
public enum WebhookURL {
    /// In bytes.
    public static let lengthLimit = 2048

    /// What is wrong with the URL; nil if nothing is. What its host's name means is only known, and looked at, when it is called.
    ///
    /// - Parameter allowsPrivate: whether addresses that are not public will do.
    public static func problem(with url: String, allowsPrivate: Bool) -> String? {
        guard url.utf8.count <= lengthLimit else { return "at most \(lengthLimit) bytes" }
        guard url.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f && $0 != UInt8(ascii: "\\") }) else {
            return "must be ASCII without blanks: percent-encode what is not"
        }
        let lowercase = url.lowercased()
        guard let scheme = ["https://", "http://"].first(where: { lowercase.hasPrefix($0) }) else {
            return "must begin with https:// or http://"
        }
        let authority = url.dropFirst(scheme.count).prefix { !"/?#".contains($0) }
        guard !authority.contains("@") else { return "must not hold a user or a password" }
        guard let host = host(of: authority) else { return "must have the form https://host[:port]/path" }
        guard allowsPrivate || isPossiblyPublic(host) else {
            return "must not lead to a private, loopback or link-local address (webhooks.allow_private)"
        }
        return nil
    }

    /// Host and port of a URL in which ``problem(with:allowsPrivate:)`` has found nothing wrong.
    static func authority(of url: String) -> String {
        let rest = url.drop { $0 != ":" }.dropFirst(3)
        return rest.prefix { !"/?#".contains($0) }.lowercased()
    }

    /// The host without brackets; nil where there is none, or the port is none.
    private static func host(of authority: Substring) -> Substring? {
        let end = authority.first == "[" ? authority.firstIndex(of: "]").map { authority.index(after: $0) } : nil
        guard authority.first != "[" || end != nil else { return nil }
        let hostEnd = end ?? authority.firstIndex(of: ":") ?? authority.endIndex
        let port = authority[hostEnd...]
        let isPort = port.isEmpty || (port.first == ":" && UInt16(port.dropFirst()) ?? 0 > 0)
        var host = authority[..<hostEnd]
        if end != nil { host = host.dropFirst().dropLast() }
        let isName = host.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"):
                true
            default: false
            }
        }
        return isPort && !host.isEmpty && (end == nil ? isName : IPAddress(host) != nil) ? host : nil
    }

    private static func isPossiblyPublic(_ host: Substring) -> Bool {
        if let address = IPAddress(host) { return address.isPublic }
        let name = host.lowercased()
        return name != "localhost" && !name.hasSuffix(".localhost")
    }
}
