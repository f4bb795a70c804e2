public import NIOCore

/// One argument of a command; literals, strings, numbers and bytes become one by themselves.
public struct RedisArgument: Sendable, ExpressibleByStringLiteral, ExpressibleByIntegerLiteral {
    enum Content: Sendable {
        case string(String)
        case bytes([UInt8])
        case buffer(ByteBuffer)
        case integer(Int64)
    }

    let content: Content
    /// What it takes at most, header and line ends included.
    let maxEncodedBytes: Int
    /// Whether it is the key that tells which node of a cluster the command is for.
    var isKey = false

    private init(_ content: Content, maxBytes: Int) {
        self.content = content
        maxEncodedBytes = maxBytes + RESPWriter.maxHeader + 2
    }

    /// The UTF-8 bytes of `text`.
    public init(_ text: String) { self.init(.string(text), maxBytes: text.utf8.count) }
    public init(_ bytes: [UInt8]) { self.init(.bytes(bytes), maxBytes: bytes.count) }
    /// The readable bytes of `buffer`, not copied until the command is written.
    public init(_ buffer: ByteBuffer) { self.init(.buffer(buffer), maxBytes: buffer.readableBytes) }
    /// The decimal digits of `number`.
    public init(_ number: some FixedWidthInteger & SignedInteger) {
        self.init(.integer(Int64(clamping: number)), maxBytes: RESPWriter.maxDigits)
    }
    /// The key that a command is about. In a cluster it decides which node is asked; a command without one may be answered
    /// by any, and takes a detour when that is the wrong one.
    public static func key(_ text: String) -> RedisArgument {
        var argument = RedisArgument(text)
        argument.isKey = true
        return argument
    }

    public init(stringLiteral text: String) { self.init(text) }
    public init(integerLiteral number: Int64) { self.init(number) }

    func write(to writer: inout RESPWriter) {
        switch content {
        case .string(var text): text.withUTF8 { writer.writeBulk(UnsafeRawBufferPointer($0)) }
        case .bytes(let bytes): bytes.withUnsafeBytes { writer.writeBulk($0) }
        case .buffer(let buffer): buffer.withUnsafeReadableBytes { writer.writeBulk($0) }
        case .integer(let number): writer.writeBulk(number)
        }
    }
}

/// A command and its arguments, encoded only when it is sent: straight into the connection's output buffer.
public struct RedisCommand: Sendable {
    /// The command's name (`XADD`) and its arguments.
    public var arguments: [RedisArgument]

    /// `RedisCommand("SET", .key("name"), RedisArgument(value))`
    public init(_ name: String, _ arguments: RedisArgument...) {
        self.init(name, arguments)
    }

    public init(_ name: String, _ arguments: [RedisArgument]) {
        self.arguments = [RedisArgument(name)] + arguments
    }

    /// - Parameter arguments: with the command's name.
    init(arguments: [RedisArgument]) { self.arguments = arguments }

    /// The first argument that was given as a ``RedisArgument/key(_:)``.
    var key: String? {
        for argument in arguments where argument.isKey {
            if case .string(let key) = argument.content { return key }
        }
        return nil
    }

    /// Appends the command as an array of bulk strings, the form in which a server takes requests.
    func write(to buffer: inout ByteBuffer) {
        let capacity = arguments.reduce(RESPWriter.maxHeader) { $0 + $1.maxEncodedBytes }
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: capacity) { target in
            var writer = RESPWriter(target)
            writer.writeHeader(UInt8(ascii: "*"), arguments.count)
            for argument in arguments { argument.write(to: &writer) }
            return writer.count
        }
    }
}
