/// Numbers as people read them.
enum Amounts {
    /// `1,234,567`
    static func number(_ value: some BinaryInteger) -> String {
        var groups: [Substring] = []
        var digits = String(value)[...]
        while digits.count > 3 {
            groups.append(digits.suffix(3))
            digits = digits.dropLast(3)
        }
        groups.append(digits)
        return groups.reversed().joined(separator: ",")
    }

    /// `1 line`, `2 lines`
    static func count(_ value: some BinaryInteger, _ noun: String) -> String {
        "\(number(value)) \(noun)\(value == 1 ? "" : "s")"
    }

    /// `0.4 s`, `12 s`, `3 min 5 s`
    static func duration(milliseconds: Int64) -> String {
        duration(from: 0, to: milliseconds)
    }

    /// The same between two Unix times in milliseconds, which may be any numbers at all.
    static func duration(from start: Int64, to end: Int64) -> String {
        let tenths = max(0, max(0, end) - max(0, start)) / 100
        if tenths < 100 { return "\(tenths / 10).\(tenths % 10) s" }
        let seconds = tenths / 10
        return seconds < 60 ? "\(seconds) s" : "\(seconds / 60) min \(seconds % 60) s"
    }
}
