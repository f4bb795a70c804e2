internal import HTTP
internal import Logging
internal import Messages
internal import NIOCore
internal import OrderedCollections
internal import Store

/// The REST and SSE interface: JSON or query to the request message, the same use case, the response message to JSON.
///
/// Led by the routes and descriptors of the contract; no route has code of its own. Called on the loop of each request.
struct Shim: Sendable {
    let routes: RouteTable
    let index: Index
    let fanouts: Fanouts
    let cors: CORSPolicy
    /// Largest body that is read, in bytes.
    let maxBodyBytes: Int
    let logger: Logger

    func handle(_ exchange: Exchange) {
        let request = exchange.request
        let answer = Answer(request, cors: cors)
        let (path, query) = request.target
        if request.method == "OPTIONS" { return answerOptions(exchange, answer, path) }
        if path == Index.path, Index.verbs.contains(request.method) {
            return collectBody(of: exchange, answer) { _ in answer.send(index.body, on: exchange) }
        }
        switch routes.match(verb: request.method, path: path) {
        case .found(let endpoint, let values):
            receive(exchange, answer, endpoint, values, query)
        case .wrongVerb(let allowed):
            answer.failVerb(request.method, path, allowed: allowed, on: exchange)
        case .unknown where path == Index.path:
            answer.failVerb(request.method, path, allowed: Index.verbs, on: exchange)
        case .unknown:
            answer.failUnknown(path, on: exchange)
        }
    }

    private func answerOptions(_ exchange: Exchange, _ answer: Answer, _ path: Substring) {
        let verbs = path == Index.path ? Index.verbs : routes.verbs(of: path)
        guard !verbs.isEmpty else { return answer.failUnknown(path, on: exchange) }
        let isPreflight = exchange.request.headers["access-control-request-method"] != nil
        exchange.respond(answer.head(204, isPreflight ? cors.preflight : [("allow", verbs.joined(separator: ", "))]))
    }

    // MARK: The request

    private func receive(
        _ exchange: Exchange,
        _ answer: Answer,
        _ endpoint: Endpoint,
        _ values: OrderedDictionary<String, String>,
        _ query: Substring
    ) {
        guard endpoint.method.route?.hasBody == true else {
            guard let fields = PercentEncoding.query(query) else {
                return answer.fail(StoreError(.invalid, "the query is not well-formed"), on: exchange)
            }
            let json = Self.adding(values, to: .object(fields.mapValues { .string($0) }))
            return serve(exchange, answer, endpoint, json, textual: true)
        }
        let type = exchange.request.headers["content-type"]
        guard type == nil || type.map(Self.isJSON) == true else {
            return answer.fail(415, "unsupported_media_type", "send application/json", on: exchange)
        }
        collectBody(of: exchange, answer) { self.parse($0, exchange, answer, endpoint, values) }
    }

    /// Waits for the whole request; one that is too large or broken is answered here.
    private func collectBody(of exchange: Exchange, _ answer: Answer, _ done: @escaping (ByteBuffer) -> Void) {
        exchange.collectBody(upTo: maxBodyBytes) { body in
            switch body {
            case .success(let body): done(body)
            case .failure(.tooLarge(let limit)):
                let message = "the body is larger than \(limit) bytes (server.max_body_bytes)"
                answer.fail(413, "body_too_large", message, on: exchange)
            case .failure(.exhausted):
                answer.fail(StoreError(.unavailable, "too many requests are unfinished"), on: exchange)
            case .failure(.malformed(let reason)): answer.fail(StoreError(.invalid, reason), on: exchange)
            case .failure(.disconnected): break
            }
        }
    }

    private static func isJSON(_ type: String) -> Bool {
        if type == "application/json" { return true }
        let name = type.prefix { $0 != ";" }.lowercased()
        return name == "application/json" || name.hasSuffix("+json")
    }

    private func parse(
        _ body: ByteBuffer,
        _ exchange: Exchange,
        _ answer: Answer,
        _ endpoint: Endpoint,
        _ values: OrderedDictionary<String, String>
    ) {
        do {
            let json = body.readableBytes == 0 ? [:] : try JSON(parsing: body.readableBytesView)
            guard json.object != nil else {
                throw StoreError(.invalid, "the body must be a JSON object, not \(json.kind)")
            }
            serve(exchange, answer, endpoint, Self.adding(values, to: json), textual: false)
        } catch let error as JSONError {
            answer.fail(StoreError(.invalid, "the body is not valid JSON: \(error)"), on: exchange)
        } catch {
            answer.fail(StoreError(describing: error), on: exchange)
        }
    }

    /// What the path says, behind all members: of a name's spellings (`threadId`) the last one counts.
    private static func adding(_ values: OrderedDictionary<String, String>, to json: JSON) -> JSON {
        var json = json
        for (name, value) in values {
            json[name] = nil
            json[name] = .string(value)
        }
        return json
    }

    // MARK: The use case and its answer

    private func serve(_ exchange: Exchange, _ answer: Answer, _ endpoint: Endpoint, _ json: JSON, textual: Bool) {
        let message: ByteBuffer
        do {
            message = ByteBuffer(bytes: try endpoint.method.request.serialize(json, textual: textual))
        } catch {
            return answer.fail(StoreError(describing: error), on: exchange)
        }
        let caller = Caller(
            idempotencyKey: exchange.request.headers["idempotency-key"],
            lastEventID: exchange.request.headers["last-event-id"],
            tenant: exchange.request.headers["x-tenant"] ?? Store.commonTenant
        )
        switch endpoint.handler {
        case .streaming(let handler):
            handler(message, caller, SSESink(exchange, answer), fanouts.fanout(on: exchange.eventLoop))
        case .unary(let handler):
            let method = endpoint.method
            let waiting = NIOLoopBound((exchange, answer), eventLoop: exchange.eventLoop)
            let task = exchange.eventLoop.begin {
                try await handler(message, caller)
            } then: { result in
                let (exchange, answer) = waiting.value
                self.finish(result, exchange, answer, method)
            }
            // Nobody is left to answer.
            if exchange.isClosed { task.cancel() } else { exchange.onClose = { _ in task.cancel() } }
        }
    }

    private func finish(
        _ result: Result<Endpoint.Reply, any Error>,
        _ exchange: Exchange,
        _ answer: Answer,
        _ method: Method
    ) {
        do {
            let reply = try result.get()
            let json = try reply.message.withUnsafeBytes { try method.response.json(fromSerialized: $0) }
            let headers = reply.isReplay ? [Endpoint.Reply.replayMark] : []
            answer.send(json, status: reply.httpStatus, headers: headers, on: exchange)
        } catch {
            let failure = StoreError(describing: error)
            if failure.code == .internal {
                logger.error(
                    "a request failed",
                    metadata: ["method": "\(method.name)", "request_id": "\(answer.requestID)", "error": "\(error)"]
                )
            }
            answer.fail(failure, on: exchange)
        }
    }
}

extension RequestHead {
    /// The target's path and query.
    fileprivate var target: (path: Substring, query: Substring) {
        guard let mark = path.utf8.firstIndex(of: UInt8(ascii: "?")) else { return (path[...], "") }
        return (path[..<mark], path[path.utf8.index(after: mark)...])
    }
}
