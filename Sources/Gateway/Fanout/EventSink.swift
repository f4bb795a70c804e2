internal import Store

/// Where a viewer's events go: a gRPC stream or a response of server-sent events. Lives on its connection's event loop.
protocol EventSink: AnyObject {
    /// Whether less waits to be sent than the protocol's engine wants to hold.
    var isWritable: Bool { get }
    /// Whether the peer has gone or the server stops, known before anyone observes it: nothing is to begin here.
    var isOver: Bool { get }
    /// Who is told what happens to the stream. The observer lets go of the sink, and takes itself away here, when it has ended.
    var observer: (any EventSinkObserver)? { get set }

    /// The viewer is admitted: the stream begins.
    func begin()
    func send(_ item: StreamItem)
    /// Ends the stream, with an error or as it should.
    func finish(_ error: StoreError?)
}

/// Whoever feeds a sink.
protocol EventSinkObserver: AnyObject {
    /// There is room again.
    func sinkBecameWritable()
    /// The peer has gone.
    func sinkClosed()
    /// The server stops.
    func sinkDrains()
}
