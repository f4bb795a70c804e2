internal import Digest
internal import FoundationEssentials

/// Signs what is sent to webhooks, as Standard Webhooks has it: `v1,` and the base64 of the HMAC-SHA-256 of `id.timestamp.body`.
///
/// The key is not shown when this is printed.
public struct WebhookSigner: Sendable, CustomStringConvertible, CustomReflectable {
    private let key: [UInt8]

    /// - Parameter secret: `whsec_` and the base64 of 24 to 64 bytes; nil for anything else.
    public init?(secret: String) {
        let prefix = "whsec_"
        guard secret.hasPrefix(prefix), let key = Data(base64Encoded: String(secret.dropFirst(prefix.count))),
            (24...64).contains(key.count)
        else { return nil }
        self.key = Array(key)
    }

    public var description: String { "***" }
    public var customMirror: Mirror { Mirror(self, children: []) }

    /// - Parameter timestamp: seconds since 1970.
    public func signature(of body: [UInt8], id: String, timestamp: Int64) -> String {
        let code = HMACSHA256.code(for: Array("\(id).\(timestamp).".utf8) + body, key: key)
        return "v1," + Data(code).base64EncodedString()
    }
}
