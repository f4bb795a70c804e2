import Glibc
import HTTP
import Logging
import NIOCore
import NIOPosix
import RPC
import UnixSignals

/// Serves `grpc.testing.TestService` to other implementations' interoperability clients.
///
///     interop-server [--port P] [--cert FILE --key FILE]
///
/// Port 0, the default, is any free one; the first line of the output tells it. With a certificate, in PEM, it speaks
/// TLS.
@main
struct InteropServer {
    static func main() async throws {
        guard let configuration = configuration(CommandLine.arguments.dropFirst()) else {
            return print("usage: interop-server [--port P] [--cert FILE --key FILE]")
        }
        let logger = Logger(label: "interop-server")
        var router = MethodRouter(logger: logger)
        TestService.register(in: &router)
        let server = HTTPServer(configuration: configuration, group: .singleton, logger: logger, router: router)
        print("127.0.0.1:\(try await server.start().port ?? configuration.port)")
        fflush(nil)
        for await _ in await UnixSignalsSequence(trapping: .sigterm, .sigint) { break }
        await server.shutdown(grace: .seconds(30))
    }

    /// Nil when the arguments are not understood.
    private static func configuration(_ arguments: ArraySlice<String>) -> HTTPServer.Configuration? {
        var (port, certificate, key): (UInt16, String?, String?) = (0, nil, nil)
        var rest = arguments
        while let name = rest.popFirst() {
            guard let value = rest.popFirst() else { return nil }
            switch name {
            case "--port":
                guard let number = UInt16(value) else { return nil }
                port = number
            case "--cert": certificate = value
            case "--key": key = value
            case _: return nil
            }
        }
        var configuration = HTTPServer.Configuration(port: Int(port))
        switch (certificate, key) {
        case (let certificate?, let key?): configuration.tls = TLSFiles(certificateChain: certificate, privateKey: key)
        case (nil, nil): break
        case (_, _): return nil
        }
        return configuration
    }
}
