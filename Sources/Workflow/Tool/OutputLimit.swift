/// How much of an output a model is given: the beginning and the end, cut at line boundaries, with a note of what is
/// left out.
///
/// Sizes are bytes of UTF-8: cheap to count, and for other than ASCII on the small side.
public enum OutputLimit {
    /// What most tools may return.
    public static let standard = 30_000

    /// Where the model finds what it is not given.
    enum Whole {
        /// Relative to the workspace.
        case file(String)
        case beginning(String, bytes: Int)
        case lost(reason: String)

        fileprivate var note: String {
            switch self {
            case .file(let path): "the whole output is in \(path)"
            case .beginning(let path, let bytes): "the first \(bytes) bytes of the output are in \(path)"
            case .lost(let reason): "they could not be kept: \(reason)"
            }
        }
    }

    static func cut(_ bytes: [UInt8], to limit: Int, whole: Whole) -> String {
        let head = wholeLines(atStartOf: bytes.prefix(limit / 2))
        let tail = wholeLines(atEndOf: bytes.suffix(limit / 2))
        return join(head: head, tail: tail, total: bytes.count, whole: whole)
    }

    static func join(head: ArraySlice<UInt8>, tail: ArraySlice<UInt8>, total: Int, whole: Whole) -> String {
        let note = "[... \(total - head.count - tail.count) bytes left out; \(whole.note) ...]"
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
