/// What comes with a request beside its message, in whichever protocol it came.
struct Caller: Sendable {
    /// `Idempotency-Key` header or `idempotency-key` metadata.
    var idempotencyKey: String?
    /// `Last-Event-ID` header, which an SSE client sends when it connects again.
    var lastEventID: String?
    /// `x-tenant` header or metadata: whose runs these are, where nothing proves it.
    var tenant: String?
}
