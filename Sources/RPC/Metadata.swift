import HTTP

/// The metadata of a call: an ordered multimap whose values are ASCII text, or bytes where the name ends in `-bin`.
///
/// It wraps the header fields it came in and leaves out those that belong to the protocol. Names are case-insensitive.
public struct Metadata: Sendable {
    private var headers: HTTPHeaders

    public init() {
        headers = HTTPHeaders()
    }

    /// Takes the pairs in their order; a `-bin` value has to be in base64 already, see ``add(_:bytes:)``.
    public init(_ pairs: [(String, String)]) {
        headers = HTTPHeaders(pairs)
    }

    init(_ headers: HTTPHeaders) {
        self.headers = headers
    }

    public var isEmpty: Bool { headers.isEmpty || !headers.containsField { name, _ in !Self.isReserved(name) } }

    /// The first value of a name; of a `-bin` name, its base64 text.
    public subscript(name: String) -> String? { headers[name] }

    /// All text values of a name, in order.
    public func values(_ name: String) -> [String] { headers.values(name) }

    /// The first value of a `-bin` name, decoded.
    public func bytes(_ name: String) -> [UInt8]? {
        headers[name].flatMap { text in Base64.decode(text.split(separator: ",").first ?? "") }
    }

    /// Appends a text value. What may not stand in a header field is replaced by a space when it is sent.
    public mutating func add(_ name: String, _ value: String) {
        headers.add(name, value)
    }

    /// Appends bytes under a name, which has to end in `-bin`.
    public mutating func add(_ name: String, bytes: some Sequence<UInt8>) {
        headers.add(name, Base64.encode(bytes))
    }

    /// The fields that are the application's.
    public var fields: [(name: String, value: String)] {
        headers.filter { !Self.isReserved($0.name) }
    }

    func append(to target: inout HTTPHeaders) {
        for field in headers where !Self.isReserved(field.name) { target.add(field.name, field.value) }
    }

    /// Whether every binary value is well-formed base64.
    var isWellFormed: Bool {
        !headers.containsField { name, value in
            name.utf8.last == UInt8(ascii: "n") && name.hasSuffix("-bin")
                && value.split(separator: ",").contains { Base64.decode($0) == nil }
        }
    }

    private static func isReserved(_ name: String) -> Bool {
        switch name {
        case "grpc-status-details-bin": false
        case "te", "content-type", "content-length", "user-agent", "host", "date": true
        case _: name.hasPrefix("grpc-") || name.hasPrefix(":")
        }
    }
}

extension Metadata: Equatable {
    public static func == (left: Metadata, right: Metadata) -> Bool {
        left.fields.elementsEqual(right.fields, by: ==)
    }
}

extension Metadata: ExpressibleByDictionaryLiteral {
    public init(dictionaryLiteral elements: (String, String)...) {
        self.init(elements)
    }
}

/// Base64 (RFC 4648 section 4), sent without padding and taken with or without, as gRPC has it.
enum Base64 {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    private static let values: [UInt8?] = {
        var values = [UInt8?](repeating: nil, count: 256)
        for (value, digit) in alphabet.enumerated() { values[Int(digit)] = UInt8(value) }
        return values
    }()

    static func encode(_ bytes: some Sequence<UInt8>) -> String {
        var text: [UInt8] = []
        var (bits, count) = (UInt32(0), 0)
        for byte in bytes {
            bits = bits << 8 | UInt32(byte)
            count += 8
            while count >= 6 {
                count -= 6
                text.append(alphabet[Int(bits >> UInt32(count) & 63)])
            }
        }
        if count > 0 { text.append(alphabet[Int(bits << UInt32(6 - count) & 63)]) }
        return String(decoding: text, as: UTF8.self)
    }

    /// Nil when the text is not base64.
    static func decode(_ text: some StringProtocol) -> [UInt8]? {
        var digits = Array(text.utf8)[...]
        var padding = 0
        while digits.last == UInt8(ascii: "="), padding < 2 {
            digits.removeLast()
            padding += 1
        }
        guard digits.count % 4 != 1, padding == 0 || (digits.count + padding) % 4 == 0 else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(digits.count * 3 / 4)
        var (bits, count) = (UInt32(0), 0)
        for digit in digits {
            guard let value = values[Int(digit)] else { return nil }
            bits = bits << 6 | UInt32(value)
            count += 6
            if count >= 8 {
                count -= 8
                bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
            }
        }
        return bytes
    }
}
