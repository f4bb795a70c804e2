import Messages
import Redis
import Store
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(1)))
struct TenantTests {
    @Test(arguments: [
        ("", "default"), ("t", "default"), ("0a9ef04c-7f8e-4b5e-9d52-0d6b3a1c2e4f", "default"),
        ("-0a9ef04c-7f8e-4b5e-9d52-0d6b3a1c2e4f", "default"),
        ("acme-0a9ef04c-7f8e-4b5e-9d52-0d6b3a1c2e4f", "acme"), ("a-b-0a9ef04c-7f8e-4b5e-9d52-0d6b3a1c2e4f", "a-b"),
        ("acme_0a9ef04c-7f8e-4b5e-9d52-0d6b3a1c2e4f", "default"),
        ("default-0a9ef04c-7f8e-4b5e-9d52-0d6b3a1c2e4f", "default"),
        (
            "0a9ef04c-7f8e-4b5e-9d52-0d6b3a1c2e4f-0a9ef04c-7f8e-4b5e-9d52-0d6b3a1c2e4f",
            "0a9ef04c-7f8e-4b5e-9d52-0d6b3a1c2e4f"
        ),
        (
            "\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}",
            "default"
        ),
    ])
    func `whose a thread is`(id: String, tenant: String) { #expect(Tenant.owner(of: id) == tenant) }

    @Test func `ids are random UUIDs as everyone writes them`() async throws {
        try await withStore { store, _, _ in
            var ids: Set<String> = []
            for _ in 0..<256 { ids.insert(try await store.initiate(InitiateThreadRequest()).thread.threadID) }
            #expect(ids.count == 256)
            let shape = #/[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}/#
            #expect(ids.allSatisfy { $0.wholeMatch(of: shape) != nil })
            // Every place but the version takes every digit that it may.
            for place in [0, 7, 9, 15, 24, 35] { #expect(Set(ids.map { Array($0)[place] }).count == 16) }
            #expect(Set(ids.map { Array($0)[19] }).count == 4)
        }
    }

    @Test func `a tenant has its own threads, keys and forks, and nothing is left when they are deleted`() async throws
    {
        try await withStore { store, _, _ in
            var ids: [String: String] = [:]
            for tenant in ["default", "a", "a-b"] {
                let request = InitiateThreadRequest(idempotencyKey: "k")
                let (thread, isReplay) = try await store.initiate(request, tenant: tenant)
                #expect(!isReplay && Tenant.owner(of: thread.threadID) == tenant)
                #expect(try await store.initiate(request, tenant: tenant).isReplay)
                ids[tenant] = thread.threadID
            }
            #expect(Set(ids.values).count == 3)
            for (tenant, id) in ids {
                let list = try await store.threads(ListThreadsRequest(), tenant: tenant).threads
                #expect(list.map(\.threadID) == [id])
                let fork = try await store.fork(ForkThreadRequest(threadID: id)).threadID
                #expect(Tenant.owner(of: fork) == tenant)
                #expect(try await store.threads(ListThreadsRequest(), tenant: tenant).threads.count == 2)
                try await store.deleteThread(id)
                try await store.deleteThread(fork)
                #expect(try await store.threads(ListThreadsRequest(), tenant: tenant).threads.isEmpty)
            }
            let left = try await store.redis.send(RedisCommand("KEYS", "*threads")).array ?? []
            #expect(left.isEmpty)
            for name in ["", "a b", String(repeating: "x", count: 65), "a:b"] {
                let error = await #expect(throws: StoreError.self) {
                    _ = try await store.initiate(InitiateThreadRequest(), tenant: name)
                }
                #expect(error?.code == .invalid && error?.field == "x-tenant")
            }
        }
    }
}
