/// Lua that several scripts share: definitions of which a script gets those that it needs.
///
/// Redis makes what a script defines anew with each call, and lets go of it afterwards: some 1,300 instructions each.
struct LuaLibrary {
    private struct Definition {
        let name: String
        let source: String
        /// Its words that are not in quotes: those that are names of definitions before it are what it needs.
        let words: Set<String>
    }

    private let definitions: [Definition]

    /// - Parameter source: definitions, each of which may use those before it. One begins with a line that begins with `local`, or with the
    ///   comment before that line.
    init(_ source: String) {
        var definitions: [Definition] = []
        var lines: [Substring] = []
        var name: String?
        func end() {
            guard let name else { return }
            let source = lines.joined(separator: "\n") + "\n"
            definitions.append(Definition(name: name, source: source, words: Self.words(source)))
        }
        for line in source.split(separator: "\n") {
            if name != nil, line.hasPrefix("local ") || line.hasPrefix("--") {
                end()
                (lines, name) = ([], nil)
            }
            lines.append(line)
            if line.hasPrefix("local ") {
                let words = line.split { !$0.isIdentifierCharacter }
                name = words.dropFirst(words[1] == "function" ? 2 : 1).first.map(String.init)
            }
        }
        end()
        self.definitions = definitions
    }

    static func + (left: LuaLibrary, right: LuaLibrary) -> LuaLibrary {
        LuaLibrary(definitions: left.definitions + right.definitions)
    }

    private init(definitions: [Definition]) { self.definitions = definitions }

    /// A script with what it needs before it.
    ///
    /// - Parameter branches: what stands where the script says `--[[name]]`, with what it needs itself before it: for a branch that few
    ///   calls take.
    func link(_ source: String, _ branches: KeyValuePairs<String, String> = [:]) -> String {
        let always = needed(by: source)
        var script = text(of: always) + source
        for (name, branch) in branches {
            let parts = script.split(separator: "--[[\(name)]]", omittingEmptySubsequences: false)
            precondition(parts.count == 2, "a script says once where the branch \(name) is")
            script = parts[0] + text(of: needed(by: branch).subtracting(always)) + branch + parts[1]
        }
        return script
    }

    private func text(of indices: Set<Int>) -> String {
        indices.sorted().map { definitions[$0].source }.joined()
    }

    private func needed(by source: String) -> Set<Int> {
        var words = Self.words(source)
        var needed: Set<Int> = []
        for (index, definition) in definitions.enumerated().reversed() where words.contains(definition.name) {
            needed.insert(index)
            words.formUnion(definition.words)
        }
        return needed
    }

    private static func words(_ source: String) -> Set<String> {
        var words: Set<String> = []
        for line in source.split(separator: "\n") where !line.drop(while: { $0 == " " }).hasPrefix("-- ") {
            // An apostrophe in a text would turn code into text, up to the end of the line.
            precondition(line.count { $0 == "'" } % 2 == 0, "a quote does not end on its line: \(line)")
            let code = line.split(separator: "'", omittingEmptySubsequences: false).enumerated().filter {
                $0.offset % 2 == 0
            }
            for part in code { words.formUnion(part.element.split { !$0.isIdentifierCharacter }.map(String.init)) }
        }
        return words
    }
}

extension Character {
    fileprivate var isIdentifierCharacter: Bool { isASCII && (isLetter || isNumber) || self == "_" }
}
