import Glibc
import HTTP
import Logging
import NIOCore
import NIOPosix
import RPC
import UnixSignals

/// Serves what `tools/bench/rpc` measures, on one event loop.
///
///     bench-server PORT
///
/// Its peers in `tools/bench/peers` serve the same.
@main
struct BenchServer {
    static func main() async throws {
        guard CommandLine.arguments.count == 2, let port = UInt16(CommandLine.arguments[1]) else {
            print("usage: bench-server PORT")
            exit(2)
        }
        let logger = Logger(label: "bench-server")
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let loop = group.next()
        var router = MethodRouter(logger: logger)
        BenchService(audience: try await loop.submit { NIOLoopBound(Audience(eventLoop: loop), eventLoop: loop) }.get())
            .register(in: &router)
        let configuration = HTTPServer.Configuration(port: Int(port))
        let server = HTTPServer(configuration: configuration, group: group, logger: logger, router: router)
        _ = try await server.start()
        for await _ in await UnixSignalsSequence(trapping: .sigterm, .sigint) { break }
        await server.shutdown(grace: .zero)
    }
}
