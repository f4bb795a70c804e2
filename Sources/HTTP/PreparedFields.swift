import CNghttp2

/// The head of a response that many requests get: laid out for HTTP/2 once, and then sent without a copy.
///
/// Its memory is never freed, because a connection refers to it until it is sent: make few, as static constants.
public struct PreparedHead: Sendable {
    let head: ResponseHead
    let fields: PreparedFields

    public init(_ head: ResponseHead) {
        self.head = head
        fields = HeaderEncoder.prepare(status: head.status, head.headers)
    }
}

/// Trailers that many responses end with; see ``PreparedHead``.
public struct PreparedTrailers: Sendable {
    let headers: HTTPHeaders
    let fields: PreparedFields

    public init(_ headers: HTTPHeaders) {
        self.headers = headers
        fields = HeaderEncoder.prepare(status: nil, headers)
    }
}

/// Fields as nghttp2 takes them, and as they are sent; immutable, and nghttp2 only reads from them. One pointer, as each stream
/// has room for it.
struct PreparedFields: @unchecked Sendable {
    private struct Layout {
        let start: UnsafeMutablePointer<nghttp2_nv>
        let count: Int
        let block: UnsafeRawBufferPointer
    }

    private let layout: UnsafePointer<Layout>

    /// - Parameter start: memory that is never freed.
    init(start: UnsafeMutablePointer<nghttp2_nv>, count: Int) {
        let bytes = HPACK.literals(UnsafeBufferPointer(start: start, count: count))
        let block = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
        block.copyBytes(from: bytes)
        let memory = UnsafeMutablePointer<Layout>.allocate(capacity: 1)
        memory.initialize(to: Layout(start: start, count: count, block: UnsafeRawBufferPointer(block)))
        layout = UnsafePointer(memory)
    }

    var start: UnsafeMutablePointer<nghttp2_nv> { layout.pointee.start }
    var count: Int { layout.pointee.count }
    /// The header block (RFC 7541) that they are, whatever the state of the connection.
    var block: UnsafeRawBufferPointer { layout.pointee.block }
}
