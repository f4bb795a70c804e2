internal import Messages
internal import NIOCore
internal import OrderedCollections
internal import RPC
internal import Synchronization

/// `grpc.health.v1.Health`: whether the services can serve, which is whether Redis answers.
///
/// A probe once a second keeps the answer, so that a call is answered on its event loop out of memory. State is shared by
/// all loops; a watcher's stream is touched on its own loop only.
final class HealthService: Sendable {
    private struct State {
        var isServing = false
        /// When the last probe that was answered began.
        var lastAnswered: ContinuousClock.Instant?
        /// As many as there are open streams, which the connections bound.
        var watchers: [ObjectIdentifier: Watcher] = [:]
    }

    private struct Watcher: Sendable {
        let service: String
        let stream: NIOLoopBound<ServerStream>
    }

    /// A probe that takes this long counts as failed.
    private static let patience = Duration.seconds(2)

    private let services: [String]
    private let ping: @Sendable () async throws -> Void
    private let state = Mutex(State())

    /// - Parameters:
    ///   - services: the full names of those that are served.
    ///   - ping: throws when the services cannot serve. It comes to an end by itself.
    init(services: [String], ping: @escaping @Sendable () async throws -> Void) {
        self.services = services
        self.ping = ping
    }

    func register(in router: inout MethodRouter) {
        router.local(Method.healthV1Check.path) { message, _ in
            let service = try HealthCheckRequest(decoding: message).service
            let status = self.status(of: service)
            guard status != .serviceUnknown else { throw Status(.notFound, "there is no service \(service)") }
            return Self.response(status)
        }
        router.local(Method.healthV1List.path) { _, _ in
            var statuses = HealthListResponse()
            for service in [""] + self.services {
                statuses.statuses[service] = HealthCheckResponse(status: self.status(of: service))
            }
            return ByteBuffer(bytes: statuses.serialized())
        }
        router.serverStreaming(Method.healthV1Watch.path) { message, _, stream in
            do throws(Status) {
                self.watch(try HealthCheckRequest(decoding: message).service, stream)
            } catch {
                stream.finish(error)
            }
        }
    }

    private static let serving = ByteBuffer(bytes: HealthCheckResponse(status: .serving).serialized())
    private static let notServing = ByteBuffer(bytes: HealthCheckResponse(status: .notServing).serialized())
    private static let unknown = ByteBuffer(bytes: HealthCheckResponse(status: .serviceUnknown).serialized())

    private static func response(_ status: ServingStatus) -> ByteBuffer {
        switch status {
        case .serving: serving
        case .notServing: notServing
        case _: unknown
        }
    }

    /// The empty name stands for the server as a whole.
    func status(of service: String) -> ServingStatus {
        guard service.isEmpty || services.contains(service) else { return .serviceUnknown }
        return state.withLock { $0.isServing } ? .serving : .notServing
    }
}

// MARK: - Probing

extension HealthService {
    /// Probes once a second until the task is cancelled.
    func run() async {
        await withDiscardingTaskGroup { group in
            while !Task.isCancelled {
                // A probe that hangs does not hold up the clock.
                group.addTask { await self.probe() }
                do {
                    try await Task.sleep(for: .seconds(1))
                } catch {
                    return
                }
                expire(now: .now)
            }
        }
    }

    /// Asks once, and notes the answer.
    func probe() async {
        let begun = ContinuousClock.now
        do {
            try await ping()
            update { state in
                state.lastAnswered = max(begun, state.lastAnswered ?? begun)
                return true
            }
        } catch {
            update { state in
                // An older probe that fails late says nothing of now.
                state.isServing && state.lastAnswered.map { $0 > begun } ?? false
            }
        }
    }

    /// Gives up waiting for probes that were not answered.
    func expire(now: ContinuousClock.Instant) {
        update { state in
            state.isServing && state.lastAnswered.map { now - $0 < Self.patience } ?? false
        }
    }

    /// Notes whether the services serve, and tells those who watch of a change.
    private func update(_ isServing: (inout State) -> Bool) {
        let watchers = state.withLock { state in
            let value = isServing(&state)
            guard value != state.isServing else { return [Watcher]() }
            state.isServing = value
            return Array(state.watchers.values)
        }
        for watcher in watchers {
            watcher.stream.eventLoop.execute { self.tell(watcher.service, watcher.stream.value) }
        }
    }
}

// MARK: - Watching

extension HealthService {
    /// Tells the status of a service now and at each change, on the loop of the stream.
    private func watch(_ service: String, _ stream: ServerStream) {
        let id = ObjectIdentifier(stream)
        let watcher = Watcher(service: service, stream: NIOLoopBound(stream, eventLoop: stream.eventLoop))
        state.withLock { $0.watchers[id] = watcher }
        stream.onClose = { self.state.withLock { _ = $0.watchers.removeValue(forKey: id) } }
        // Who did not read meanwhile gets the last of what there was to tell.
        stream.onWritable = { [unowned stream] in self.tell(service, stream) }
        stream.onDrain = { [unowned stream] in
            stream.send(Self.response(.notServing))
            stream.finish(Status(.unavailable, "the server is stopping"))
        }
        tell(service, stream)
    }

    private func tell(_ service: String, _ stream: ServerStream) {
        guard stream.isWritable else { return }
        stream.send(Self.response(status(of: service)))
    }
}
