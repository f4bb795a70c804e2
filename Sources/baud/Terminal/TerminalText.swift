/// Text that others wrote, made fit for a terminal.
enum TerminalText {
    /// Columns that a tab is given.
    private static let tab = "    "

    /// Without escape sequences and control characters but the line feed, so that neither a model nor the output of a
    /// tool can move the cursor, change the title or hide a line. Bidirectional overrides, which make text read other
    /// than it is, go as well.
    static func clean(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: isControl) else { return text }
        var clean = String.UnicodeScalarView()
        var rest = text.unicodeScalars[...]
        while let scalar = rest.popFirst() {
            switch scalar {
            case "\n": clean.append(scalar)
            case "\t": clean.append(contentsOf: tab.unicodeScalars)
            case "\u{1B}": skipSequence(&rest)
            case _: if !isControl(scalar) { clean.append(scalar) }
            }
        }
        return String(clean)
    }

    /// The same in one line.
    static func cleanLine(_ text: String) -> String {
        clean(text).split(whereSeparator: \.isNewline).joined(separator: " ")
    }

    /// The text in at most `width` columns, with an ellipsis where something was cut off.
    static func cut(_ line: String, to width: Int) -> String {
        guard columns(of: line) > width else { return line }
        var columns = 1
        let kept = line.prefix { character in
            columns += Self.columns(of: character)
            return columns <= width
        }
        return width > 0 ? kept + "…" : ""
    }

    static func columns(of text: String) -> Int {
        text.reduce(0) { $0 + columns(of: $1) }
    }

    /// Two for the wide characters of Unicode's East Asian Width (UAX #11) and for pictographs, otherwise one.
    private static func columns(of character: Character) -> Int {
        guard let scalar = character.unicodeScalars.first?.value, scalar >= 0x1100 else { return 1 }
        return wide.contains { $0.contains(scalar) } ? 2 : 1
    }

    private static let wide: [ClosedRange<UInt32>] = [
        0x1100...0x115F, 0x2E80...0x303E, 0x3041...0xA4CF, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F,
        0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x1F300...0x1F64F, 0x1F680...0x1F6FF, 0x1F900...0x1F9FF, 0x20000...0x3FFFD,
    ]

    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x00...0x1F, 0x7F...0x9F, 0x202A...0x202E, 0x2066...0x2069: true
        case _: false
        }
    }

    /// What follows an escape character: a control sequence, a string with its terminator, or one character.
    private static func skipSequence(_ rest: inout Substring.UnicodeScalarView) {
        switch rest.popFirst() {
        case "[":
            while let scalar = rest.popFirst(), !(0x40...0x7E).contains(scalar.value) {}
        case "]", "P", "X", "^", "_":
            while let scalar = rest.popFirst(), scalar != "\u{07}" {
                guard scalar == "\u{1B}" else { continue }
                if rest.first == "\\" { rest.removeFirst() }
                return
            }
        case _: break
        }
    }
}
