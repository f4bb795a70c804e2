extension Run {
    /// Whether it is in a state that it keeps.
    public var hasEnded: Bool { ["completed", "failed", "cancelled", "timed_out", "expired"].contains(status) }
    /// Whether it waits for the answer to a question.
    public var requiresAction: Bool { status == "requires_action" }
}
