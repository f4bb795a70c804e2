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
    /// Whether it is the key that tells which node of a cluster the command is for.
    var isKey = false

    /// The UTF-8 bytes of `text`.
    public init(_ text: String) { content = .string(text) }
    public init(_ bytes: [UInt8]) { content = .bytes(bytes) }
    /// The readable bytes of `buffer`, not copied until the command is written.
    public init(_ buffer: ByteBuffer) { content = .buffer(buffer) }
    /// The decimal digits of `number`.
    public init(_ number: some FixedWidthInteger & SignedInteger) { content = .integer(Int64(clamping: number)) }
    /// The key that a command is about. In a cluster it decides which node is asked; a command without one may be answered
    /// by any, and takes a detour when that is the wrong one.
    public static func key(_ text: String) -> RedisArgument {
        var argument = RedisArgument(text)
        argument.isKey = true
        return argument
    }

    public init(stringLiteral text: String) { content = .string(text) }
    public init(integerLiteral number: Int64) { content = .integer(number) }

    /// What it takes at most, header and line ends included.
    var maxEncodedBytes: Int {
        let bytes =
            switch content {
            case .string(let text): text.utf8.count
            case .bytes(let bytes): bytes.count
            case .buffer(let buffer): buffer.readableBytes
            case .integer: RESPWriter.maxDigits
            }
        return bytes + RESPWriter.maxHeader + 2
    }

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
