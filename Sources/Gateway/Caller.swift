internal import Messages
internal import Store

/// What comes with a request beside its message, in whichever protocol it came.
struct Caller: Sendable {
    /// `Idempotency-Key` header or `idempotency-key` metadata.
    var idempotencyKey: String?
    /// `Last-Event-ID` header, which an SSE client sends when it connects again.
    var lastEventID: String?
    /// `x-tenant` header or metadata, which nothing proves.
    var tenant = Store.commonTenant
}

extension Caller {
    /// Refuses what concerns another tenant's thread as if there were no such thread. Every request of every method goes through here
    /// (``Endpoint``); whose a thread is, its id tells.
    func check(_ request: some Message) throws(StoreError) {
        guard let thread = (request as? any ThreadRequest)?.threadID else { return }
        try Tenant.check(tenant)
        guard Tenant.owner(of: thread) == tenant else { throw .threadNotFound(thread) }
    }
}
