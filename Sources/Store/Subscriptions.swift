public import Logging
public import NIOCore
internal import Redis

/// What is announced to one event loop: new events of the threads that someone watches there, runs that are to be cancelled.
///
/// One Redis connection for each loop, however many threads are watched. Created and used on its loop; every callback runs there.
public final class Subscriptions {
    private let keys: Keys
    private let subscription: Subscription
    private let gaps: Gaps

    /// Who is to be told when announcements may have been missed, by channel.
    private final class Gaps {
        var handlers: [String: () -> Void] = [:]
    }

    public init(store: Store, loop: any EventLoop, logger: Logger) {
        let gaps = Gaps()
        self.gaps = gaps
        keys = store.keys
        subscription = store.redis.makeSubscription(on: loop) { channel in
            gaps.handlers[channel]?()
        }
    }

    /// Watches a thread's log.
    ///
    /// - Parameters:
    ///   - onReady: from now on every event is announced.
    ///   - onEvents: events in the order of the log; none at all when the thread was deleted.
    ///   - onGap: some events may not have been announced, as the connection was lost and is back, or in a form that is not known here.
    public func watch(
        thread: String,
        onReady: @escaping () -> Void,
        onEvents: @escaping ([StoredEvent]) -> Void,
        onGap: @escaping () -> Void
    ) {
        let channel = keys.live(thread)
        gaps.handlers[channel] = onGap
        subscription.subscribe(
            channel,
            isSharded: true,
            onReady: onReady,
            onMessage: { message in
                if let events = Announcement.events(in: message) { onEvents(events) } else { onGap() }
            }
        )
    }

    public func unwatch(thread: String) {
        let channel = keys.live(thread)
        gaps.handlers[channel] = nil
        subscription.unsubscribe(channel)
    }

    /// Listens to which runs are to stop, and why.
    public func watchCancels(_ onCancel: @escaping (_ thread: String, _ run: String, _ reason: String) -> Void) {
        subscription.subscribe(
            keys.control,
            onReady: {},
            onMessage: { message in
                let parts = String(buffer: message).split(separator: " ")
                if parts.count == 3 { onCancel(String(parts[0]), String(parts[1]), String(parts[2])) }
            }
        )
    }

    public func close() { subscription.close() }
}
