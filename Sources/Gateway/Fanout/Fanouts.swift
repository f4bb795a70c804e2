internal import Logging
internal import NIOCore
internal import NIOPosix
internal import Store

/// The ``Fanout`` of each event loop. Made once, then read from all loops.
final class Fanouts: Sendable {
    private let byLoop: [ObjectIdentifier: NIOLoopBound<Fanout>]
    private let loops: [any EventLoop]

    init(store: Store, group: MultiThreadedEventLoopGroup, intervals: StreamIntervals, logger: Logger) async throws {
        var byLoop: [ObjectIdentifier: NIOLoopBound<Fanout>] = [:]
        loops = Array(group.makeIterator())
        for loop in loops {
            byLoop[ObjectIdentifier(loop)] = try await loop.submit {
                NIOLoopBound(Fanout(store: store, loop: loop, intervals: intervals, logger: logger), eventLoop: loop)
            }.get()
        }
        self.byLoop = byLoop
    }

    /// To be called on the loop, which is one of the group's.
    func fanout(on loop: any EventLoop) -> Fanout {
        guard let fanout = byLoop[ObjectIdentifier(loop)] else {
            preconditionFailure("the event loop is not one of the gateway's")
        }
        return fanout.value
    }

    func close() async {
        for loop in loops {
            guard let fanout = byLoop[ObjectIdentifier(loop)] else { continue }
            await withCheckedContinuation { continuation in
                loop.execute {
                    fanout.value.close()
                    continuation.resume()
                }
            }
        }
    }
}
