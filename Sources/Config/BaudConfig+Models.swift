extension BaudConfig {
    /// The providers of language models.
    public struct LLM: Sendable, Equatable {
        /// Attempts after the first, for errors that may pass.
        public var maxRetries = 5
        /// Until a request's first token.
        public var firstToken: Duration = .seconds(120)
        /// Between two tokens.
        public var idle: Duration = .seconds(60)
        /// Short names of `provider/model`.
        public var aliases = ["execution": "anthropic/claude-sonnet-4-5"]
        /// By name; a file's table of the same name changes single settings of a built-in one.
        public var providers: [String: Provider] = [
            "anthropic": Provider(
                kind: .anthropic,
                baseURL: "https://api.anthropic.com",
                apiKeyVariable: "ANTHROPIC_API_KEY"
            ),
            "openai": Provider(kind: .openai, baseURL: "https://api.openai.com/v1", apiKeyVariable: "OPENAI_API_KEY"),
        ]
    }

    /// One end point that serves models.
    public struct Provider: Sendable, Equatable {
        /// The protocol it speaks.
        public enum Kind: String, Sendable, CaseIterable {
            /// The Messages API.
            case anthropic
            /// Chat completions, which many others speak too.
            case openai
        }

        public var kind: Kind
        public var baseURL: String
        /// From the file or else from the variable `apiKeyVariable`; empty when there is none.
        public var apiKey: Secret
        public var apiKeyVariable: String

        public init(kind: Kind, baseURL: String, apiKey: Secret = Secret(""), apiKeyVariable: String = "") {
            self.kind = kind
            self.baseURL = baseURL
            self.apiKey = apiKey
            self.apiKeyVariable = apiKeyVariable
        }
    }

    /// The model that needs no key: it plays files.
    public struct Script: Sendable, Equatable {
        public var directory = "scripts"
    }

    /// Which tools agents have.
    public struct Tools: Sendable, Equatable {
        /// Empty: all.
        public var enabled: [String] = []
        /// Taken away from those.
        public var disabled: [String] = []
        /// A call that takes longer is stopped.
        public var limit: Duration = .seconds(900)
    }

    /// Where tools run commands.
    public struct Sandbox: Sendable, Equatable {
        public enum Provider: String, Sendable, CaseIterable {
            /// The strictest that works here; the start fails when none does.
            case auto
            case bubblewrap
            /// No isolation: commands run as this process.
            case none
        }

        public var provider = Provider.auto
        /// Whether commands reach the network.
        public var network = false
        /// Of one sandbox, as are the next three.
        public var memoryMiB = 1024
        public var maxProcesses = 256
        /// The largest file that may be written.
        public var fileMiB = 1024
    }
}
