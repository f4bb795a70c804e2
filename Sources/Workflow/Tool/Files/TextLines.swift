/// Lines of text as bytes: what `\n` ends. Characters are not looked at, since for Swift `\r\n` is one of them.
enum TextLines {
    /// The lines without their ends; what follows the last `\n` is a line only where it is not empty.
    static func split(_ bytes: [UInt8]) -> [ArraySlice<UInt8>] {
        var lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        if lines.last?.isEmpty == true { lines.removeLast() }
        return lines
    }

    /// For showing: without the `\r` of a Windows line end.
    static func text(_ line: ArraySlice<UInt8>) -> String {
        String(decoding: line.last == UInt8(ascii: "\r") ? line.dropLast() : line, as: UTF8.self)
    }

    /// Whether this is no text, by the rule of git and grep: a NUL byte near the beginning.
    static func isBinary(_ bytes: [UInt8]) -> Bool { bytes.prefix(8000).contains(0) }
}
