/// What a load has shown so far, and how that is told.
struct LoadReport: Sendable {
    /// The times of one step, of all runs that came to it.
    struct Times: Sendable {
        private var sorted: [Duration] = []

        init(_ durations: [Duration]) {
            sorted = durations.sorted()
        }

        var isEmpty: Bool { sorted.isEmpty }

        /// The time within which so many percent were done (nearest rank); zero if there is none.
        func percentile(_ percent: Double) -> Duration {
            let rank = Int((percent / 100 * Double(sorted.count)).rounded(.up))
            return sorted.isEmpty ? .zero : sorted[min(max(rank, 1), sorted.count) - 1]
        }
    }

    private(set) var runs = 0
    private(set) var failed = 0
    private(set) var events = 0
    /// What went wrong, and how often; what comes after the first of these is counted as one.
    private(set) var faults: [String: Int] = [:]
    private var accepted: [Duration] = []
    private var firstTexts: [Duration] = []
    private var wholes: [Duration] = []

    private static let keptFaults = 10
    private static let percents: [(name: String, percent: Double)] = [
        ("p50", 50), ("p90", 90), ("p99", 99), ("max", 100),
    ]

    mutating func add(_ sample: LoadSample) {
        runs += 1
        events += sample.events
        if let accepted = sample.accepted { self.accepted.append(accepted) }
        if let first = sample.firstText { firstTexts.append(first) }
        if let whole = sample.whole { wholes.append(whole) }
        guard let fault = sample.fault else { return }
        failed += 1
        let isKept = faults[fault] != nil || faults.count < Self.keptFaults
        faults[isKept ? fault : "other reasons", default: 0] += 1
    }

    private var steps: [(name: String, times: Times)] {
        [("accepted", accepted), ("first text", firstTexts), ("whole run", wholes)]
            .map { ($0.0, Times($0.1)) }
            .filter { !$0.times.isEmpty }
    }

    /// As people read it.
    ///
    /// - Parameter elapsed: from the first call to the last event.
    func text(elapsed: Duration, palette: Palette) -> String {
        let rate = Self.perSecond(runs, elapsed)
        var lines = [
            palette.bold("\(rate) runs/s") + "  \(Amounts.count(runs, "run")) in \(Self.seconds(elapsed)) s, "
                + (failed == 0 ? palette.green("all in order") : palette.red("\(Amounts.number(failed)) failed"))
        ]
        let head = Self.percents.map { Self.right($0.name, 12) }.joined()
        lines.append(palette.dim(Self.left("", 12) + head))
        for (name, times) in steps {
            let cells = Self.percents.map { Self.right(Self.milliseconds(times.percentile($0.percent)) + " ms", 12) }
            lines.append(Self.left(name, 12) + cells.joined())
        }
        lines.append("\(Amounts.number(events)) events, \(Self.perSecond(events, elapsed)) a second")
        for (fault, count) in faults.sorted(by: { $0.value > $1.value }) {
            lines.append(palette.red("\(Amounts.count(count, "time")): ") + TerminalText.cleanLine(fault))
        }
        return lines.map { $0 + "\n" }.joined()
    }

    /// As programs read it: one line. Times are in milliseconds.
    func json(elapsed: Duration) -> String {
        var fields = [
            "\"runs\":\(runs)", "\"failed\":\(failed)", "\"seconds\":\(Self.seconds(elapsed))",
            "\"runs_per_second\":\(Self.perSecond(runs, elapsed))", "\"events\":\(events)",
        ]
        for (name, times) in steps {
            let key = name.replacing(" ", with: "_")
            for (percentile, percent) in Self.percents {
                fields.append("\"\(key)_ms_\(percentile)\":\(Self.milliseconds(times.percentile(percent)))")
            }
        }
        return "{" + fields.joined(separator: ",") + "}\n"
    }

    private static func perSecond(_ count: Int, _ elapsed: Duration) -> String {
        fixed(elapsed > .zero ? Double(count) / (elapsed / .seconds(1)) : 0, places: 1)
    }

    private static func seconds(_ duration: Duration) -> String { fixed(duration / .seconds(1), places: 2) }

    private static func milliseconds(_ duration: Duration) -> String { fixed(duration / .milliseconds(1), places: 2) }

    private static func fixed(_ value: Double, places: Int) -> String {
        let scale = places == 1 ? 10 : 100
        let units = Int((value * Double(scale)).rounded())
        let rest = String(units % scale)
        return "\(units / scale)." + String(repeating: "0", count: places - rest.count) + rest
    }

    private static func left(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }

    private static func right(_ text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(0, width - text.count)) + text
    }
}
