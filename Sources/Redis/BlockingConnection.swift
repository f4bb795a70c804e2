public import Logging
public import NIOCore

/// A connection of its own for commands that make the server wait (`XREADGROUP ... BLOCK`), which would hold up
/// everything behind them on a shared one.
///
/// Used by one caller at a time; more calls queue behind each other. After a loss the next call connects again; while
/// the server is away calls fail at once, so a caller that loops waits between failures.
public final class BlockingConnection: Sendable {
    private let loop: any EventLoop
    private let connection: NIOLoopBoundBox<RedisConnection>

    public init(configuration: RedisConfiguration, loop: any EventLoop, logger: Logger) {
        self.loop = loop
        let connection = RedisConnection(configuration: configuration, loop: loop, logger: logger)
        self.connection = .makeBoxSendingValue(connection, eventLoop: loop)
    }

    /// Sends a command and waits for its reply.
    ///
    /// Cancelling the task closes the connection, which ends the wait on the server too. A reply that was under way is
    /// lost then: an entry it delivered stays pending in its consumer group.
    ///
    /// - Parameter timeout: longer than the server's own (`BLOCK`) by what a reply may take.
    /// - Throws: `.timeout`, `.unavailable`, `.server`; `.cancelled` when the task was cancelled.
    public func send(_ command: RedisCommand, timeout: Duration) async throws(RedisError) -> RESPValue {
        let call = NIOLoopBoundBox.makeBoxSendingValue(CallState.notSent, eventLoop: loop)
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                loop.execute {
                    guard call.value != .cancelled else {
                        return continuation.resume(
                            returning: Result<RESPValue, RedisError>.failure(
                                RedisError(.cancelled, "the command was cancelled before it was sent")
                            )
                        )
                    }
                    let ticket = self.connection.value.send(command, timeout: TimeAmount(timeout)) {
                        continuation.resume(returning: $0)
                    }
                    call.value = .sent(ticket)
                }
            }
        } onCancel: {
            loop.execute {
                if case .sent(let ticket) = call.value {
                    if let ticket { self.connection.value.abandon(ticket) }
                } else {
                    call.value = .cancelled
                }
            }
        }
        return try result.get()
    }

    /// Closes the connection; a pending call fails with `.closed`, as does every later one.
    public func close() async {
        await withCheckedContinuation { continuation in
            loop.execute {
                self.connection.value.close()
                continuation.resume()
            }
        }
    }

    /// Where one call stands; cancellation may arrive before the loop has come to send it.
    private enum CallState: Equatable {
        case notSent
        case cancelled
        /// Without a ticket when it was refused at once.
        case sent(RedisConnection.Ticket?)
    }
}
