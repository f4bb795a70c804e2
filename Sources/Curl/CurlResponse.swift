/// The head of a response, and its body as it arrives.
public struct CurlResponse: Sendable {
    public let status: Int
    /// As the status line has it: `HTTP/1.1`, `HTTP/2`.
    public let version: String
    public let headers: CurlHeaders
    public let body: CurlBody
}

/// The fields of a response's header section, in their order; trailers are not among them.
public struct CurlHeaders: Sendable, Sequence {
    private(set) var fields: [(name: String, value: String)] = []

    /// The value of the first field with this name, in any case; without surrounding blanks.
    public subscript(name: String) -> String? {
        let name = name.lowercased()
        return fields.first { $0.name == name }?.value
    }

    /// Names in lower case.
    public func makeIterator() -> IndexingIterator<[(name: String, value: String)]> { fields.makeIterator() }

    mutating func append(name: String, value: String) { fields.append((name.lowercased(), value)) }
}

/// The bytes of a body, in pieces of no particular size. One task reads it, once.
///
/// At most 256 KiB are kept for a reader that lags; then the transfer stands still until it reads on. Dropping the body
/// (and all copies of it) unread or half-read cancels the transfer.
public struct CurlBody: AsyncSequence, Sendable {
    public typealias Element = [UInt8]
    public typealias Failure = CurlError

    private let lifetime: Lifetime

    init(_ channel: ResponseChannel) { lifetime = Lifetime(channel: channel) }

    public func makeAsyncIterator() -> Iterator { Iterator(lifetime: lifetime) }

    public struct Iterator: AsyncIteratorProtocol {
        fileprivate let lifetime: Lifetime

        /// - Throws: ``CurlError``; also where the body was cut off, and `cancelled` when the task is.
        public mutating func next() async throws(CurlError) -> [UInt8]? { try await lifetime.channel.next() }

        /// - Throws: ``CurlError``; also where the body was cut off, and `cancelled` when the task is.
        public mutating func next(isolation actor: isolated (any Actor)?) async throws(CurlError) -> [UInt8]? {
            try await lifetime.channel.next()
        }
    }

    /// Reads the body to its end.
    ///
    /// - Throws: ``CurlError``; `tooLarge` when there are more than `limit` bytes.
    public func collect(upTo limit: Int) async throws(CurlError) -> [UInt8] {
        var bytes: [UInt8] = []
        var iterator = makeAsyncIterator()
        while let chunk = try await iterator.next() {
            guard chunk.count <= limit - bytes.count else {
                throw CurlError(.tooLarge, "the body is larger than \(limit) bytes")
            }
            bytes += chunk
        }
        return bytes
    }

    /// Says that the reader has what it wants, though the body may go on. If it ends within a second the connection is
    /// kept for the next request, else the transfer is cancelled.
    public func discardRest() { lifetime.channel.discardRest() }

    /// Ends the transfer when the last one who could read it is gone.
    fileprivate final class Lifetime: Sendable {
        let channel: ResponseChannel
        init(channel: ResponseChannel) { self.channel = channel }
        deinit { channel.cancel() }
    }
}
