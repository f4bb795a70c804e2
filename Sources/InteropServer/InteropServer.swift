import Glibc
import HTTP
import Logging
import NIOCore
import NIOPosix
import RPC
import UnixSignals

/// Serves `grpc.testing.TestService` to other implementations' interoperability clients.
///
///     interop-server [--port P]
///
/// Port 0, the default, is any free one; the first line of the output tells it.
@main
struct InteropServer {
    static func main() async throws {
        guard let port = port(CommandLine.arguments.dropFirst()) else {
            return print("usage: interop-server [--port P]")
        }
        let logger = Logger(label: "interop-server")
        var router = MethodRouter(logger: logger)
        TestService.register(in: &router)
        let configuration = HTTPServer.Configuration(port: port)
        let server = HTTPServer(configuration: configuration, group: .singleton, logger: logger, router: router)
        print("127.0.0.1:\(try await server.start().port ?? port)")
        fflush(nil)
        for await _ in await UnixSignalsSequence(trapping: .sigterm, .sigint) { break }
        await server.shutdown(grace: .seconds(30))
    }

    /// Nil when the arguments are not understood.
    private static func port(_ arguments: ArraySlice<String>) -> Int? {
        guard let name = arguments.first else { return 0 }
        guard name == "--port", arguments.count == 2 else { return nil }
        return arguments.last.flatMap { UInt16($0) }.map { Int($0) }
    }
}
