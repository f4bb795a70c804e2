internal import FoundationEssentials
internal import Messages
internal import NIOCore
internal import Store

/// The body of what a webhook is sent: `type`, `timestamp`, and as `data` the event and the run as it was then.
enum WebhookMessage {
    static func body(of delivery: WebhookDelivery) throws -> [UInt8] {
        let event = try delivery.message.withUnsafeReadableBytes { try Event(serialized: $0) }
        var body = Array(#"{"type":"#.utf8)
        body += JSON.string(event.type).bytes
        body += Array(#","timestamp":"#.utf8) + JSON.string(time(event.time)).bytes
        body += Array(#","data":{"event":"#.utf8) + event.json()
        body += Array(#","run":"#.utf8) + delivery.run.json() + Array("}}".utf8)
        return body
    }

    /// RFC 3339, in UTC with milliseconds.
    private static func time(_ milliseconds: Int64) -> String {
        Date(timeIntervalSince1970: Double(milliseconds) / 1000)
            .formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
    }
}

extension Int64 {
    /// The wall clock's time in seconds since 1970.
    static var unixSeconds: Int64 { Int64(Date().timeIntervalSince1970) }
}
