internal import Messages

/// Tool calls put together from pieces of JSON text.
enum ToolCallArguments {
    /// What the collected text of a finished call stands for: no text is no arguments.
    ///
    /// - Returns: nil if the call is not to be run, because the answer was cut off within it. Text that is no JSON
    ///   though the answer is whole is returned as a string, which the check against the tool's schema turns down, so
    ///   the model learns of its mistake.
    static func parse(_ text: String, mayBeCut: Bool) -> JSON? {
        let arguments: JSON?
        if text.allSatisfy(\.isWhitespace) {
            arguments = mayBeCut ? .none : .some([:])
        } else {
            do throws(JSONError) {
                arguments = try JSON(parsing: text)
            } catch {
                arguments = mayBeCut ? .none : .some(.string(text))
            }
        }
        return arguments
    }

    /// As an object, for providers that take nothing else.
    static func object(_ arguments: JSON) -> JSON {
        arguments.object == nil ? ["invalid_arguments": arguments] : arguments
    }
}
