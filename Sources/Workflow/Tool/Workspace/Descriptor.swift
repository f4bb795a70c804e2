internal import Glibc

/// An open file descriptor and its only owner: closed once, when this goes out of scope.
struct Descriptor: ~Copyable, Sendable {
    let raw: CInt

    init(_ raw: CInt) { self.raw = raw }

    deinit { close(raw) }

    /// - Throws: `errno`.
    func status() throws(SystemFailure) -> stat {
        var status = stat()
        guard fstat(raw, &status) == 0 else { throw SystemFailure(errno) }
        return status
    }

    /// Reads to the end of the file, at most `limit` bytes.
    ///
    /// - Throws: `errno`, `EFBIG` where there is more.
    func readAll(expecting size: Int, limit: Int) throws(SystemFailure) -> [UInt8] {
        var content: [UInt8] = []
        content.reserveCapacity(min(size, limit) + 1)
        while true {
            let wanted = max(content.capacity - content.count, 64 * 1024)
            let (count, code) = content.appendUninitialized(wanted) { read(raw, $0.baseAddress, $0.count) }
            if count == 0 { return content }
            if count < 0, code != EINTR { throw SystemFailure(code) }
            if content.count > limit { throw SystemFailure(EFBIG) }
        }
    }

    /// - Throws: `errno`.
    func writeAll(_ bytes: UnsafeRawBufferPointer) throws(SystemFailure) {
        var rest = bytes
        while !rest.isEmpty {
            let count = write(raw, rest.baseAddress, rest.count)
            if count < 0, errno != EINTR { throw SystemFailure(errno) }
            rest = UnsafeRawBufferPointer(rebasing: rest[max(count, 0)...])
        }
    }

    func writeAll(_ bytes: [UInt8]) throws(SystemFailure) {
        try bytes.withUnsafeBytes { bytes in
            Result { () throws(SystemFailure) in try writeAll(bytes) }
        }.get()
    }
}

/// The `errno` of a failed call of the system.
struct SystemFailure: Error {
    let code: CInt

    init(_ code: CInt) { self.code = code }

    /// In the system's words: `No space left on device`.
    var reason: String {
        guard let text = strerror(code) else { return "error \(code)" }
        return String(cString: text)
    }
}

extension [UInt8] {
    /// Makes room for `count` bytes, lets `fill` write there and keeps as many as it says it wrote.
    ///
    /// - Returns: what `fill` returned, and `errno` as it left it.
    fileprivate mutating func appendUninitialized(
        _ count: Int,
        _ fill: (UnsafeMutableRawBufferPointer) -> Int
    ) -> (Int, CInt) {
        let end = self.count
        append(contentsOf: repeatElement(0, count: count))
        let (filled, code) = withUnsafeMutableBytes {
            (fill(UnsafeMutableRawBufferPointer(rebasing: $0[end...])), errno)
        }
        removeLast(count - Swift.max(filled, 0))
        return (filled, code)
    }
}
