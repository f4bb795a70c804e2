internal import Logging
public import Messages
internal import NIOCore
internal import RPC

/// The events of a thread or of a run, as a sequence that outlives the connections it comes over.
///
/// When the server becomes unavailable, stops, or is lost, the iterator calls again, after a growing and random wait,
/// and goes on after the last event that it delivered: nothing is lost and nothing comes twice. After 30 failures with
/// no event in between, and after any error that a repetition would not mend, it throws and is at its end.
///
/// Each iterator makes a call of its own and reads no faster than it is asked; cancelling its task ends the call.
/// Events that are not stored (`waiting`) come once per connection; `keep_alive` is left out.
public struct ThreadEvents: AsyncSequence, Sendable {
    let client: BaudClient
    let request: StreamThreadRequest

    public func makeAsyncIterator() -> Iterator {
        Iterator(client: client, request: request)
    }

    public struct Iterator: AsyncIteratorProtocol {
        private let client: BaudClient
        /// What the next connection asks for; its cursor moves on with each event.
        private var request: StreamThreadRequest
        private var responses: RPCResponseStream.Iterator?
        /// Failures since something last came.
        private var failures = 0
        private var hasEnded = false

        init(client: BaudClient, request: StreamThreadRequest) {
            self.client = client
            self.request = request
        }

        /// The id of the last stored event that was delivered: a cursor from which another sequence can go on.
        public var lastID: String { request.lastID }

        public mutating func next() async throws(BaudClientError) -> Event? {
            try await next(isolation: #isolation)
        }

        /// The next event; nil after the final one of a run. The events of a thread do not end.
        public mutating func next(isolation actor: isolated (any Actor)?) async throws(BaudClientError) -> Event? {
            while !hasEnded {
                do {
                    let event = try await receive()
                    failures = 0
                    note(event)
                    if event.type != "keep_alive" { return event }
                } catch {
                    try await recover(from: BaudClientError(describing: error))
                }
            }
            return nil
        }

        private nonisolated(nonsending) mutating func receive() async throws -> Event {
            if responses == nil { responses = try await connect() }
            guard let message = try await responses?.next(isolation: #isolation) else {
                // A server that stops ends its streams with OK; this is not the end of the events.
                throw BaudClientError(.unavailable, "the server ended the stream before the last event")
            }
            return try Event(decoding: message)
        }

        private nonisolated(nonsending) mutating func connect() async throws -> RPCResponseStream.Iterator {
            // `$` names another place at each connection; the thread's last event stays where it is.
            if request.lastID == "$" {
                let newest = try await client.getThread(request.threadID).lastID
                request.lastID = newest.isEmpty ? "0" : newest
            }
            return try await client.open(request).makeAsyncIterator()
        }

        private mutating func note(_ event: Event) {
            if !event.id.isEmpty { request.lastID = event.id }
            if event.final, !request.runID.isEmpty, event.runID == request.runID { end() }
        }

        /// Waits until it is time to connect again, or throws what cannot be mended.
        private nonisolated(nonsending) mutating func recover(from error: BaudClientError) async throws(BaudClientError)
        {
            responses = nil
            failures += 1
            guard error.code == .unavailable, let delay = client.eventRetries.delay(beforeRetry: failures) else {
                end()
                throw error
            }
            client.logger.debug("reconnecting", metadata: ["after": "\(request.lastID)", "error": "\(error)"])
            do throws(BaudClientError) {
                try await client.pause(for: delay)
            } catch {
                end()
                throw error
            }
        }

        private mutating func end() {
            hasEnded = true
            responses = nil
        }
    }
}
