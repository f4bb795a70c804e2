/// How much of an output a model is given: the beginning and the end, cut at line boundaries, with a note of what is left out.
///
/// Sizes are bytes of UTF-8: cheap to count, and for other than ASCII on the small side.
public enum OutputLimit {
    /// What most tools may return.
    public static let standard = 30_000

    /// The note in place of what was left out.
    private static func note(leftOut: Int, wholeIn path: String) -> String {
        "[... \(leftOut) bytes left out; the whole output is in \(path) ...]"
    }

    /// - Parameter path: the file that holds the whole, relative to the workspace, or words for why there is none.
    static func cut(_ bytes: [UInt8], to limit: Int, wholeIn path: String) -> String {
        let head = wholeLines(atStartOf: bytes.prefix(limit / 2))
        let tail = wholeLines(atEndOf: bytes.suffix(limit / 2))
        return join(head: head, tail: tail, total: bytes.count, wholeIn: path)
    }

    static func join(head: ArraySlice<UInt8>, tail: ArraySlice<UInt8>, total: Int, wholeIn path: String) -> String {
        let note = note(leftOut: total - head.count - tail.count, wholeIn: path)
        let separator = head.last == UInt8(ascii: "\n") || head.isEmpty ? "" : "\n"
        return "\(String(decoding: head, as: UTF8.self))\(separator)\(note)\n\(String(decoding: tail, as: UTF8.self))"
    }

    /// Without the last line where it is incomplete; one very long line is cut between characters.
    static func wholeLines(atStartOf bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        if let lineEnd = bytes.lastIndex(of: UInt8(ascii: "\n")) { return bytes[...lineEnd] }
        return bytes.dropLast(UTF8Boundary.incompleteSuffix(of: bytes))
    }

    /// Without the first line where it is incomplete.
    static func wholeLines(atEndOf bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        if let lineEnd = bytes.dropLast().firstIndex(of: UInt8(ascii: "\n")) { return bytes[(lineEnd + 1)...] }
        return bytes.drop { UTF8.isContinuation($0) }
    }
}

/// Where a stretch of UTF-8 may be cut.
enum UTF8Boundary {
    /// How many bytes at the end begin a character that is not complete; 0 to 3.
    static func incompleteSuffix(of bytes: ArraySlice<UInt8>) -> Int {
        for (distance, byte) in bytes.suffix(4).reversed().enumerated() where !UTF8.isContinuation(byte) {
            let length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1
            return distance + 1 < length ? distance + 1 : 0
        }
        return 0
    }
}
