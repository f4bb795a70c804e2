import Client
import Glibc
import Messages

/// Looks at what this machine has of what a server needs.
struct Doctor: Sendable {
    let server: ServerOptions
    /// The configuration file; nil if there is none to look at.
    let configuration: String?
    /// Says what is to be said of a configuration file that can be read.
    let checkConfiguration: @Sendable (_ path: String) async -> Finding
    /// Looks at the Redis that the settings name.
    let checkDeployment: @Sendable () async -> Finding

    /// The checks, in the order in which they are told.
    var checks: [@Sendable () async -> Finding] {
        [
            redis, sandbox, search,
            { Self.openFiles(limit: Self.openFilesLimit()) },
            configurationFile, checkDeployment, answer,
        ]
    }

    @Sendable private func redis() async -> Finding {
        Self.redis(await Probe.run("redis-server", "--version"))
    }

    @Sendable private func sandbox() async -> Finding {
        // A version alone says little: the kernel may forbid what the program is for.
        let version = await Probe.run("bwrap", "--version")
        guard case .passed(let text) = version else { return Self.sandbox(version, version: "") }
        return Self.sandbox(await Probe.run("bwrap", "--unshare-all", "--ro-bind", "/", "/", "true"), version: text)
    }

    @Sendable private func search() async -> Finding {
        Self.search(await Probe.run("rg", "--version"))
    }

    @Sendable private func configurationFile() async -> Finding {
        guard let configuration else { return .good("configuration", "none given; the defaults hold") }
        guard access(configuration, R_OK) == 0 else {
            let reason = String(cString: strerror(errno))
            return .missing("configuration", "\(configuration): \(reason)", cure: "name a file that can be read")
        }
        return await checkConfiguration(configuration)
    }

    @Sendable private func answer() async -> Finding {
        do {
            let health = try await server.makeClient().health()
            let state = "version \(health.version) at \(server.url), \(Amounts.count(health.workers, "worker"))"
            guard health.status == "ok" else {
                let cure = "see that Redis runs and the server reaches it"
                return .warning("server", "\(state): redis \(health.redis), config \(health.config)", cure: cure)
            }
            guard health.workers > 0 else {
                return .warning("server", state, cure: "runs wait until there is one: baud modem")
            }
            return .good("server", state)
        } catch {
            let complaint = Complaint(error, url: server.url)
            return .warning("server", complaint.cause, cure: complaint.cure ?? "name another with --server")
        }
    }

    /// How many files this process may have open; nil where there is no limit.
    private static func openFilesLimit() -> UInt? {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 0 }
        return limit.rlim_cur == rlim_t.max ? nil : UInt(limit.rlim_cur)
    }
}

// MARK: - What the probes mean

extension Doctor {
    /// The oldest version of Redis that is known to do.
    private static let oldestRedis = [7, 0]

    static func redis(_ probe: Probe) -> Finding {
        let name = "redis-server"
        switch probe {
        case .absent:
            return .missing(name, "not found", cure: "install it: apt-get install redis-server")
        case .failed(let text):
            return .missing(name, text, cure: "see that it runs: redis-server --version")
        case .passed(let text):
            // Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=...
            let version =
                text.split(separator: " ").first { $0.hasPrefix("v=") }?.dropFirst(2) ?? "of an unknown version"
            let numbers = version.split(separator: ".").map { Int($0) ?? 0 }
            guard !numbers.lexicographicallyPrecedes(oldestRedis) else {
                return .missing(name, "\(version) is too old", cure: "install 7.0 or newer")
            }
            return .good(name, String(version))
        }
    }

    static func sandbox(_ probe: Probe, version: String) -> Finding {
        let name = "bubblewrap"
        switch probe {
        case .absent:
            return .missing(name, "not found", cure: "install it: apt-get install bubblewrap")
        case .failed(let text):
            let cure = "allow unprivileged user namespaces: sysctl kernel.unprivileged_userns_clone=1"
            return .missing(name, "no sandbox can be made: \(text)", cure: cure)
        case .passed:
            return .good(name, "\(version.split(whereSeparator: \.isWhitespace).last ?? ""), makes a sandbox")
        }
    }

    static func search(_ probe: Probe) -> Finding {
        let name = "ripgrep"
        switch probe {
        case .absent:
            return .warning(name, "not found; agents cannot use grep", cure: "install it: apt-get install ripgrep")
        case .failed(let text):
            return .warning(name, text, cure: "see that it runs: rg --version")
        case .passed(let text):
            return .good(name, String(text.split(whereSeparator: \.isWhitespace).dropFirst().first ?? ""))
        }
    }

    /// A connection is a file, and so is much of what a tool does.
    static func openFiles(limit: UInt?) -> Finding {
        let name = "open files"
        guard let limit else { return .good(name, "no limit") }
        guard limit < 16_384 else { return .good(name, "at most \(Amounts.number(limit))") }
        let text = "at most \(Amounts.number(limit)), too few for 10,000 connections"
        return .warning(name, text, cure: "ulimit -n 65536, or LimitNOFILE=65536 in a systemd unit")
    }
}
