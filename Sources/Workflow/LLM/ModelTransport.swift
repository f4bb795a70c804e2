internal import Curl
internal import Messages

/// How long a model may be silent. Bytes that carry nothing (`ping`, comments) do not count.
public struct StreamLimits: Sendable {
    public var firstToken: Duration
    public var betweenTokens: Duration

    public init(firstToken: Duration = .seconds(120), betweenTokens: Duration = .seconds(60)) {
        self.firstToken = firstToken
        self.betweenTokens = betweenTokens
    }
}

/// A provider's format of streamed answers, as a state machine: events in, parts and at last the answer out.
protocol ModelStream {
    mutating func receive(_ event: SSEEvent) throws(ModelError) -> ModelStreamAction
    /// The body has ended, and was whole; no answer has been returned yet.
    mutating func end() throws(ModelError) -> ModelResponse
}

enum ModelStreamAction: Sendable, Equatable {
    /// The event says nothing about the answer.
    case ignore
    /// The answer grew; these parts are for the receiver.
    case emit([ModelDelta])
    case finish(ModelResponse)
}

/// Sends requests over HTTP and reads streamed answers, with retries. Used by the providers, in the task that calls
/// them.
struct ModelTransport: Sendable {
    /// Bytes of one answer on the wire.
    static let bodyLimit = 64 << 20

    let client: CurlClient
    let policy: RetryPolicy
    let limits: StreamLimits

    /// - Parameters:
    ///   - secrets: are kept out of error texts.
    ///   - makeStream: a new state for each attempt.
    func stream(
        _ request: CurlRequest,
        secrets: [String],
        onDelta: @escaping @Sendable (ModelDelta) async throws -> Void,
        makeStream: () -> some ModelStream
    ) async throws -> ModelResponse {
        var request = request
        request.firstByteTimeout = limits.firstToken
        request.idleTimeout = limits.betweenTokens
        return try await policy.run(onDelta: onDelta) { _, sink in
            do {
                return try await read(send(request).body, into: makeStream(), &sink)
            } catch let error as ModelError {
                throw error.without(secrets)
            }
        }
    }

    private func send(_ request: CurlRequest) async throws -> CurlResponse {
        let response: CurlResponse
        do throws(CurlError) { response = try await client.send(request) } catch { throw try translate(error) }
        let type = response.headers["content-type"]?.lowercased() ?? ""
        let isStream = !type.hasPrefix("application/json") && !type.hasPrefix("text/html")
        if response.status == 200, isStream { return response }

        let body: [UInt8]
        do throws(CurlError) {
            body = try await response.body.collect(upTo: 64 * 1024)
        } catch {
            // The status says enough; of the reason, what there is of it is not needed.
            body = []
            try Task.checkCancellation()
        }
        guard response.status == 200 else {
            throw ModelError(status: response.status, headers: response.headers, body: body, now: policy.now())
        }
        if let json = try? JSON(parsing: body), let error = ModelError(event: json) { throw error }
        throw ModelError(
            .protocol,
            "the provider answered with \(type) in place of an event stream",
            providerStatus: 200
        )
    }

    private func read(_ body: CurlBody, into stream: some ModelStream, _ sink: inout DeltaSink) async throws
        -> ModelResponse
    {
        var stream = stream
        var reader = SSEReader()
        var watch = ProgressWatch(limits, now: .now)
        var size = 0
        var chunks = body.makeAsyncIterator()
        while let chunk = try await next(&chunks) {
            size += chunk.count
            guard size <= Self.bodyLimit else {
                throw ModelError(.protocol, "the answer is larger than \(Self.bodyLimit) bytes")
            }
            for event in try reader.read(chunk) {
                switch try stream.receive(event) {
                case .ignore: break
                case .finish(let response):
                    body.discardRest()
                    return response
                case .emit(let deltas):
                    for delta in deltas { try await sink.emit(delta) }
                    watch.progress(at: .now)
                }
            }
            guard !watch.isOver(at: .now) else {
                throw ModelError(.timeout, "the model sent nothing but signs of life for too long", isRetryable: true)
            }
        }
        return try stream.end()
    }

    private func next(_ chunks: inout CurlBody.Iterator) async throws -> [UInt8]? {
        do throws(CurlError) { return try await chunks.next() } catch { throw try translate(error) }
    }

    private func translate(_ error: CurlError) throws -> ModelError {
        if error.code == .cancelled { throw CancellationError() }
        return ModelError(error)
    }
}

/// Watches that an answer grows. Silence on the wire is the HTTP client's to notice, so it is enough to look when bytes
/// come.
struct ProgressWatch {
    private let limits: StreamLimits
    private var deadline: ContinuousClock.Instant

    init(_ limits: StreamLimits, now: ContinuousClock.Instant) {
        self.limits = limits
        deadline = now + limits.firstToken
    }

    mutating func progress(at now: ContinuousClock.Instant) { deadline = now + limits.betweenTokens }

    func isOver(at now: ContinuousClock.Instant) -> Bool { now > deadline }
}
