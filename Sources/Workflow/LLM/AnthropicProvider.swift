public import Curl
internal import Messages

/// Models behind Anthropic's Messages API, version 2023-06-01.
public struct AnthropicProvider: ModelProvider {
    /// The name under which its opaque parts are kept in conversations.
    static let name = "anthropic"

    private let baseURL: String
    private let key: String
    private let transport: ModelTransport

    /// - Parameter baseURL: without the path; a slash at its end is allowed.
    public init(
        baseURL: String = "https://api.anthropic.com",
        key: String,
        client: CurlClient,
        policy: RetryPolicy = RetryPolicy(),
        limits: StreamLimits = StreamLimits()
    ) {
        self.baseURL = baseURL
        self.key = key
        transport = ModelTransport(client: client, policy: policy, limits: limits)
    }

    public func stream(
        _ request: ModelRequest,
        onDelta: @escaping @Sendable (ModelDelta) async throws -> Void
    ) async throws -> ModelResponse {
        let call = CurlRequest(
            url: baseURL.trimmingSlashes + "/v1/messages",
            method: "POST",
            headers: [
                ("x-api-key", key), ("anthropic-version", "2023-06-01"),
                ("content-type", "application/json"), ("accept", "text/event-stream"),
            ],
            body: AnthropicRequest.body(request).bytes
        )
        return try await transport.stream(call, secrets: [key], onDelta: onDelta) { AnthropicStream() }
    }
}

extension String {
    /// Without slashes at its end.
    var trimmingSlashes: String {
        var text = self[...]
        while text.last == "/" { text.removeLast() }
        return String(text)
    }
}
