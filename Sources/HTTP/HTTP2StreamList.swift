/// The open streams of a connection: an intrusive list, so that a stream comes and goes without hashing or allocation.
///
/// The list holds one reference to each of its streams, which is what keeps nghttp2's pointers to them good; its links
/// are not counted.
struct HTTP2StreamList {
    typealias Link = Unmanaged<HTTP2Stream>

    private var first: Link?
    private(set) var count = 0

    var isEmpty: Bool { count == 0 }

    mutating func insert(_ stream: HTTP2Stream) {
        let link = Link.passRetained(stream)
        stream.next = first
        first?._withUnsafeGuaranteedRef { $0.previous = link }
        first = link
        count += 1
    }

    /// Takes a stream out, whose reference is the caller's now.
    mutating func unlink(_ stream: HTTP2Stream) {
        let (previous, next) = (stream.previous, stream.next)
        if let previous { previous._withUnsafeGuaranteedRef { $0.next = next } } else { first = next }
        next?._withUnsafeGuaranteedRef { $0.previous = previous }
        (stream.previous, stream.next) = (nil, nil)
        count -= 1
    }

    /// Takes any stream out.
    mutating func removeFirst() -> HTTP2Stream? {
        guard let stream = first?.takeUnretainedValue() else { return nil }
        unlink(stream)
        return Link.passUnretained(stream).takeRetainedValue()
    }

    /// Visits each stream; the visitor does not change the list.
    func visitAll(_ visit: (HTTP2Stream) -> Void) {
        var link = first
        while let stream = link?.takeUnretainedValue() {
            link = stream.next
            visit(stream)
        }
    }
}
