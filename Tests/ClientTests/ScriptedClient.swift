import NIOPosix
import RPC
import TestSupport

@testable import Client

/// Retries without waiting, so that a test takes no longer than what it tests.
extension RetryPolicy {
    static let quick = RetryPolicy(maxRetries: 4, base: .zero, cap: .zero)
}

/// Serves what `methods` adds to a client of its own.
func withClient(
    methods: (inout MethodRouter) -> Void,
    _ body: (BaudClient) async throws -> Void
) async throws {
    try await withServer(methods: methods) { port in
        let client = try makeClient(port: port)
        try await body(client)
        await client.close()
    }
}

func makeClient(port: Int) throws -> BaudClient {
    try BaudClient(
        url: "http://127.0.0.1:\(port)",
        group: MultiThreadedEventLoopGroup.singleton,
        logger: quiet,
        callRetries: .quick,
        eventRetries: .quick
    )
}
