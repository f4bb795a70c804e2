/// What a check of ``Doctor`` found.
struct Finding: Sendable, Equatable {
    enum Grade: Sendable {
        case good
        /// Something does less than it could.
        case warning
        /// Something that is required is missing.
        case missing
    }

    let grade: Grade
    let name: String
    let text: String
    /// What to do about it.
    let cure: String?

    static func good(_ name: String, _ text: String) -> Finding {
        Finding(grade: .good, name: name, text: text, cure: nil)
    }

    static func warning(_ name: String, _ text: String, cure: String) -> Finding {
        Finding(grade: .warning, name: name, text: text, cure: cure)
    }

    static func missing(_ name: String, _ text: String, cure: String) -> Finding {
        Finding(grade: .missing, name: name, text: text, cure: cure)
    }

    /// `✓ name: text`, and a line for the cure if it needs one.
    func lines(_ palette: Palette) -> String {
        let mark =
            switch grade {
            case .good: palette.green("✓")
            case .warning: palette.yellow("!")
            case .missing: palette.red("✗")
            }
        let line = "\(mark) \(name): \(TerminalText.cleanLine(text))\n"
        return line + (cure.map { "  cure: \($0)\n" } ?? "")
    }
}
