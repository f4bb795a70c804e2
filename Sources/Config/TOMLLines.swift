/// On which line of a TOML text each key stands, for error texts; the parser does not tell.
///
/// It looks at the shape of lines only and is used on texts that the parser has accepted. What it cannot place (keys
/// inside an inline table) is found by the key around it.
struct TOMLLines {
    private var lines: [[String]: Int] = [:]

    init(_ text: String) {
        var section: [String] = []
        var openQuotes: String?
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            if let quotes = openQuotes {
                if line.contains(quotes) { openQuotes = nil }
                continue
            }
            var rest = line.drop { $0.isWhitespace }
            if rest.first == "[" {
                rest = rest.drop { $0 == "[" }
                guard let path = Self.readKey(&rest), rest.first == "]" else { continue }
                section = path
            } else {
                guard let path = Self.readKey(&rest), rest.first == "=" else { continue }
                record(section + path, index + 1)
                openQuotes = Self.openQuotes(in: rest)
                continue
            }
            record(section, index + 1)
        }
    }

    /// The line of a key, or of the innermost table around it that has one; lines count from one.
    func line(of path: [String]) -> Int? {
        var path = path
        while !path.isEmpty {
            if let line = lines[path] { return line }
            path.removeLast()
        }
        return nil
    }

    private mutating func record(_ path: [String], _ line: Int) {
        if lines[path] == nil { lines[path] = line }
    }

    /// Reads `a."b.c".d` and the blanks behind it.
    private static func readKey(_ rest: inout Substring) -> [String]? {
        var path: [String] = []
        while true {
            rest = rest.drop { $0 == " " || $0 == "\t" }
            guard let first = rest.first else { return nil }
            if first == "\"" || first == "'" {
                let part = rest.dropFirst().prefix { $0 != first }
                rest = rest[part.endIndex...].dropFirst()
                path.append(String(part))
            } else {
                let part = rest.prefix { $0.utf8.allSatisfy(SettingKey.isBare) }
                guard !part.isEmpty else { return nil }
                rest = rest[part.endIndex...]
                path.append(String(part))
            }
            rest = rest.drop { $0 == " " || $0 == "\t" }
            guard rest.first == "." else { return path }
            rest = rest.dropFirst()
        }
    }

    /// The quotes of a string over several lines that begins here and does not end here.
    private static func openQuotes(in value: Substring) -> String? {
        let value = value.dropFirst().drop { $0 == " " || $0 == "\t" }
        for quotes in ["\"\"\"", "'''"] where value.hasPrefix(quotes) {
            return value.dropFirst(3).contains(quotes) ? nil : quotes
        }
        return nil
    }
}
