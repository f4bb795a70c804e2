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
        var milliseconds: UInt64?
        var number: UInt64?
        for byte in text.utf8 {
            if byte == UInt8(ascii: "-"), milliseconds == nil, number != nil {
                (milliseconds, number) = (number, nil)
            } else {
                number = Self.appending(byte, to: number ?? 0)
                if number == nil { return nil }
            }
        }
        guard let number else { return nil }
        self.init(milliseconds: milliseconds ?? number, counter: milliseconds == nil ? 0 : number)
    }

    /// - Returns: nil for what is no digit, and beyond 64 bits.
    private static func appending(_ digit: UInt8, to number: UInt64) -> UInt64? {
        guard digit >= UInt8(ascii: "0"), digit <= UInt8(ascii: "9") else { return nil }
        let (tens, isTooLarge) = number.multipliedReportingOverflow(by: 10)
        let (sum, isBeyond) = tens.addingReportingOverflow(UInt64(digit - UInt8(ascii: "0")))
        return isTooLarge || isBeyond ? nil : sum
    }

    public var description: String {
        // Two numbers of at most 20 digits, written from the end.
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 41) { text in
            var start = text.count
            Self.write(counter, before: &start, in: text)
            start -= 1
            text[start] = UInt8(ascii: "-")
            Self.write(milliseconds, before: &start, in: text)
            return String(decoding: text[start...], as: UTF8.self)
        }
    }

    private static func write(_ number: UInt64, before start: inout Int, in text: UnsafeMutableBufferPointer<UInt8>) {
        var rest = number
        repeat {
            start -= 1
            text[start] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        } while rest > 0
    }

    public static func < (left: EventID, right: EventID) -> Bool {
        (left.milliseconds, left.counter) < (right.milliseconds, right.counter)
    }
}
