internal import HTTP
internal import Messages
internal import NIOCore
internal import Store

/// How the REST interface answers one request: JSON with the headers that go with all of this request's answers.
struct Answer {
    /// Put into errors and into the log, so that the two can be brought together.
    let requestID: String
    private let common: [(String, String)]

    init(_ request: RequestHead, cors: CORSPolicy) {
        requestID = String(UInt64.random(in: 1 ... .max), radix: 16)
        common = [("x-request-id", requestID)] + cors.headers(for: request.headers["origin"])
    }

    func head(_ status: Int, _ headers: [(String, String)]) -> ResponseHead {
        ResponseHead(status: status, headers: HTTPHeaders(headers + common))
    }

    func send(_ json: [UInt8], status: Int = 200, headers: [(String, String)] = [], on exchange: Exchange) {
        exchange.respond(head(status, [("content-type", "application/json")] + headers), body: ByteBuffer(bytes: json))
    }

    func failUnknown(_ path: Substring, on exchange: Exchange) {
        fail(404, "not_found", "there is nothing at \(path.prefix(200))", on: exchange)
    }

    func failVerb(_ verb: String, _ path: Substring, allowed: [String], on exchange: Exchange) {
        let allow = ("allow", allowed.joined(separator: ", "))
        fail(405, "method_not_allowed", "\(verb) is not for \(path)", headers: [allow], on: exchange)
    }

    func fail(_ error: StoreError, on exchange: Exchange) {
        let headers = error.code.retryAfter.map { [("retry-after", String($0))] } ?? []
        fail(error.code.http, error.code.rawValue, error.message, field: error.field, headers: headers, on: exchange)
    }

    func fail(
        _ status: Int,
        _ code: String,
        _ message: String,
        field: String? = nil,
        headers: [(String, String)] = [],
        on exchange: Exchange
    ) {
        var error: JSON = ["code": .string(code), "message": .string(message)]
        if let field, !field.isEmpty { error["field"] = .string(field) }
        error["request_id"] = .string(requestID)
        send((["error": error] as JSON).bytes, status: status, headers: headers, on: exchange)
    }
}
