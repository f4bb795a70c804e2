internal import Glibc

/// The content of a text file while it is edited: what an edit does not touch stays byte for byte, line ends and byte
/// order mark with it. A value without I/O.
///
/// Models write `\n`; an edit matches across `\r\n`, and what it puts in gets the line ends of the file.
struct EditableText {
    private(set) var bytes: [UInt8]
    private let usesCRLF: Bool

    /// - Throws: ``ToolError`` where the content is no text.
    init(_ content: [UInt8], path: String) throws(ToolError) {
        guard !TextLines.isBinary(content) else { throw ToolError("Binary file: \(path)") }
        bytes = content
        let ends = content.count { $0 == UInt8(ascii: "\n") }
        usesCRLF = ends > 0 && zip(content, content.dropFirst()).count { $0 == (0x0d, 0x0a) } * 2 > ends
    }

    /// What an edit did.
    struct Outcome: Equatable {
        var replacements: Int
        /// The first line that was replaced, counted from 1.
        var line: Int
        /// Whether it matched only with other white space than the file has.
        var wasLoose: Bool
    }

    /// Replaces the one occurrence of a text, or all.
    ///
    /// - Throws: ``ToolError``: identical, empty, not found (with the closest lines), found more than once (with the
    ///   lines).
    mutating func replace(_ old: String, with new: String, all: Bool) throws(ToolError) -> Outcome {
        guard old != new else { throw ToolError("old_string and new_string are identical") }
        guard !old.isEmpty else { throw ToolError("old_string is empty; new files are made with files_creation") }
        let text = UnixText(bytes)
        let pattern = UnixText(Array(old.utf8)).bytes
        let replacement = UnixText(Array(new.utf8)).bytes
        let places = text.occurrences(of: pattern)
        if places.isEmpty { return try replaceLoosely(pattern, with: replacement, in: text) }
        guard all || places.count == 1 else {
            let lines = places.prefix(10).map { "\(text.line(at: $0))" }.joined(separator: ", ")
            throw ToolError(
                """
                old_string is found \(places.count) times, at lines \(lines)\(places.count > 10 ? ", ..." : ""): \
                add surrounding lines so that it is unique, or set replace_all
                """
            )
        }
        put(replacement, in: places.map { text.original($0..<$0 + pattern.count) })
        return Outcome(replacements: places.count, line: text.line(at: places[0]), wasLoose: false)
    }

    private mutating func replaceLoosely(
        _ pattern: [UInt8],
        with replacement: [UInt8],
        in text: UnixText
    ) throws(ToolError) -> Outcome {
        let match = LooseMatch(of: pattern, in: text.bytes)
        guard match.candidates.count == 1, let lines = match.candidates.first else {
            let also = match.candidates.isEmpty ? "" : ", also not once with other white space"
            throw ToolError("old_string is not found\(also)\(match.closest)")
        }
        put(match.adapted(replacement, to: lines), in: [text.original(match.range(of: lines))])
        return Outcome(replacements: 1, line: lines.lowerBound + 1, wasLoose: true)
    }

    /// - Parameter ranges: ascending.
    private mutating func put(_ replacement: [UInt8], in ranges: [Range<Int>]) {
        let lines = replacement.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        let replacement = usesCRLF ? Array(lines.joined(separator: [0x0d, 0x0a])) : replacement
        var result: [UInt8] = []
        var position = 0
        for range in ranges {
            result += bytes[position..<range.lowerBound]
            result += replacement
            position = range.upperBound
        }
        bytes = result + bytes[position...]
    }
}

/// A text with `\r\n` taken as `\n`, which knows where in the original its bytes are.
struct UnixText {
    let bytes: [UInt8]
    /// The offsets, in ``bytes``, of the `\n` that had a `\r`; ascending.
    private let shortened: [Int]

    init(_ original: [UInt8]) {
        guard original.contains(0x0d) else {
            bytes = original
            shortened = []
            return
        }
        var bytes: [UInt8] = []
        var shortened: [Int] = []
        bytes.reserveCapacity(original.count)
        for byte in original {
            if byte == 0x0a, bytes.last == 0x0d {
                bytes[bytes.count - 1] = byte
                shortened.append(bytes.count - 1)
            } else {
                bytes.append(byte)
            }
        }
        self.bytes = bytes
        self.shortened = shortened
    }

    /// The same range in the original; a `\r\n` at its edge is in it as a whole or not at all.
    func original(_ range: Range<Int>) -> Range<Int> {
        range.lowerBound + shortenings(before: range.lowerBound)..<range.upperBound
            + shortenings(before: range.upperBound)
    }

    private func shortenings(before offset: Int) -> Int {
        var range = 0..<shortened.count
        while !range.isEmpty {
            let middle = (range.lowerBound + range.upperBound) / 2
            range = shortened[middle] < offset ? middle + 1..<range.upperBound : range.lowerBound..<middle
        }
        return range.lowerBound
    }

    /// Counted from 1.
    func line(at offset: Int) -> Int { bytes[..<offset].count { $0 == 0x0a } + 1 }

    /// The offsets of all occurrences, which do not overlap. `pattern` is not empty.
    func occurrences(of pattern: [UInt8]) -> [Int] {
        bytes.withUnsafeBytes { text in
            pattern.withUnsafeBytes { pattern in
                guard let base = text.baseAddress, let wanted = pattern.baseAddress else { return [] }
                var places: [Int] = []
                var offset = 0
                while offset + pattern.count <= text.count,
                    let found = memchr(base + offset, CInt(pattern[0]), text.count - pattern.count - offset + 1)
                {
                    let place = UnsafeRawPointer(found) - base
                    let isMatch = memcmp(found, wanted, pattern.count) == 0
                    if isMatch { places.append(place) }
                    offset = place + (isMatch ? pattern.count : 1)
                }
                return places
            }
        }
    }
}
