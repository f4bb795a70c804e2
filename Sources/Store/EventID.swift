/// The place of an event in its thread's log: the id that Redis gave the stream entry, `milliseconds-counter`.
///
/// Compared as a pair of integers, never as text. It is the cursor that clients hold between connections.
public struct EventID: Sendable, Hashable, Comparable, CustomStringConvertible {
    public let milliseconds: UInt64
    public let counter: UInt64

    public init(milliseconds: UInt64, counter: UInt64) {
        self.milliseconds = milliseconds
        self.counter = counter
    }

    /// Before every event.
    public static let zero = EventID(milliseconds: 0, counter: 0)

    /// The greatest id that can be written.
    static let last = EventID(milliseconds: .max, counter: .max)

    /// The id right before this one: a cursor after it begins with this event.
    public var predecessor: EventID {
        if counter > 0 { return EventID(milliseconds: milliseconds, counter: counter - 1) }
        return milliseconds > 0 ? EventID(milliseconds: milliseconds - 1, counter: .max) : .zero
    }

    /// Reads `milliseconds-counter`, or milliseconds alone with a counter of 0, as Redis does.
    ///
    /// - Returns: nil for anything else: signs, blanks, other digits, numbers beyond 64 bits.
    public init?(_ text: some StringProtocol) {
        let parts = text.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
        guard let first = parts.first, let milliseconds = Self.number(first) else { return nil }
        self.milliseconds = milliseconds
        if parts.count == 2 {
            guard let counter = Self.number(parts[1]) else { return nil }
            self.counter = counter
        } else {
            counter = 0
        }
    }

    private static func number(_ text: some StringProtocol) -> UInt64? {
        guard text.utf8.allSatisfy({ $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }) else { return nil }
        return UInt64(text)
    }

    public var description: String { "\(milliseconds)-\(counter)" }

    public static func < (left: EventID, right: EventID) -> Bool {
        (left.milliseconds, left.counter) < (right.milliseconds, right.counter)
    }
}
