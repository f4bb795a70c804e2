import NIOCore

/// The last few heads of one connection, by the bytes they were decoded from.
///
/// A client that makes calls sends the same few header lists again and again; each is decoded once, and requests share
/// the result. A list that does not repeat costs a comparison and a replacement.
struct RequestHeadCache {
    private static let capacity = 4
    /// Bytes of the longest list that is kept, which bounds what an idle connection holds.
    private static let maxBytes = 1024

    private var entries: [(bytes: [UInt8], head: RequestHead)] = []
    private var oldest = 0

    /// The head that an equal header list meant.
    func head(_ block: borrowing HeaderBlock) -> RequestHead? {
        for index in entries.indices where block.equals(entries[index].bytes) { return entries[index].head }
        return nil
    }

    /// Keeps what a header list means, unless it is unusually long.
    mutating func keep(_ head: RequestHead, of block: borrowing HeaderBlock) {
        guard block.count <= Self.maxBytes else { return }
        let entry = (bytes: block.bytes, head: head)
        guard entries.count == Self.capacity else { return entries.append(entry) }
        entries[oldest] = entry
        oldest = (oldest + 1) % Self.capacity
    }
}

extension RequestHead {
    convenience init(_ list: HeaderList, remoteAddress: SocketAddress?) {
        self.init(
            method: list.method,
            path: list.path,
            scheme: list.scheme,
            authority: list.authority.isEmpty ? list.headers["host"] ?? "" : list.authority,
            headers: list.headers,
            version: .http2,
            remoteAddress: remoteAddress
        )
    }
}
