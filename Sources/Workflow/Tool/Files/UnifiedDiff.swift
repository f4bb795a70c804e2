/// The difference of two texts in the unified format of diff(1), three lines of context. A value without I/O.
struct UnifiedDiff {
    private typealias Line = ArraySlice<UInt8>

    /// A line of the result, and how far the two texts have come with it.
    private enum Step {
        case same(Line)
        case removed(Line)
        case added(Line)
    }

    private static let context = 3
    /// Beyond this many differing lines the stretch is shown as replaced whole: the exact way costs their product.
    private static let exactLines = 2000
    private static let byteLimit = 20_000

    let text: String

    init(from old: [UInt8], to new: [UInt8], path: String) {
        let old = TextLines.split(old)
        let new = TextLines.split(new)
        let start = zip(old, new).prefix { $0 == $1 }.count
        let end = zip(old.dropFirst(start).reversed(), new.dropFirst(start).reversed()).prefix { $0 == $1 }.count
        let before = old.prefix(start).suffix(Self.context)
        let after = old.suffix(end).prefix(Self.context)
        let changes = Self.changes(Array(old.dropFirst(start).dropLast(end)), Array(new.dropFirst(start).dropLast(end)))
        let steps = before.map { .same($0) } + changes + after.map { .same($0) }
        let hunks = Self.hunks(steps, firstLine: before.startIndex + 1)
        let whole = "--- a/\(path)\n+++ b/\(path)\n" + hunks.joined()
        text = whole.utf8.count <= Self.byteLimit ? whole : Self.cut(whole)
    }

    private static func cut(_ whole: String) -> String {
        let head = OutputLimit.wholeLines(atStartOf: Array(whole.utf8).prefix(byteLimit))
        return String(decoding: head, as: UTF8.self) + "[... the rest of the diff is left out ...]\n"
    }

    private static func changes(_ old: [Line], _ new: [Line]) -> [Step] {
        guard old.count + new.count <= exactLines else {
            return old.map { .removed($0) } + new.map { .added($0) }
        }
        var removals = Set<Int>()
        var insertions = Set<Int>()
        for change in new.difference(from: old) {
            switch change {
            case .remove(let offset, _, _): removals.insert(offset)
            case .insert(let offset, _, _): insertions.insert(offset)
            }
        }
        var steps: [Step] = []
        var (left, right) = (0, 0)
        while left < old.count || right < new.count {
            if removals.contains(left) {
                steps.append(.removed(old[left]))
                left += 1
            } else if insertions.contains(right) {
                steps.append(.added(new[right]))
                right += 1
            } else {
                steps.append(.same(old[left]))
                left += 1
                right += 1
            }
        }
        return steps
    }

    /// Changes with no more than twice the context between them are one hunk.
    private static func hunks(_ steps: [Step], firstLine: Int) -> [String] {
        var ranges: [Range<Int>] = []
        for (index, step) in steps.enumerated() {
            if case .same = step { continue }
            let range = max(0, index - context)..<min(steps.count, index + context + 1)
            if let last = ranges.last, last.upperBound >= range.lowerBound {
                ranges[ranges.count - 1] = last.lowerBound..<range.upperBound
            } else {
                ranges.append(range)
            }
        }
        var (old, new, position) = (firstLine, firstLine, 0)
        return ranges.map { range in
            let skipped = counts(steps[position..<range.lowerBound])
            let inside = counts(steps[range])
            old += skipped.old
            new += skipped.new
            position = range.upperBound
            defer { (old, new) = (old + inside.old, new + inside.new) }
            return "@@ -\(place(old, inside.old)) +\(place(new, inside.new)) @@\n" + steps[range].map(line).joined()
        }
    }

    /// Of an empty stretch, diff(1) names the line before.
    private static func place(_ line: Int, _ count: Int) -> String { "\(count == 0 ? line - 1 : line),\(count)" }

    private static func counts(_ steps: ArraySlice<Step>) -> (old: Int, new: Int) {
        steps.reduce(into: (old: 0, new: 0)) { counts, step in
            switch step {
            case .same: counts = (counts.old + 1, counts.new + 1)
            case .removed: counts.old += 1
            case .added: counts.new += 1
            }
        }
    }

    private static func line(_ step: Step) -> String {
        switch step {
        case .same(let line): " \(TextLines.text(line))\n"
        case .removed(let line): "-\(TextLines.text(line))\n"
        case .added(let line): "+\(TextLines.text(line))\n"
        }
    }
}
