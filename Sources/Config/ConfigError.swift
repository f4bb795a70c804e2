/// Why the settings cannot be used; the program does not start with them.
public struct ConfigError: Error, Sendable, CustomStringConvertible {
    public enum Code: Sendable, Hashable {
        /// The file cannot be read.
        case unreadable
        /// The file is no TOML.
        case malformed
        /// Settings that do not exist, or values that are not allowed.
        case invalid
    }

    public var code: Code
    /// One line for each thing that is wrong: where, which setting, its value, what is allowed. Without secrets.
    public var problems: [String]
    public var cause: (any Error)?

    public init(_ code: Code, _ problems: [String], cause: (any Error)? = nil) {
        self.code = code
        self.problems = problems
        self.cause = cause
    }

    public var description: String { problems.joined(separator: "\n") }
}
