/// Every setting of the program, valid and typed. `BaudConfig()` has the defaults; `config.toml` lists them all with
/// their comments.
///
/// Made once by ``load(file:environment:flags:)`` when the program starts, then passed on by value.
public struct BaudConfig: Sendable, Equatable {
    /// What kind of installation this is; `local` allows what would be careless elsewhere. Also set by `ENV`.
    public var environment = "local"
    public var server = Server()
    public var data = Data()
    public var redis = Redis()
    public var worker = Worker()
    public var events = Events()
    public var threads = Threads()
    public var agent = Agent()
    public var llm = LLM()
    public var script = Script()
    public var tools = Tools()
    public var sandbox = Sandbox()
    public var webhooks = Webhooks()
    public var cors = CORS()
    public var log = Log()

    public init() {}

    /// The listening port and its limits.
    public struct Server: Sendable, Equatable {
        public var listen = ListenAddress(host: "127.0.0.1", port: 8080)
        /// A request's body, and a gRPC message; one byte more is refused.
        public var maxBodyBytes = 4 * 1024 * 1024
        /// Further connections are closed at once.
        public var maxConnections = 20_000
        /// HTTP/2 streams of one connection.
        public var maxConcurrentStreams = 256
        /// How long an HTTP/2 client may be silent before it is asked whether it is there, and then before it is given up.
        public var keepAlive: Duration = .seconds(60)
        public var keepAliveTimeout: Duration = .seconds(20)
        public var limits = PeerLimits()
        /// PEM files of the certificate (with its issuers) and its key; with both, the port speaks TLS and nothing else.
        public var tlsCertificate = ""
        public var tlsKey = ""
        /// A PEM file of authorities: clients must show a certificate that one of them has issued.
        public var tlsClientAuthorities = ""
        /// How long `wait`, and `cancel` that waits, hold an answer back until the run has ended.
        public var wait: Duration = .seconds(30)
        /// How long accepted requests and running runs may go on after SIGTERM.
        public var drain: Duration = .seconds(30)
    }

    /// What one peer may do before it is refused.
    public struct PeerLimits: Sendable, Equatable {
        public var headerBytes = 16 * 1024
        public var headerFields = 100
        public var requestLineBytes = 8 * 1024
        /// Bytes of unfinished requests, on all connections of one event loop together.
        public var unfinishedBytes = 64 * 1024 * 1024
        /// From the opening of a connection to its first request or HTTP/2 preface.
        public var preface: Duration = .seconds(10)
        /// From the first byte of a request to the end of its header, in HTTP/1.
        public var header: Duration = .seconds(15)
        /// Bytes a second of an HTTP/1 request's body.
        public var bodyRate = 100
        /// How long a peer may leave a request unfinished or a response unread.
        public var stall: Duration = .seconds(60)
        /// How long a connection may be open without a request.
        public var idle: Duration = .seconds(300)
        /// Frames of each kind that serve no request.
        public var flood = 1000
        /// Streams that may be reset at once, and then in a second.
        public var resets = 1000
        public var resetsPerSecond = 33
        /// CONTINUATION frames of one header.
        public var continuations = 8
        /// Acknowledgements that a peer may leave unread.
        public var acknowledgements = 1000
    }

    /// Where the program keeps files.
    public struct Data: Sendable, Equatable {
        /// The private Redis and the workspaces lie in it; relative to the working directory.
        public var directory = "data"
    }

    /// The server that holds all state.
    public struct Redis: Sendable, Equatable {
        /// When a private server forces its append-only file to disk.
        public enum AppendFsync: String, Sendable, CaseIterable {
            case always
            case everysec
            case no
        }

        /// A server, a master that sentinels watch, or a cluster: config.toml has the forms. Empty: a private server.
        public var url = Secret("")
        /// What sentinels ask for, if anything; user and password of the URL are the servers'.
        public var sentinelPassword = Secret("")
        /// A PEM file of authorities of which one must have issued the server's certificate; empty: the system's.
        public var tlsAuthorities = ""
        /// PEM files of the client's own certificate, with its issuers, and its key: both or neither.
        public var tlsCertificate = ""
        public var tlsKey = ""
        /// The name that the server's certificate must bear; empty: the host of the URL.
        public var tlsServerName = ""
        public var appendFsync = AppendFsync.always
        /// In front of every key and channel, so that installations can share a server.
        public var prefix = ""
        public var commandTimeout: Duration = .seconds(3)
    }

