internal import Curl
internal import Messages

extension ModelError {
    /// From a response whose status is not 200.
    ///
    /// - Parameter now: seconds since 1970, for a `retry-after` that is a date.
    init(status: Int, headers: CurlHeaders, body: [UInt8], now: Int) {
        let json = try? JSON(parsing: body)
        let report = ProviderReport(json) ?? ProviderReport(type: "", message: "status \(status)")
        let retryAfter = Self.retryAfter(headers, now: now)
        var code = Code(status: status, report)
        if code == .rateLimited, retryAfter == nil, report.speaksOfSpending { code = .quotaExceeded }
        let isRetryable =
            switch headers["x-should-retry"] {
            case "true": true
            case "false": false
            default: code != .quotaExceeded && (status == 408 || status == 409 || status == 429 || status >= 500)
            }
        self.init(
            code,
            // A provider's words about a wrong key may hold part of it.
            code == .authentication ? "the provider refused the key (status \(status))" : report.message,
            isRetryable: isRetryable,
            retryAfter: retryAfter,
            providerStatus: status
        )
    }

    /// From an error event within a stream that began with status 200; nil where the JSON reports no error.
    init?(event json: JSON) {
        guard let report = ProviderReport(json) else { return nil }
        let code = Code(report)
        self.init(
            code,
            code == .authentication ? "the provider refused the key" : report.message,
            isRetryable: [.rateLimited, .overloaded, .unavailable, .timeout].contains(code),
            providerStatus: 200
        )
    }

    init(_ error: CurlError) {
        switch error.code {
        case .invalidRequest, .forbidden: self.init(.invalidRequest, error.message)
        case .tls: self.init(.unavailable, error.message)
        case .timeout: self.init(.timeout, error.message, isRetryable: true)
        case .connect, .reset, .truncated, .exhausted, .failed:
            self.init(.unavailable, error.message, isRetryable: true)
        case .protocol, .tooLarge: self.init(.protocol, error.message, isRetryable: true)
        case .cancelled, .shutdown: self.init(.unavailable, error.message)
        }
    }

    /// With secrets blotted out where the provider quotes them, and no longer than a line or two.
    func without(_ secrets: [String]) -> ModelError {
        var text = message
        for secret in secrets where !secret.isEmpty {
            text = text.split(separator: secret, omittingEmptySubsequences: false).joined(separator: "***")
        }
        return ModelError(
            code,
            String(text.prefix(500)),
            isRetryable: isRetryable,
            retryAfter: retryAfter,
            providerStatus: providerStatus
        )
    }

    private static func retryAfter(_ headers: CurlHeaders, now: Int) -> Duration? {
        if let value = headers["retry-after-ms"].flatMap(Double.init), value >= 0, value < 1e12 {
            return .milliseconds(Int64(value))
        }
        guard let text = headers["retry-after"] else { return nil }
        if let value = Double(text) { return value >= 0 && value < 1e9 ? .milliseconds(Int64(value * 1000)) : nil }
        return HTTPDate.seconds(text).map { .seconds(max(0, $0 - now)) }
    }
}

/// What a provider's error object says.
private struct ProviderReport {
    var type: String
    var message: String

    init(type: String, message: String) {
        self.type = type
        self.message = message
    }

    /// Takes `{"error": {"message", "type" | "code" | "status"}}`, `{"error": "..."}`, `{"object": "error",
    /// "message"}`, and a list of one.
    init?(_ json: JSON?) {
        let outer = json?[0] ?? json
        if let text = outer?["error"]?.string {
            self.init(type: "", message: text)
        } else if let error = outer?["error"], error.object != nil {
            self.init(error)
        } else if let outer, outer["object"]?.string == "error" {
            self.init(outer)
        } else {
            return nil
        }
    }

    private init(_ error: JSON) {
        let names = ["type", "code", "status"].compactMap { key in
            error[key]?.string ?? error[key]?.int.map(String.init)
        }
        self.init(type: names.joined(separator: " "), message: error["message"]?.string ?? "no reason given")
    }

    func speaks(of words: String...) -> Bool {
        let text = "\(type) \(message)".lowercased()
        return words.contains { text.contains($0) }
    }

    var speaksOfSpending: Bool {
        speaks(of: "insufficient_quota", "spend limit", "spending limit", "usage limit", "billing", "credit balance")
    }

    var speaksOfLength: Bool {
        speaks(
            of: "context_length_exceeded",
            "prompt is too long",
            "maximum context length",
            "context window",
            "request_too_large"
        )
    }
}

extension ModelError.Code {
    fileprivate init(status: Int, _ report: ProviderReport) {
        switch status {
        case 401, 403: self = .authentication
        case 402: self = .quotaExceeded
        case 404: self = .unknownModel
        case 408: self = .timeout
        case 413: self = .contextWindow
        case 429: self = .rateLimited
        case 529: self = .overloaded
        case 409, 500...: self = .unavailable
        case 400..<500:
            self = report.speaksOfLength ? .contextWindow : report.speaksOfSpending ? .quotaExceeded : .invalidRequest
        default: self = .protocol
        }
    }

    /// By words alone. What is not recognised is taken for a failure of the provider, not of the request: the request
    /// was accepted.
    fileprivate init(_ report: ProviderReport) {
        if report.speaksOfLength {
            self = .contextWindow
        } else if report.speaksOfSpending {
            self = .quotaExceeded
        } else if report.speaks(of: "overloaded", "529", "503") {
            self = .overloaded
        } else if report.speaks(of: "rate_limit", "rate limit", "429") {
            self = .rateLimited
        } else if report.speaks(of: "authentication", "permission", "401", "403") {
            self = .authentication
        } else if report.speaks(of: "invalid_request", "badrequest", "400") {
            self = .invalidRequest
        } else if report.speaks(of: "not_found", "404") {
            self = .unknownModel
        } else if report.speaks(of: "timeout", "timed out", "408") {
            self = .timeout
        } else {
            self = .unavailable
        }
    }
}
