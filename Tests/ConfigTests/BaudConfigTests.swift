import Foundation
import Testing

@testable import Config

struct BaudConfigTests {
    /// The file at the root of the package.
    private static let example = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("config.toml").path

    private func problems(
        _ text: String,
        environment: [String: String] = [:],
        flags: [String: String] = [:]
    ) -> [String] {
        do throws(ConfigError) {
            _ = try BaudConfig.parse(text, environment: environment, flags: flags)
            return []
        } catch {
            return error.problems
        }
    }

    @Test func `config.toml has the defaults, and every setting`() throws {
        #expect(try BaudConfig.load(file: Self.example, environment: [:]) == BaudConfig())
        #expect(try BaudConfig.load(file: nil, environment: [:]) == BaudConfig())
        // Each setting is in the file: its name is among those that an unknown one is told.
        let lines = TOMLLines(try String(contentsOfFile: Self.example, encoding: .utf8))
        for section in ["server", "data", "redis", "worker", "events", "agent", "llm", "script", "tools"]
            + ["sandbox", "webhooks", "cors", "log", "llm.providers.openai"]
        {
            let problem = try #require(problems("[\(section)]\nno_such = 1\n").first)
            let names = problem.components(separatedBy: "allowed here are ").last?.components(separatedBy: ", ") ?? []
            #expect(!names.isEmpty)
            // The tables inside have a section of their own.
            for name in names where name != "providers" {
                let path = section.split(separator: ".").map(String.init)
                #expect(lines.line(of: path + [name]) != lines.line(of: path), "\(section).\(name) is missing")
            }
        }
    }

    @Test func `flags go before the environment, the environment before the file`() throws {
        let text = """
            [redis]
            prefix = "file"
            command_timeout_ms = 100
            [worker]
            concurrency = 1
            [tools]
            disabled = ["bash"]
            """
        let environment = [
            "BAUD_REDIS_PREFIX": "environment", "BAUD_WORKER_CONCURRENCY": "2", "BAUD_TOOLS_DISABLED": "grep,glob",
            "BAUD_CORS_CREDENTIALS": "true", "REDIS_PREFIX": "other",
        ]
        let config = try BaudConfig.parse(text, environment: environment, flags: ["redis.prefix": "flag"])
        #expect(config.redis.prefix == "flag")
        #expect(config.worker.concurrency == 2)
        #expect(config.redis.commandTimeout == .milliseconds(100))
        #expect(config.tools.disabled == ["grep", "glob"])
        #expect(config.cors.credentials)
        #expect(try BaudConfig.parse(text, environment: ["BAUD_TOOLS_DISABLED": ""]).tools.disabled.isEmpty)
    }

    @Test func `plain names: ENV and the keys of the providers`() throws {
        let environment = ["ENV": "production", "ANTHROPIC_API_KEY": "a", "OPENAI_API_KEY": "o"]
        let config = try BaudConfig.parse("[llm.providers.openai]\napi_key = \"file\"", environment: environment)
        #expect(config.environment == "production")
        #expect(config.llm.providers["anthropic"]?.apiKey == Secret("a"))
        #expect(config.llm.providers["openai"]?.apiKey == Secret("file"))
    }

    @Test func `providers and aliases of one's own`() throws {
        let text = """
            [llm.aliases]
            planning = "local/big"
            "gpt-4.1" = "openai/gpt-4.1"
            [llm.providers.local]
            kind = "openai"
            base_url = "http://127.0.0.1:9/v1"
            api_key_env = "LOCAL_KEY"
            """
        let llm = try BaudConfig.parse(text, environment: ["LOCAL_KEY": "k"]).llm
        #expect(llm.aliases["planning"] == "local/big" && llm.aliases["gpt-4.1"] == "openai/gpt-4.1")
        #expect(llm.aliases["execution"] == BaudConfig().llm.aliases["execution"])
        #expect(llm.providers["local"]?.baseURL == "http://127.0.0.1:9/v1")
        #expect(llm.providers["local"]?.apiKey == Secret("k"))
        #expect(llm.providers.count == 3)
    }

