internal import CCurl
internal import Glibc

/// Drives libcurl's multi handle with epoll, on a thread of its own that ends with ``run()``.
///
/// Owns the multi handle, the epoll descriptor and all transfers; nothing of it leaves the thread. Each turn: sockets,
/// commands, libcurl's timer, finished transfers, time limits. Transfers are only removed between calls into libcurl,
/// never from a callback.
final class TransferLoop {
    private static let globalInit = curl_global_init(Int(CURL_GLOBAL_DEFAULT))

    private let configuration: CurlClient.Configuration
    private let queue: TransferQueue
    private let multi: UnsafeMutableRawPointer
    private let epoll: Int32
    private var transfers: [ObjectIdentifier: Transfer] = [:]
    /// When libcurl wants to be called without a socket being ready.
    private var timer: Int64?
    /// No transfer can have waited too long before this, whatever comes until then; so deadlines are only looked at
    /// when it has passed.
    private var nextSweep = Int64.max

    /// Starts the thread; it ends after ``TransferQueue/stop()``.
    static func startThread(_ configuration: CurlClient.Configuration, queue: TransferQueue) throws(CurlError) {
        guard globalInit == CURLE_OK else { throw CurlError(globalInit, detail: "") }
        let context = Unmanaged.passRetained(try TransferLoop(configuration, queue: queue))
        var thread = pthread_t()
        let status = pthread_create(
            &thread,
            nil,
            { context in
                guard let context else { return nil }
                Unmanaged<TransferLoop>.fromOpaque(context).takeRetainedValue().run()
                return nil
            },
            context.toOpaque()
        )
        guard status == 0 else {
            context.release()
            throw CurlError(.failed, "pthread_create: errno \(status)")
        }
        pthread_detach(thread)
    }

    private init(_ configuration: CurlClient.Configuration, queue: TransferQueue) throws(CurlError) {
        let epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
        guard epoll >= 0 else { throw CurlError(.failed, "epoll_create1: errno \(errno)") }
        guard let multi = curl_multi_init() else {
            close(epoll)
            throw CurlError(.failed, "curl_multi_init failed")
        }
        self.configuration = configuration
        self.queue = queue
        self.multi = multi
        self.epoll = epoll
        try configure()
    }

    deinit {
        // Connections are closed in here, and nothing must look for this object any more.
        _ = baud_curl_multi_set_socket_callback(multi, nil)
        _ = baud_curl_multi_set_timer_callback(multi, nil)
        curl_multi_cleanup(multi)
        close(epoll)
    }

    private func configure() throws(CurlError) {
        let context = Unmanaged.passUnretained(self).toOpaque()
        for code in [
            baud_curl_multi_set_socket_callback(multi, onSocket),
            baud_curl_multi_set_pointer(multi, CURLMOPT_SOCKETDATA, context),
            baud_curl_multi_set_timer_callback(multi, onTimer),
            baud_curl_multi_set_pointer(multi, CURLMOPT_TIMERDATA, context),
            baud_curl_multi_set_long(multi, CURLMOPT_PIPELINING, Int(CURLPIPE_MULTIPLEX)),
            baud_curl_multi_set_long(multi, CURLMOPT_MAX_HOST_CONNECTIONS, configuration.maxConnectionsPerHost),
            baud_curl_multi_set_long(multi, CURLMOPT_MAX_CONCURRENT_STREAMS, configuration.maxStreamsPerConnection),
        ] where code != CURLM_OK {
            throw CurlError(.failed, String(cString: curl_multi_strerror(code)))
        }
        guard watch(queue.eventDescriptor, for: EPOLLIN.rawValue) else {
            throw CurlError(.failed, "epoll_ctl: errno \(errno)")
        }
    }

    // MARK: The loop

    private func run() {
        blockSignals()
        var events = [epoll_event](repeating: epoll_event(), count: 64)
        while true {
            let count = epoll_wait(epoll, &events, Int32(events.count), waitMilliseconds())
            for event in events.prefix(Int(max(0, count))) where event.data.fd != queue.eventDescriptor {
                act(on: event.data.fd, curlMask(event.events))
            }
            let (commands, isStopping) = queue.take()
            for command in commands { carryOut(command) }
            if isStopping { break }
            if let timer, timer <= monotonicMilliseconds() {
                self.timer = nil
                act(on: CURL_SOCKET_TIMEOUT, 0)
            }
            reap()
            sweep()
        }
        for transfer in transfers.values { end(transfer, .shutdown) }
        queue.threadEnded()
    }

    /// Signals are for the other threads, and a broken pipe is an error code here.
    private func blockSignals() {
        var signals = sigset_t()
        sigfillset(&signals)
        pthread_sigmask(SIG_SETMASK, &signals, nil)
    }

    private func waitMilliseconds() -> Int32 {
        let next = min(timer ?? .max, nextSweep)
        guard next != .max else { return -1 }
        return Int32(clamping: max(0, next - monotonicMilliseconds()))
    }

    private func act(on socket: curl_socket_t, _ mask: Int32) {
        var running: Int32 = 0
        let code = curl_multi_socket_action(multi, socket, mask, &running)
        guard code != CURLM_OK else { return }
        let error = CurlError(.failed, String(cString: curl_multi_strerror(code)))
        for transfer in transfers.values { end(transfer, error) }
    }

