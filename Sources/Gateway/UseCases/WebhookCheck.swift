internal import Messages
internal import Store

/// What must be right of a webhook in a request.
struct WebhookCheck: Sendable {
    /// What is wrong with a URL; nil if nothing is.
    let problem: @Sendable (String) -> String?

    private static let events = [
        "run_requires_action", "run_completed", "run_failed", "run_cancelled", "run_timed_out", "run_expired",
    ]

    func check(_ webhook: Webhook?) throws(StoreError) {
        guard let webhook else { return }
        if let problem = problem(webhook.url) { throw StoreError(.invalid, problem, field: "webhook.url") }
        guard webhook.events.count <= Self.events.count, webhook.events.allSatisfy({ Self.events.contains($0) }) else {
            let known = Self.events.joined(separator: ", ")
            throw StoreError(.invalid, "must be some of \(known)", field: "webhook.events")
        }
    }
}
