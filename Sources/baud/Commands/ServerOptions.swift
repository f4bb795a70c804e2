import ArgumentParser
import Client
import Glibc
import Logging
import NIOPosix

/// Where the server is, for the commands that call one; and how they say what went wrong.
struct ServerOptions: ParsableArguments {
    @Option(
        name: .customLong("server"),
        help: ArgumentHelp("The server's URL; also by the environment variable BAUD_SERVER.", valueName: "url")
    )
    var url = Environment.value("BAUD_SERVER") ?? "http://127.0.0.1:8080"

    // As curl and grpcurl name them.

    @Option(help: ArgumentHelp("For https: who may have issued the server's certificate (PEM).", valueName: "file"))
    var cacert: String?

    @Option(help: ArgumentHelp("For https: the certificate to show to the server (PEM).", valueName: "file"))
    var cert: String?

    @Option(help: ArgumentHelp("The key of that certificate (PEM), if it is not in the same file.", valueName: "file"))
    var key: String?

    @Option(
        help: ArgumentHelp("Whose threads these are; also by the environment variable BAUD_TENANT.", valueName: "name")
    )
    var tenant = Environment.value("BAUD_TENANT")

    func makeClient() throws(BaudClientError) -> BaudClient {
        let quiet = Logger(label: "baud", factory: { _ in SwiftLogNoOpLogHandler() })
        return try BaudClient(
            url: url,
            credentials: TLSCredentials(authorities: cacert, certificate: cert, privateKey: key),
            tenant: tenant,
            group: MultiThreadedEventLoopGroup.singleton,
            logger: quiet
        )
    }

    /// Runs a command with a client. A failed call is told on standard error, with what may be done about it.
    ///
    /// - Throws: the exit code, if it is not 0.
    func withClient(_ body: (BaudClient) async throws -> ExitCode) async throws {
        var code: ExitCode
        do {
            code = try await body(makeClient())
        } catch let error as BaudClientError {
            Complaint(error, url: url).print()
            code = .failure
        } catch is Terminal.Closed {
            code = .outputClosed
        }
        if code != .success { throw code }
    }
}

extension ExitCode {
    /// Nobody reads on: the code of a process that SIGPIPE ended, which NIO keeps from doing so.
    static let outputClosed = ExitCode(128 + SIGPIPE)
}

/// What went wrong and what to do about it, for standard error.
struct Complaint: Equatable {
    let cause: String
    let cure: String?

    init(_ error: BaudClientError, url: String) {
        switch error.code {
        case .unavailable:
            cause = error.message.isEmpty ? "no server answers at \(url)" : error.message
            cure = "is a server running? start one with: baud serve"
        case .deadlineExceeded:
            cause = "the server at \(url) did not answer in time"
            cure = "see what is wrong with it with: baud doctor"
        case .unimplemented:
            cause = "what answers at \(url) does not know this call: \(error.message)"
            cure = "is it a Baud server of this version? name another with --server"
        case _:
            cause = error.message.isEmpty ? "\(error.code)" : error.message
            cure = nil
        }
    }

    func print(on terminal: Terminal = .error) {
        let text = text(terminal.palette)
        // Nobody can be told that nobody can be told.
        try? terminal.write(text)
    }

    func text(_ palette: Palette) -> String {
        let cause = palette.red("error:") + " \(TerminalText.cleanLine(cause))\n"
        guard let cure else { return cause }
        return cause + "  \(cure)\n"
    }
}
