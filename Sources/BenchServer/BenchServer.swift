import Glibc
import HTTP
import Logging
import NIOCore
import NIOPosix
import RPC

/// Serves what `tools/bench/rpc` measures, on one event loop.
///
///     bench-server PORT
///
/// Its peers in `tools/bench/peers` serve the same. The main function does not suspend, so that valgrind can run it.
@main
struct BenchServer {
    static func main() throws {
        guard CommandLine.arguments.count == 2, let port = UInt16(CommandLine.arguments[1]) else {
            print("usage: bench-server PORT")
            exit(2)
        }
        // Before there is another thread, which would take the signals.
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGTERM)
        sigaddset(&signals, SIGINT)
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        let logger = Logger(label: "bench-server")
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let loop = group.next()
        let audience = try loop.submit { NIOLoopBound(Audience(), eventLoop: loop) }.wait()
        var router = MethodRouter(logger: logger)
        BenchService(audience: audience).register(in: &router)
        let configuration = HTTPServer.Configuration(port: Int(port))
        let server = HTTPServer(configuration: configuration, group: group, logger: logger, router: router)
        Task.detached {
            do {
                _ = try await server.start()
            } catch {
                print("bench-server: \(error)")
                exit(1)
            }
        }
        var received: Int32 = 0
        sigwait(&signals, &received)
    }
}
