internal import Store

/// Where a viewer's events go: a gRPC stream or a response of server-sent events. Lives on its connection's event loop.
protocol EventSink: AnyObject {
    /// Whether less waits to be sent than the protocol's engine wants to hold.
    var isWritable: Bool { get }
    /// Whether the peer has gone or the server stops, known before anyone observes it: nothing is to begin here.
    var isOver: Bool { get }

    /// The viewer is admitted: the stream begins.
    func begin()
    func send(_ item: StreamItem)
    /// Ends the stream, with an error or as it should.
    func finish(_ error: StoreError?)

    /// `onWritable`: there is room again. `onClose`: the peer has gone. `onDrain`: the server stops.
    func observe(onWritable: @escaping () -> Void, onClose: @escaping () -> Void, onDrain: @escaping () -> Void)
}
