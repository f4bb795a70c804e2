import Glibc
import HTTP
import Logging
import NIOCore
import NIOPosix
import RPC

/// Carries out gRPC's interoperability test cases against any server of `grpc.testing.TestService`.
///
///     interop-client --server HOST:PORT [--cacert FILE] [--count N] CASE ...
///
/// With authorities, in PEM, it speaks TLS. Prints a line for each case that passed, and ends with 1 at the first one
/// that did not.
@main
struct InteropClient {
    static func main() async throws {
        guard let arguments = Arguments(CommandLine.arguments.dropFirst()) else {
            print("usage: interop-client --server HOST:PORT [--cacert FILE] [--count N] CASE ...")
            exit(2)
        }
        let plain = try channel(arguments, compression: nil)
        let compressing = try channel(arguments, compression: .gzip)
        let cases = TestCases(plain: plain, compressing: compressing)
        for name in arguments.cases {
            guard let test = TestCases.all[name] else {
                print("\(name): there is no such case; there are \(TestCases.all.keys.sorted().joined(separator: " "))")
                exit(2)
            }
            do {
                for _ in 0..<arguments.count { try await test(cases)() }
            } catch {
                print("failed: \(name): \(error)")
                exit(1)
            }
            print("passed: \(name)")
        }
        await plain.close()
        await compressing.close()
    }

    private static func channel(_ arguments: Arguments, compression: Compression?) throws -> RPCChannel {
        RPCChannel(
            host: arguments.host,
            port: arguments.port,
            tls: try arguments.authorities.map { try ClientTLS(authorities: $0) },
            group: MultiThreadedEventLoopGroup.singleton,
            logger: Logger(label: "interop-client"),
            compression: compression
        )
    }
}

private struct Arguments {
    var host = ""
    var port = 0
    var authorities: String?
    var count = 1
    var cases: [String] = []

    /// Nil when they are not understood.
    init?(_ arguments: ArraySlice<String>) {
        var rest = arguments
        while let name = rest.popFirst() {
            guard name.hasPrefix("--") else {
                cases.append(name)
                continue
            }
            guard let value = rest.popFirst() else { return nil }
            switch name {
            case "--server":
                let parts = value.split(separator: ":")
                guard parts.count == 2, let number = UInt16(parts[1]) else { return nil }
                (host, port) = (String(parts[0]), Int(number))
            case "--cacert": authorities = value
            case "--count":
                guard let number = Int(value), number > 0 else { return nil }
                count = number
            case _: return nil
            }
        }
        guard !host.isEmpty, !cases.isEmpty else { return nil }
    }
}
