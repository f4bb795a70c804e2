import CNghttp2
import NIOCore

extension HTTP2Connection {
    /// Asks a silent peer for a sign of life, and gives up one that shows none; false then.
    func sweepSilence(now: NIODeadline) -> Bool {
        switch silence?.check(at: now, isIdle: isIdle) {
        case .ping:
            ping()
        case .close:
            note(.unresponsive)
            close()
            return false
        case .some(.none), nil:
            break
        }
        return true
    }

    /// Sweeps a client's connection as long as there is one; a server's is swept by its loop.
    func watchSilence(on eventLoop: any EventLoop) {
        guard let interval = silence?.keepAlive.interval else { return }
        eventLoop.assumeIsolated().scheduleTask(in: interval) {
            guard self.session != nil, self.sweepSilence(now: .now()) else { return }
            self.watchSilence(on: eventLoop)
        }
    }
}
