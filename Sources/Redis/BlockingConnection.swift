internal import Logging
internal import NIOCore

/// A connection of its own for commands that make the server wait (`XREADGROUP ... BLOCK`), which would hold up
/// everything behind them on a shared one.
///
/// Made by ``RedisClient/makeBlockingConnection(on:)``; in a cluster it is one to each node that is used. Used by one
/// caller at a time; more calls queue behind each other. After a loss the next call connects again; while the server is
/// away calls fail at once, so a caller that loops waits between failures.
public final class BlockingConnection: Sendable {
    private let loop: any EventLoop
    private let box: NIOLoopBoundBox<RedisConnection?>

    /// - Parameter makeConnection: called once, on the loop.
    init(loop: any EventLoop, makeConnection: @escaping @Sendable () -> RedisConnection) {
        self.loop = loop
        box = .makeEmptyBox(valueType: RedisConnection.self, eventLoop: loop)
        // Before anything that is sent, as that is a later task of the loop.
        loop.execute { [box] in box.value = makeConnection() }
    }

    /// To one server, without a client.
    convenience init(address: RedisAddress, loop: any EventLoop, logger: Logger) {
        self.init(loop: loop) {
            RedisConnection(
                route: .single(.server(address), Observers()),
                configuration: RedisConfiguration(address: address),
                loop: loop,
                logger: logger
            )
        }
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
                    if case .cancelled = call.value {
                        return continuation.resume(
                            returning: Result<RESPValue, RedisError>.failure(
                                RedisError(.cancelled, "the command was cancelled before it was sent")
                            )
                        )
                    }
                    let ticket = self.box.value?.send(command, timeout: TimeAmount(timeout)) {
                        continuation.resume(returning: $0)
                    }
                    call.value = .sent(ticket)
                }
            }
        } onCancel: {
            loop.execute {
                if case .sent(let ticket) = call.value {
                    if let ticket { self.box.value?.abandon(ticket) }
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
                self.box.value?.close()
                continuation.resume()
            }
        }
    }

    /// Where one call stands; cancellation may arrive before the loop has come to send it.
    private enum CallState {
        case notSent
        case cancelled
        /// Without a ticket when it was refused at once.
        case sent(RedisConnection.Ticket?)
    }
}
