internal import NIOCore

/// What the connections of one event loop know of a cluster: who serves which slot.
///
/// It is asked for when it is first needed, when a connection to a node is lost, and when a node says that a slot is
/// another's; however many ask, there is one query at a time, and a pause between two. Lives on its loop.
final class ClusterTopology {
    typealias Completion = (Result<SlotMap, RedisError>) -> Void

    /// Told after each query, whether the map has changed or not.
    let observers = Observers()
    private(set) var map: SlotMap?

    /// Between two queries that succeed; after one that fails the pause grows.
    private static let pause = TimeAmount.milliseconds(100)

    private let seeds: [RedisAddress]
    private let configuration: RedisConfiguration
    private let loop: any EventLoop
    private var query: RedisQuery<SlotMap>?
    private var timer: Scheduled<Void>?
    private var nextQuery = NIODeadline.uptimeNanoseconds(0)
    private var backoff = Backoff()
    private var lastError = RedisError(.unavailable, "the cluster is not available")
    private var waiting: [Completion] = []
    private var isClosed = false

    init(seeds: [RedisAddress], configuration: RedisConfiguration, loop: any EventLoop) {
        self.seeds = seeds
        self.configuration = configuration
        self.loop = loop
    }

    /// Calls back with the map: at once if there is one; else after the query, or at once while it is too early for one
    /// after a failure.
    func withMap(_ completion: @escaping Completion) {
        if let map { return completion(.success(map)) }
        guard !isClosed else { return completion(.failure(RedisError(.closed, "the client is closed"))) }
        guard nextQuery <= .now(), waiting.count < configuration.maxPendingCommands else {
            return completion(.failure(lastError))
        }
        waiting.append(completion)
        refresh()
    }

    /// Asks for the map again, as soon as that is allowed.
    func refresh() {
        guard query == nil, timer == nil, !isClosed else { return }
        if nextQuery <= .now() { return startQuery() }
        timer = loop.assumeIsolated().scheduleTask(deadline: nextQuery) { [weak self] in
            self?.timer = nil
            self?.startQuery()
        }
    }

    /// Takes note of what a node has told of a slot, and asks about the others.
    func learn(_ slot: Int, isServedBy server: RedisAddress) {
        guard map?.master(of: slot) != server else { return }
        map?.assign(slot...slot, to: server)
        refresh()
    }

    func close() {
        isClosed = true
        timer?.cancel()
        query?.cancel()
        (timer, query) = (nil, nil)
        answer(.failure(RedisError(.closed, "the client was closed")))
    }

    private func startQuery() {
        let query = RedisQuery(
            RedisCommand("CLUSTER", "SLOTS"),
            of: candidates,
            configuration: configuration,
            loop: loop
        ) { reply, server throws(RedisError) in
            try SlotMap(reply, from: server)
        } completion: { [weak self] result in
            self?.finish(result)
        }
        self.query = query
        query.start()
    }

    /// The masters; when none of them has answered the last time, the nodes of the settings besides.
    private var candidates: [RedisAddress] {
        guard let map else { return seeds }
        return backoff.isFirst ? map.masters : map.masters + seeds
    }

    private func finish(_ result: Result<SlotMap, RedisError>) {
        query = nil
        switch result {
        case .success(let newMap):
            map = newMap
            backoff.reset()
            nextQuery = .now() + Self.pause
        case .failure(let error):
            lastError = RedisError(.unavailable, "no node tells the map of the cluster", cause: error)
            nextQuery = .now() + backoff.next()
        }
        answer(result.mapError { _ in lastError })
        observers.notify()
    }

    private func answer(_ result: Result<SlotMap, RedisError>) {
        let waiting = waiting
        self.waiting = []
        for completion in waiting { completion(result) }
    }
}
