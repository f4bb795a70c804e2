/// Looks for lines that are the same but for white space, and says what comes closest where there are none.
///
/// Models get indentation wrong far more often than words, so whole lines are compared by their words.
struct LooseMatch {
    private let lines: [ArraySlice<UInt8>]
    private let wanted: [ArraySlice<UInt8>]
    private let words: [[ArraySlice<UInt8>]]
    /// Whether the pattern, and so what is replaced, includes the end of its last line.
    private let includesLineEnd: Bool
    private let end: Int
    /// The stretches of lines that match.
    let candidates: [Range<Int>]

    /// Larger texts are not looked at, and longer patterns not compared: the work is the product of both.
    private static let textLimit = 512 << 10
    private static let lineLimit = 1000

    init(of pattern: [UInt8], in text: [UInt8]) {
        lines = text.count <= Self.textLimit ? TextLines.split(text) : []
        wanted = TextLines.split(pattern)
        words = lines.map(Self.words)
        includesLineEnd = pattern.last == UInt8(ascii: "\n")
        end = text.count
        let wantedWords = wanted.map(Self.words)
        guard wantedWords.contains(where: { !$0.isEmpty }), wanted.count <= min(lines.count, Self.lineLimit) else {
            candidates = []
            return
        }
        let words = words
        candidates = (0...lines.count - wanted.count)
            .filter { words[$0..<$0 + wantedWords.count].elementsEqual(wantedWords) }
            .map { $0..<$0 + wantedWords.count }
    }

    private static func words(_ line: ArraySlice<UInt8>) -> [ArraySlice<UInt8>] {
        line.split { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") || $0 == UInt8(ascii: "\r") }
    }

    private static func indentation(_ line: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        line.prefix { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
    }

    /// Where the lines are in the text.
    func range(of candidate: Range<Int>) -> Range<Int> {
        let lineEnd = lines[candidate.upperBound - 1].endIndex
        return lines[candidate.lowerBound].startIndex..<(includesLineEnd ? min(lineEnd + 1, end) : lineEnd)
    }

    /// The replacement with the indentation of the file in place of that of the pattern, by the first line that has
    /// words.
    func adapted(_ replacement: [UInt8], to candidate: Range<Int>) -> [UInt8] {
        guard let first = wanted.firstIndex(where: { !Self.words($0).isEmpty }) else { return replacement }
        let given = Self.indentation(wanted[first])
        let actual = Self.indentation(lines[candidate.lowerBound + first])
        let adapted = TextLines.split(replacement).map { line in
            line.starts(with: given) && !line.isEmpty ? actual + line.dropFirst(given.count) : line
        }
        let lineEnd = [UInt8(ascii: "\n")]
        return Array(adapted.joined(separator: lineEnd)) + (replacement.last == UInt8(ascii: "\n") ? lineEnd : [])
    }

    /// The part of an error message that shows the lines most like the first of the pattern; empty where none is alike.
    var closest: String {
        guard let first = wanted.first(where: { !Self.words($0).isEmpty }) else { return "" }
        let wanted = Self.text(Self.words(first))
        let ranked = words.enumerated()
            .map { (index: $0.offset, likeness: Likeness.of(Self.text($0.element), wanted)) }
            .filter { $0.likeness >= 0.5 }
            .sorted { ($1.likeness, $0.index) < ($0.likeness, $1.index) }
        guard !ranked.isEmpty else { return "" }
        let shown = ranked.prefix(3).map {
            "\($0.index + 1)\t\(TextLines.text(lines[$0.index].prefix(Self.shownBytes)))"
        }
        return ". Closest lines:\n\(shown.joined(separator: "\n"))"
    }

    private static let shownBytes = 200

    private static func text(_ words: [ArraySlice<UInt8>]) -> String {
        String(decoding: Array(words.joined(separator: [UInt8(ascii: " ")])).prefix(shownBytes), as: UTF8.self)
    }
}
