public import Curl
internal import Messages

/// Models behind OpenAI's chat completions, and behind all that speak this format: Azure, OpenRouter, Groq, Ollama,
/// vLLM, LiteLLM.
public struct OpenAIProvider: ModelProvider {
    /// How the key is sent.
    public enum KeyHeader: Sendable {
        /// `Authorization: Bearer ...`
        case bearer
        /// `api-key: ...`, as Azure wants it.
        case apiKey
    }

    private let url: String
    private let key: String?
    private let keyHeader: KeyHeader
    private let transport: ModelTransport

    /// - Parameters:
    ///   - baseURL: what stands before `/chat/completions`, such as `https://api.openai.com/v1`; a query (Azure's dated
    ///     `?api-version=...`) is kept behind the path.
    ///   - key: nil for servers without keys.
    public init(
        baseURL: String = "https://api.openai.com/v1",
        key: String?,
        keyHeader: KeyHeader = .bearer,
        client: CurlClient,
        policy: RetryPolicy = RetryPolicy(),
        limits: StreamLimits = StreamLimits()
    ) {
        url = Self.url(baseURL)
        self.key = key
        self.keyHeader = keyHeader
        transport = ModelTransport(client: client, policy: policy, limits: limits)
    }

    public func stream(
        _ request: ModelRequest,
        onDelta: @escaping @Sendable (ModelDelta) async throws -> Void
    ) async throws -> ModelResponse {
        var headers = [("content-type", "application/json"), ("accept", "text/event-stream")]
        if let key { headers.append(keyHeader == .bearer ? ("authorization", "Bearer \(key)") : ("api-key", key)) }
        let body = OpenAIRequest.body(request, limitName: Self.limitName(url)).bytes
        let call = CurlRequest(url: url, method: "POST", headers: headers, body: body)
        // Servers that give no ids get some that are unique in any conversation.
        let prefix = "call_" + String(UInt64.random(in: 0 ... .max), radix: 36)
        return try await transport.stream(call, secrets: [key].compactMap(\.self), onDelta: onDelta) {
            OpenAIStream(idPrefix: prefix)
        }
    }

    static func url(_ baseURL: String) -> String {
        let parts = baseURL.split(separator: "?", maxSplits: 1)
        let path = String(parts.first ?? "").trimmingSlashes + "/chat/completions"
        return parts.count == 2 ? "\(path)?\(parts[1])" : path
    }

    /// OpenAI's newer models refuse the old name; most others know only that.
    static func limitName(_ url: String) -> String {
        let hosts = ["api.openai.com", ".openai.azure.com", ".services.ai.azure.com"]
        return hosts.contains { url.contains($0) } ? "max_completion_tokens" : "max_tokens"
    }
}
