/// The open streams of a connection: an intrusive list, so that a stream comes and goes without hashing or allocation.
///
/// The list holds one reference to each of its streams, which is what keeps nghttp2's pointers to them good.
struct HTTP2StreamList {
    private var first: HTTP2Stream?
    private(set) var count = 0

    var isEmpty: Bool { count == 0 }

    mutating func insert(_ stream: HTTP2Stream) {
        _ = Unmanaged.passRetained(stream)
        stream.next = first
        first?.previous = stream
        first = stream
        count += 1
    }

    mutating func remove(_ stream: HTTP2Stream) {
        if let previous = stream.previous { previous.next = stream.next } else { first = stream.next }
        stream.next?.previous = stream.previous
        (stream.previous, stream.next) = (nil, nil)
        count -= 1
        Unmanaged.passUnretained(stream).release()
    }

    /// Takes any stream out.
    mutating func removeFirst() -> HTTP2Stream? {
        guard let stream = first else { return nil }
        remove(stream)
        return stream
    }

    /// Visits each stream; the visitor does not change the list.
    func visitAll(_ visit: (HTTP2Stream) -> Void) {
        var next = first
        while let stream = next {
            next = stream.next
            visit(stream)
        }
    }
}