    @Test(arguments: [
        (
            "[redis]\n\nappendonly = \"sometimes\"",
            "config.toml:3: redis.appendonly = \"sometimes\": allowed are always, everysec, no"
        ),
        ("[redis]\nappendonly = 1", "config.toml:2: redis.appendonly = 1: allowed are always, everysec, no"),
        ("worker.concurrency = 0", "config.toml:1: worker.concurrency = 0: must be a whole number from 1 to 10000"),
        (
            "[worker]\nconcurrency = 1.5",
            "config.toml:2: worker.concurrency = 1.5: must be a whole number from 1 to 10000"
        ),
        (
            "[worker]\nheartbeat_ms = 5000",
            "config.toml:2: worker.heartbeat_ms = 5000: must be less than half of worker.lease_ms"
        ),
        ("[worker]\nlease_ms = 5000", "worker.heartbeat_ms has its default: must be less than half of worker.lease_ms"),
        ("[server]\nlisten = \"nowhere\"", "config.toml:2: server.listen = \"nowhere\": must be host:port"),
        ("[tools]\nenabled = [1]", "config.toml:2: tools.enabled = [ 1 ]: must be a list of texts"),
        ("redis = 1", "config.toml:1: redis: unknown setting"),
        ("server = { listen = 1 }", "config.toml:1: server.listen = 1: must be host:port"),
        ("[log]\nlevel = \"loud\"", "config.toml:2: log.level = \"loud\": allowed are trace, debug, info,"),
        ("\n[redsi]\nurl = \"\"", "config.toml:2: redsi: unknown setting; allowed here are agent, cors,"),
        ("[script]\npath = \"x\"", "config.toml:2: script.path: unknown setting; allowed here are dir"),
        ("[llm.aliases]\na = \"model\"", "config.toml:2: llm.aliases.a = \"model\": must be provider/model"),
        ("[llm.providers.mine]\nkind = \"openai\"", "llm.providers.mine.base_url has its default: is needed"),
        (
            "[cors]\norigins = [\"*\"]\ncredentials = true",
            "config.toml:3: cors.credentials = true: must be false while"
        ),
        (
            "[webhooks]\nsecret = \"whsec_c2hvcnQ=\"",
            "config.toml:2: webhooks.secret = ***: must be whsec_ and the base64"
        ),
        ("[webhooks]\nurl = \"https://a.example\"", "config.toml:2: webhooks.url = \"https://a.example\": needs"),
        ("[server\n", "config.toml:1: "),
        ("[log]\nlevel = \"info\"\nlevel = \"info\"", "config.toml:3: "),
    ])
    func wrongFile(text: String, problem: String) {
        let all = problems(text)
        #expect(all.contains { $0.hasPrefix(problem) }, "\(all)")
    }

    @Test func `wrong variables and flags are named as they were given`() {
        #expect(
            problems("", environment: ["BAUD_REDIS_APPENDONLY": "x"])
                == ["environment: BAUD_REDIS_APPENDONLY = \"x\": allowed are always, everysec, no"]
        )
        #expect(
            problems("", flags: ["worker.concurrency": "many"])
                == ["flag worker.concurrency = \"many\": must be a whole number from 1 to 10000"]
        )
        #expect(problems("", flags: ["redis.ulr": "x"]).first?.hasPrefix("flag redis.ulr: unknown setting; ") == true)
    }

    @Test func `all problems come at once`() {
        #expect(problems("[log]\nlevel = 1\nformat = 2\ncolour = true").count == 3)
    }

    @Test func `secrets are not shown`() throws {
        let config = try BaudConfig.parse(
            "redis.url = \"redis://:hunter2@h\"",
            environment: ["OPENAI_API_KEY": "hunter2"]
        )
        var dumped = ""
        dump(config, to: &dumped)
        #expect(!"\(config)".contains("hunter2") && !dumped.contains("hunter2"))
        #expect(!String(reflecting: config).contains("hunter2"))
        let error = problems("[redis]\nurl = [\"hunter2\"]")
        #expect(error == ["config.toml:2: redis.url = ***: must be a text"])
    }

    @Test func `an unreadable file is told`() {
        #expect { try BaudConfig.load(file: "/no/such.toml", environment: [:]) } throws: {
            ($0 as? ConfigError)?.code == .unreadable
        }
    }

    @Test func `lines are found in spite of strings over several lines`() {
        let lines = TOMLLines("a = \"\"\"\n[b]\nc = 1\n\"\"\"\n[ x . \"y.z\" ]\nk.l = 'q'\n")
        #expect(lines.line(of: ["a"]) == 1)
        #expect(lines.line(of: ["b"]) == nil)
        #expect(lines.line(of: ["x", "y.z", "k", "l"]) == 6)
        #expect(lines.line(of: ["x", "y.z", "none"]) == 5)
    }

    @Test func `addresses`() {
        #expect(ListenAddress("[::1]:80") == ListenAddress(host: "::1", port: 80))
        #expect(ListenAddress("localhost:0")?.description == "localhost:0")
        for text in ["", "80", ":80", "h:", "h:70000", "::1:80"] { #expect(ListenAddress(text) == nil) }
    }
}