    private func carryOut(_ command: TransferQueue.Command) {
        switch command {
        case .start(let request, let channel): start(request, channel)
        case .resume(let channel):
            if let transfer = transfers[ObjectIdentifier(channel)] { resume(transfer) }
        case .discard(let channel):
            guard let transfer = transfers[ObjectIdentifier(channel)] else { return }
            transfer.endSoon()
            resume(transfer)
        case .cancel(let channel):
            if let transfer = transfers[ObjectIdentifier(channel)] { end(transfer, .cancelled) }
        }
    }

    private func resume(_ transfer: Transfer) {
        let code = transfer.resume()
        nextSweep = min(nextSweep, transfer.earliestDeadline(from: monotonicMilliseconds()))
        if code != CURLE_OK { end(transfer, transfer.error(for: code)) }
    }

    private func start(_ request: CurlRequest, _ channel: ResponseChannel) {
        do throws(CurlError) {
            let transfer = try Transfer(request, configuration, channel)
            let code = curl_multi_add_handle(multi, transfer.easy)
            guard code == CURLM_OK else { throw CurlError(.failed, String(cString: curl_multi_strerror(code))) }
            transfers[ObjectIdentifier(channel)] = transfer
            nextSweep = min(nextSweep, transfer.earliestDeadline(from: monotonicMilliseconds()))
        } catch {
            queue.transferEnded()
            channel.finish(error)
        }
    }

    /// Ends the transfers that libcurl has finished.
    private func reap() {
        var remaining: Int32 = 0
        while let message = curl_multi_info_read(multi, &remaining) {
            var context: UnsafeMutableRawPointer?
            guard message.pointee.msg == CURLMSG_DONE,
                baud_curl_get_private(message.pointee.easy_handle, &context) == CURLE_OK, let context
            else { continue }
            let transfer = Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
            end(transfer, transfer.error(for: baud_curl_message_result(message)))
        }
    }

    /// Ends the transfers whose peer was silent for too long; a transfer that waits for its reader has all the time it
    /// needs.
    private func sweep() {
        let now = monotonicMilliseconds()
        guard nextSweep <= now else { return }
        nextSweep = .max
        for transfer in transfers.values where !transfer.isPaused {
            if transfer.deadline <= now {
                end(transfer, CurlError(.timeout, "nothing came within the time limit"))
            } else {
                nextSweep = min(nextSweep, transfer.earliestDeadline(from: now))
            }
        }
    }

    private func end(_ transfer: Transfer, _ error: CurlError?) {
        curl_multi_remove_handle(multi, transfer.easy)
        transfers[ObjectIdentifier(transfer.channel)] = nil
        queue.transferEnded()
        transfer.channel.finish(error)
    }

    // MARK: Sockets and timer, as libcurl wants them

    fileprivate func watch(_ socket: Int32, for events: UInt32) -> Bool {
        var event = epoll_event()
        event.events = events
        event.data.fd = socket
        if epoll_ctl(epoll, EPOLL_CTL_MOD, socket, &event) == 0 { return true }
        return errno == ENOENT && epoll_ctl(epoll, EPOLL_CTL_ADD, socket, &event) == 0
    }

    /// A closed socket has left the set by itself.
    fileprivate func unwatch(_ socket: Int32) {
        _ = epoll_ctl(epoll, EPOLL_CTL_DEL, socket, nil)
    }

    fileprivate func setTimer(afterMilliseconds delay: Int) {
        timer = delay < 0 ? nil : monotonicMilliseconds() + Int64(delay)
    }
}

// MARK: - Callbacks of libcurl

private func onSocket(
    easy: UnsafeMutableRawPointer?,
    socket: curl_socket_t,
    what: Int32,
    context: UnsafeMutableRawPointer?,
    socketContext: UnsafeMutableRawPointer?
) -> Int32 {
    guard let context else { return -1 }
    let loop = Unmanaged<TransferLoop>.fromOpaque(context).takeUnretainedValue()
    switch what {
    case CURL_POLL_REMOVE: loop.unwatch(socket)
    case CURL_POLL_IN: return loop.watch(socket, for: EPOLLIN.rawValue) ? 0 : -1
    case CURL_POLL_OUT: return loop.watch(socket, for: EPOLLOUT.rawValue) ? 0 : -1
    case CURL_POLL_INOUT: return loop.watch(socket, for: EPOLLIN.rawValue | EPOLLOUT.rawValue) ? 0 : -1
    default: break
    }
    return 0
}

private func onTimer(multi: UnsafeMutableRawPointer?, delay: Int, context: UnsafeMutableRawPointer?) -> Int32 {
    guard let context else { return -1 }
    Unmanaged<TransferLoop>.fromOpaque(context).takeUnretainedValue().setTimer(afterMilliseconds: delay)
    return 0
}

private func curlMask(_ events: UInt32) -> Int32 {
    var mask: Int32 = 0
    if events & EPOLLIN.rawValue != 0 { mask |= CURL_CSELECT_IN }
    if events & EPOLLOUT.rawValue != 0 { mask |= CURL_CSELECT_OUT }
    if events & (EPOLLERR.rawValue | EPOLLHUP.rawValue) != 0 { mask |= CURL_CSELECT_ERR }
    return mask
}