    /// How runs are claimed and kept.
    public struct Worker: Sendable, Equatable {
        /// Runs that one process carries out at once.
        public var concurrency = 64
        /// How long a run belongs to a worker that gives no sign of life.
        public var lease: Duration = .seconds(10)
        public var heartbeat: Duration = .seconds(3)
        /// How often runs of lost workers are looked for.
        public var reaper: Duration = .seconds(2)
        /// How often a run is given to a worker before it fails because workers were lost over it.
        public var maxAttempts = 3
        /// The most that a failed run waits for its first retry; doubled with each further one, up to `retryLimit`.
        public var retry: Duration = .seconds(2)
        public var retryLimit: Duration = .seconds(60)
        /// How long a run may wait for a worker; zero: for ever.
        public var queueLimit: Duration = .zero
    }

    /// The event log and its streams.
    public struct Events: Sendable, Equatable {
        /// Text deltas that come quicker than this share an event.
        public var delta: Duration = .milliseconds(15)
        /// Bytes after which an event is written at once.
        public var deltaBytes = 16_384
        public var keepAlive: Duration = .seconds(10)
        /// How often a queued run's place is told.
        public var waiting: Duration = .seconds(5)
        /// How long text deltas are kept after the end of their run; zero: for ever, as with the next.
        public var keepDeltas: Duration = .seconds(3600)
        /// How long events are kept after the end of their run.
        public var keep: Duration = .seconds(7 * 86_400)
        /// How often a worker looks for what is old.
        public var sweep: Duration = .seconds(30)
    }

    /// What threads may keep.
    public struct Threads: Sendable, Equatable {
        /// How long a thread is kept after its last event; zero: for ever.
        public var keep: Duration = .seconds(30 * 86_400)
        /// What a thread's events may take of Redis' memory, in bytes; 0: no bound.
        public var maxLogBytes = 64 << 20
    }

    /// The agent's defaults.
    public struct Agent: Sendable, Equatable {
        /// An alias or `provider/model`. Empty: the scripted demo, unless a provider has a key.
        public var model = ""
        public var maxTurns = 50
        /// Of one answer.
        public var maxTokens = 8192
        /// A file that takes the place of the built-in prompt; empty: the built-in one.
        public var systemPrompt = ""
        public var runLimit: Duration = .seconds(3600)
        /// A turn of the model with the tools it asks for.
        public var stepLimit: Duration = .seconds(1800)
        /// How long a run waits for an answer to what it asks.
        public var answerLimit: Duration = .seconds(86_400)
    }

    /// Where runs' lifecycle events are sent.
    public struct Webhooks: Sendable, Equatable {
        /// `whsec_` and the base64 of the key that signs them; empty: there are no webhooks.
        public var secret = Secret("")
        /// Of runs that bring none, and whose thread has none.
        public var url = ""
        /// Whether receivers may have addresses that are not public.
        public var allowPrivate = false
        /// How long a receiver may take to answer.
        public var timeout: Duration = .seconds(15)
        /// An event that was not taken so often is given up.
        public var maxTries = 8
        /// The most that the second try waits; doubled with each further one, up to `retryLimit`.
        public var retry: Duration = .seconds(10)
        public var retryLimit: Duration = .seconds(3600)
        /// Runs with a webhook that have not ended or not been delivered; further ones are refused.
        public var maxPending = 100_000
    }

    /// Which browsers' pages may call.
    public struct CORS: Sendable, Equatable {
        /// `https://host[:port]`, or `*` for all.
        public var origins: [String] = []
        /// Whether cookies and Authorization may be sent; not together with `*`.
        public var credentials = false
        /// How long a browser may remember the answer to a preflight.
        public var maxAge: Duration = .seconds(600)
    }

    public struct Log: Sendable, Equatable {
        public enum Level: String, Sendable, CaseIterable {
            case trace
            case debug
            case info
            case notice
            case warning
            case error
            case critical
        }

        public enum Format: String, Sendable, CaseIterable {
            case text
            case json
        }

        public var level = Level.info
        public var format = Format.text
    }
}

/// A host and a port to listen on.
public struct ListenAddress: Sendable, Equatable, CustomStringConvertible {
    public var host: String
    /// 0 lets the system choose.
    public var port: Int

    public init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    /// Reads `host:port` or `[IPv6 address]:port`; `nil` for anything else.
    public init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]),
            (0...65_535).contains(port)
        else { return nil }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
        } else if host.contains(":") {
            return nil
        }
        guard !host.isEmpty else { return nil }
        self.init(host: String(host), port: port)
    }

    public var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}
