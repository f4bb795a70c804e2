import NIOCore

/// The body of a request on its way to whoever reads it: kept until there is a reader, then collected or handed on.
///
/// A value without I/O. Each input returns what its owner, the ``Exchange``, is to do. What is kept is bounded by the
/// transport, which lets the peer send 64 KiB ahead, or by the collector's limit.
struct InboundBody {
    typealias Collector = (Result<ByteBuffer, BodyError>) -> Void
    typealias DataReader = (ByteBuffer) -> Void
    typealias EndReader = (Result<Void, BodyError>) -> Void

    enum Action {
        case none
        /// So many bytes were taken over.
        case consume(Int)
        /// The collection has ended; the last `count` bytes of it are to be consumed first.
        case complete(Collector, Result<ByteBuffer, BodyError>, count: Int)
        case deliver(DataReader, ByteBuffer)
        case deliverLast(DataReader, ByteBuffer?, EndReader, Result<Void, BodyError>)
    }

    /// Apart from the exchange, of which it would be a third.
    private indirect enum State {
        /// Nobody reads yet.
        case kept(ByteBuffer?, end: Result<Void, BodyError>?)
        case collecting(ByteBuffer?, limit: Int, Collector)
        case streaming(DataReader, EndReader)
        /// Read to its end, or refused: nothing more is consumed.
        case finished
    }

    private var state: State

    /// - Parameters:
    ///   - bytes: what of the body arrived together with the head.
    ///   - isComplete: whether that is all of it.
    init(_ bytes: ByteBuffer? = nil, isComplete: Bool = false) {
        state = .kept(bytes, end: isComplete ? .success(()) : nil)
    }

    /// A reader wants all of it at once.
    mutating func collect(upTo limit: Int, _ done: @escaping Collector) -> Action {
        guard case .kept(let bytes, let end) = state else { return .none }
        let count = bytes?.readableBytes ?? 0
        guard count <= limit else {
            state = .finished
            return .complete(done, .failure(.tooLarge(limit: limit)), count: 0)
        }
        if let end {
            state = .finished
            return .complete(done, end.map { bytes ?? ByteBuffer() }, count: count)
        }
        state = .collecting(bytes, limit: limit, done)
        return count > 0 ? .consume(count) : .none
    }

    /// A reader wants it as it comes.
    mutating func stream(onData: @escaping DataReader, onEnd: @escaping EndReader) -> Action {
        guard case .kept(let bytes, let end) = state else { return .none }
        if let end {
            state = .finished
            return .deliverLast(onData, bytes, onEnd, end)
        }
        state = .streaming(onData, onEnd)
        return bytes.map { .deliver(onData, $0) } ?? .none
    }

    /// Nobody will read the rest.
    mutating func discard() {
        state = .finished
    }

    mutating func receive(_ bytes: ByteBuffer) -> Action {
        switch state {
        case .kept(let kept, let end):
            state = .kept(Self.joined(kept, bytes), end: end)
            return .none
        case .collecting(let kept, let limit, let done):
            guard (kept?.readableBytes ?? 0) + bytes.readableBytes <= limit else {
                state = .finished
                return .complete(done, .failure(.tooLarge(limit: limit)), count: 0)
            }
            state = .finished  // gives up the reference, so that the append below is in place
            state = .collecting(Self.joined(consume kept, bytes), limit: limit, done)
            return .consume(bytes.readableBytes)
        case .streaming(let onData, _):
            return .deliver(onData, bytes)
        case .finished:
            return .none
        }
    }

    mutating func end(_ result: Result<Void, BodyError>) -> Action {
        switch state {
        case .kept(let bytes, nil):
            state = .kept(bytes, end: result)
            return .none
        case .collecting(let bytes, _, let done):
            state = .finished
            return .complete(done, result.map { bytes ?? ByteBuffer() }, count: 0)
        case .streaming(let onData, let onEnd):
            state = .finished
            return .deliverLast(onData, nil, onEnd, result)
        case .kept, .finished:
            return .none
        }
    }

    private static func joined(_ kept: consuming ByteBuffer?, _ bytes: ByteBuffer) -> ByteBuffer {
        guard var all = kept.take() else { return bytes }
        all.writeImmutableBuffer(bytes)
        return all
    }
}
