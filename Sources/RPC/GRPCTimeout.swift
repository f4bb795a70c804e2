import NIOCore

/// The `grpc-timeout` header: at most eight digits and a unit.
enum GRPCTimeout {
    static func parse(_ text: String) -> TimeAmount? {
        guard let unit = text.utf8.last, (2...9).contains(text.utf8.count) else { return nil }
        let digits = text.utf8.dropLast()
        guard digits.allSatisfy({ $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }) else { return nil }
        let value = digits.reduce(Int64(0)) { $0 * 10 + Int64($1 - UInt8(ascii: "0")) }
        switch unit {
        case UInt8(ascii: "H"): return .hours(min(value, 24 * 365))
        case UInt8(ascii: "M"): return .minutes(value)
        case UInt8(ascii: "S"): return .seconds(value)
        case UInt8(ascii: "m"): return .milliseconds(value)
        case UInt8(ascii: "u"): return .microseconds(value)
        case UInt8(ascii: "n"): return .nanoseconds(value)
        case _: return nil
        }
    }

    /// As NIO measures time; more than 292 years are cut to that, and less than nothing is nothing.
    static func amount(_ timeout: Duration) -> TimeAmount {
        .nanoseconds(max(0, Int64(clamping: Int(exactly: (timeout / .nanoseconds(1)).rounded()) ?? Int.max)))
    }

    /// In the finest unit that eight digits hold.
    static func format(_ timeout: Duration) -> String {
        let (seconds, attoseconds) = timeout.components
        guard seconds >= 0, attoseconds >= 0 else { return "0n" }
        if seconds < 90 { return "\(seconds * 1_000_000 + attoseconds / 1_000_000_000_000)u" }
        return seconds < 90_000 ? "\(seconds * 1000)m" : "\(min(seconds, 99_999_999))S"
    }
}
