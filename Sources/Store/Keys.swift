/// How every key and channel is spelled; no other room knows one.
///
/// The names are the documented ones. With `cluster`, a thread's id stands in braces, so that all its keys share a hash slot, and so
/// does the queue's name. No script touches both, nor a thread and what lists all threads: each is changed alone, but for the beginning and the
/// end of a run where there is no cluster (``RunScripts/execute``, ``WorkerScripts/finish``). What one step cannot change together is put down first where a sweeper finds it, see
/// ``Store/list(_:since:)`` and ``DueItem``.
public struct Keys: Sendable {
    public let prefix: String
    public let cluster: Bool
    private let beforeThread: String
    private let afterThread: String

    /// - Parameter prefix: put before every key, so that deployments can share a server.
    public init(prefix: String = "", cluster: Bool = false) {
        self.prefix = prefix
        self.cluster = cluster
        beforeThread = "\(prefix)thread:\(cluster ? "{" : "")"
        afterThread = cluster ? "}:" : ":"
    }

    private func thread(_ id: String, _ part: String) -> String {
        var name = ""
        name.reserveCapacity(beforeThread.utf8.count + id.utf8.count + afterThread.utf8.count + part.utf8.count)
        name += beforeThread
        name += id
        name += afterThread
        name += part
        return name
    }

    private func queue(_ part: String) -> String {
        "\(prefix)queue:\(cluster ? "{default}" : "default"):\(part)"
    }

    /// What is one tenant's; the documented names are those of who names none.
    private func all(of tenant: String, _ part: String) -> String {
        tenant == Store.commonTenant ? "\(prefix)\(part)" : "\(prefix)tenant:\(tenant):\(part)"
    }

    // MARK: A thread

    /// What scripts about a thread and its runs are given: the hash from whose name they make those of the thread's other keys.
    ///
    /// In a cluster a key comes with it that there never is. While a slot moves to another node, scripts with a key that is there and one
    /// that is not are refused as a whole until it has moved (TRYAGAIN); without it, one could fail half-way, at a key that has gone ahead.
    func scriptKeys(_ thread: String) -> [String] {
        cluster ? [metadata(thread), self.thread(thread, "never")] : [metadata(thread)]
    }
    /// Hash: configuration, numbers and cursor of the log, the active run.
    func metadata(_ thread: String) -> String { self.thread(thread, "metadata") }
    /// Stream: the event log, one entry per event, its field `e` is the serialized event without id.
    func stream(_ thread: String) -> String { self.thread(thread, "stream") }
    /// List: run ids, oldest first.
    func runs(_ thread: String) -> String { self.thread(thread, "runs") }
    /// Hash: state, attempt, input, result. While the run goes on, scripts keep beside it, under its name and `:journal` the list of what
    /// it has completed, `:inputs` the list of what was said to it, `:answers` the hash of what was answered to its questions, by
    /// their ids, `:closing` the list of what the conversation gains if it goes no further, and `:memory` what the agent has kept so far.
    func run(_ thread: String, _ run: String) -> String { self.thread(thread, "run:\(run)") }
    /// List: ids of events that a run has yet to tell its webhook, and what the names of their entries begin with.
    func outbox(_ thread: String, _ run: String) -> String { self.thread(thread, "run:\(run):outbox") }
    func webhookEntry(_ thread: String, _ run: String) -> String { self.thread(thread, "run:\(run):webhook:") }
    /// List: ids of the runs that wait for the active one, next first.
    func pending(_ thread: String) -> String { self.thread(thread, "pending") }
    /// List: the conversation, one message each.
    func messages(_ thread: String) -> String { self.thread(thread, "messages") }
    /// String: what the agent keeps between runs beside the conversation (todos, plan).
    func memory(_ thread: String) -> String { self.thread(thread, "memory") }
    /// String: what a tenant's request under an idempotency key came to.
    func idempotency(_ thread: String, _ method: String, _ tenant: String, _ key: String) -> String {
        self.thread(thread, "idempotency:\(method):\(tenant):\(key)")
    }
    /// Hash: what is to be executed later, see ``ScheduleScripts``.
    func schedules(_ thread: String) -> String { self.thread(thread, "schedules") }
    /// String: that the thread, which an idempotency key stands for, was deleted; as long as the key may be remembered.
    func tombstone(_ thread: String) -> String { self.thread(thread, "deleted") }
    /// Channel: a thread's new events.
    func live(_ thread: String) -> String { self.thread(thread, "live") }

    // MARK: All threads

    /// Sorted set: a tenant's thread ids by the time of their creation.
    func threads(of tenant: String) -> String { all(of: tenant, "threads") }
    /// Sorted set: thread ids by when they are to be looked at for what is old.
    var sweep: String { "\(prefix)threads:sweep" }
    /// String: what a tenant's `initiate` under an idempotency key came to.
    func idempotency(_ tenant: String, _ key: String) -> String { all(of: tenant, "idempotency:\(key)") }
    /// Channel: runs that are to be cancelled, `thread run reason`.
    var control: String { "\(prefix)control" }

    // MARK: The worker queue

    /// List: the tenants that have runs in the queue, whose turn is next first.
    var ring: String { queue("ring") }
    /// List: a tenant's runs, oldest first: `thread run time`.
    func ready(_ tenant: String) -> String { queue("ready:\(tenant)") }
    /// List: a token for each run that was put into the queue, at most 64, for the workers that wait.
    var wake: String { queue("wake") }
    /// Sorted set: runs in the hands of workers by when their lease ends: `worker thread run tenant`.
    var leases: String { queue("leases") }
    /// Sorted set: what is to be looked at by when, see ``DueItem``.
    var due: String { queue("due") }
    /// Sorted set: runs that were given up by when that was, `thread run tenant`.
    var dead: String { queue("dead") }
    /// Sorted set: runs that have or may yet have something to tell a webhook, by when to look: `thread run`, see ``WebhookScripts``.
    var webhooks: String { queue("webhooks") }
    /// Sorted set: events that no webhook took by when they were given up, `thread run event`.
    var deadWebhooks: String { queue("webhooks:dead") }
    /// Sorted set: workers by the time they were last heard of.
    var workers: String { queue("workers") }

    // MARK: Legacy

    /// Stream: events of a flow, as older producers lay them down.
    func flow(_ flow: String, _ input: String) -> String { "\(prefix)stream:\(flow):\(input)" }
}
