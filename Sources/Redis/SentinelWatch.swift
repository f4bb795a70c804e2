internal import Logging
internal import NIOCore

/// Listens to one of the sentinels for a new master; to the next one when that is lost.
///
/// A connection whose server has died notices by itself. This is for those whose server is cut off or hangs, which would
/// otherwise wait for a time limit. Owned by a ``RedisClient``; lives on one event loop.
final class SentinelWatch {
    private static let channel = "+switch-master"

    private let subscription: ServerSubscription

    /// - Parameter onSwitch: called when another server has become the master.
    init(
        _ sentinels: [RedisAddress],
        master: String,
        configuration: RedisConfiguration,
        loop: any EventLoop,
        logger: Logger,
        onSwitch: @escaping () -> Void
    ) {
        var turn = Int.random(in: sentinels.indices)
        subscription = ServerSubscription(configuration: configuration.forSentinels, loop: loop, logger: logger) {
            turn = (turn + 1) % sentinels.count
            return .server(sentinels[turn])
        }
        subscription.onMessage = { _, message in
            // The master's name, its old host and port, the new host and port.
            let words = String(buffer: message).split(separator: " ")
            guard words.count == 5, words[0] == master else { return }
            logger.notice("redis has a new master", metadata: ["redis": "\(words[3]):\(words[4])"])
            onSwitch()
        }
        subscription.subscribe(Self.channel, isSharded: false)
    }

    func close() { subscription.close() }
}
