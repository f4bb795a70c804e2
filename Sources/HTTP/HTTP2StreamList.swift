/// The open streams of a connection: an intrusive list, so that a stream comes and goes without hashing or allocation.
///
/// The list holds one reference to each of its streams, which is what keeps nghttp2's pointers to them good; its links
/// are not counted.
struct HTTP2StreamList {
    private unowned(unsafe) var first: HTTP2Stream?
    private(set) var count = 0

    var isEmpty: Bool { count == 0 }

    mutating func insert(_ stream: HTTP2Stream) {
        _ = Unmanaged.passRetained(stream)
        stream.next = first
        first?.previous = stream
        first = stream
        count += 1
    }

    /// Takes a stream out, whose reference is the caller's now.
    mutating func unlink(_ stream: HTTP2Stream) {
        if let previous = stream.previous { previous.next = stream.next } else { first = stream.next }
        stream.next?.previous = stream.previous
        (stream.previous, stream.next) = (nil, nil)
        count -= 1
    }

    /// Takes any stream out.
    mutating func removeFirst() -> HTTP2Stream? {
        guard let stream = first else { return nil }
        unlink(stream)
        return Unmanaged.passUnretained(stream).takeRetainedValue()
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
