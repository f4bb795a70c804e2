/// When something is to be done again and again: minute, hour, day of the month, month and day of the week, in UTC, as crontab(5) has it.
///
/// A field is `*`, a number, a range `a-b`, either with a step `/n`, or a list of these with commas. Days of the week count from 0
/// for Sunday; 7 is Sunday too. Where both days are restricted, either may hold.
public struct Cron: Sendable, Hashable {
    private let minutes: Set<Int>
    private let hours: Set<Int>
    private let days: Set<Int>
    private let months: Set<Int>
    private let weekdays: Set<Int>
    private let anyDay: Bool
    private let anyWeekday: Bool

    /// - Throws: `.invalid`, with what is wrong.
    public init(_ text: String) throws(StoreError) {
        let fields = text.split(whereSeparator: \.isWhitespace)
        guard fields.count == 5 else { throw .cron("needs five fields: minute, hour, day, month, day of the week") }
        minutes = try Self.parse(fields[0], 0...59)
        hours = try Self.parse(fields[1], 0...23)
        days = try Self.parse(fields[2], 1...31)
        months = try Self.parse(fields[3], 1...12)
        weekdays = Set(try Self.parse(fields[4], 0...7).map { $0 % 7 })
        anyDay = fields[2].hasPrefix("*")
        anyWeekday = fields[4].hasPrefix("*")
        guard next(after: 0) != nil else { throw .cron("names a day that never comes") }
    }

    private static func parse(_ field: Substring, _ bounds: ClosedRange<Int>) throws(StoreError) -> Set<Int> {
        var values: Set<Int> = []
        for part in field.split(separator: ",", omittingEmptySubsequences: false) {
            let pieces = part.split(separator: "/", omittingEmptySubsequences: false)
            let step = pieces.count == 2 ? Int(pieces[1]) : 1
            guard pieces.count <= 2, let step, step > 0, let range = range(pieces[0], bounds, isOpen: pieces.count == 2)
            else { throw .cron("\(part) is no number, range or step within \(bounds.lowerBound)-\(bounds.upperBound)") }
            values.formUnion(stride(from: range.lowerBound, through: range.upperBound, by: step))
        }
        return values
    }

    /// - Parameter isOpen: whether a single number is the beginning of a range, as it is before a step.
    private static func range(_ text: Substring, _ bounds: ClosedRange<Int>, isOpen: Bool) -> ClosedRange<Int>? {
        guard text != "*" else { return bounds }
        let ends = text.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
        guard (1...2).contains(ends.count), let first = ends[0], bounds.contains(first) else { return nil }
        guard ends.count == 2 else { return first...(isOpen ? bounds.upperBound : first) }
        guard let last = ends[1], bounds.contains(last), first <= last else { return nil }
        return first...last
    }

    /// The first time after this one, both in seconds since 1970; nil where none comes within nine years, in which every date comes.
    public func next(after time: Int64) -> Int64? {
        let minute = time / 60 + 1
        for day in (minute / 1440)...(minute / 1440 + 9 * 366) where matches(day: day) {
            let earliest = max(0, minute - day * 1440)
            for hour in (earliest / 60)..<24 where hours.contains(Int(hour)) {
                let first = hour == earliest / 60 ? earliest % 60 : 0
                if let minute = (first..<60).first(where: { minutes.contains(Int($0)) }) {
                    return ((day * 24 + hour) * 60 + minute) * 60
                }
            }
        }
        return nil
    }

    /// - Parameter day: since 1970-01-01, which was a Thursday.
    private func matches(day: Int64) -> Bool {
        let date = Self.date(day)
        guard months.contains(date.month) else { return false }
        let isDay = days.contains(date.day)
        let isWeekday = weekdays.contains(Int((day + 4) % 7))
        return anyDay || anyWeekday ? isDay && isWeekday : isDay || isWeekday
    }

    /// Month and day of a day since 1970, by the Gregorian calendar. Years are counted from March, so that a leap day is a year's last.
    private static func date(_ day: Int64) -> (month: Int, day: Int) {
        let days = day + 719_468
        let ofEra = days % 146_097
        let year = (ofEra - ofEra / 1460 + ofEra / 36_524 - ofEra / 146_096) / 365
        let ofYear = ofEra - (365 * year + year / 4 - year / 100)
        let month = (5 * ofYear + 2) / 153
        return (Int(month < 10 ? month + 3 : month - 9), Int(ofYear - (153 * month + 2) / 5 + 1))
    }
}

extension StoreError {
    fileprivate static func cron(_ message: String) -> StoreError { StoreError(.invalid, message, field: "cron") }
}
