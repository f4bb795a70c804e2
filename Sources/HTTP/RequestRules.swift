import CNghttp2
import Glibc

/// What a header list of a request has to be (RFC 9113 sections 8.2, 8.3 and 8.5), field by field; a value without I/O.
///
/// nghttp2 has these rules, too, but applies them to every field of every list, which takes an eighth of the instructions
/// of a unary call. A server's connection asks here instead, and only about a list that it does not know already. What
/// characters a name or a value may have is still nghttp2's to say.
struct RequestRules {
    typealias Text = HeaderBlock.Text

    private let isTrailers: Bool
    private var seen = Seen()
    private var method = Method.other
    private var path = Path.other
    private var isHTTP = false

    private struct Seen: OptionSet {
        let rawValue: UInt8
        static let method = Seen(rawValue: 1)
        static let scheme = Seen(rawValue: 2)
        static let path = Seen(rawValue: 4)
        static let authority = Seen(rawValue: 8)
        static let host = Seen(rawValue: 16)
        static let contentLength = Seen(rawValue: 32)
        /// A field that is none of the pseudo-header fields.
        static let regular = Seen(rawValue: 64)
    }

    private enum Method { case connect, options, other }
    private enum Path { case absolute, asterisk, other }

    private init(isTrailers: Bool) {
        self.isTrailers = isTrailers
    }

    /// Whether the list can begin a request.
    static func admitsHead(_ list: borrowing HeaderBlock) -> Bool {
        var rules = RequestRules(isTrailers: false)
        return list.allSatisfy { rules.accepts($0, $1) } && rules.isComplete
    }

    /// Whether the list can end a request.
    static func admitsTrailers(_ list: borrowing HeaderBlock) -> Bool {
        var rules = RequestRules(isTrailers: true)
        return list.allSatisfy { rules.accepts($0, $1) }
    }

    private mutating func accepts(_ name: Text, _ value: Text) -> Bool {
        guard nghttp2_check_header_name(name.baseAddress, name.count) != 0 else { return false }
        guard name.first == UInt8(ascii: ":") else {
            seen.insert(.regular)
            return acceptsRegular(name, value)
        }
        return !isTrailers && !seen.contains(.regular) && acceptsPseudo(name, value)
    }

    private mutating func acceptsPseudo(_ name: Text, _ value: Text) -> Bool {
        if name.equals(":path") {
            if value.first == UInt8(ascii: "/") { path = .absolute } else if value.equals("*") { path = .asterisk }
            return nghttp2_check_path(value.baseAddress, value.count) != 0 && isOnly(.path, value)
        }
        if name.equals(":method") {
            if value.equals("CONNECT") { method = .connect } else if value.equals("OPTIONS") { method = .options }
            return nghttp2_check_method(value.baseAddress, value.count) != 0 && isOnly(.method, value)
        }
        if name.equals(":scheme") {
            isHTTP = value.equals("http", ignoringCase: true) || value.equals("https", ignoringCase: true)
            return Self.isScheme(value) && isOnly(.scheme, value)
        }
        return name.equals(":authority") && acceptsAuthority(.authority, value)
    }

    private mutating func acceptsRegular(_ name: Text, _ value: Text) -> Bool {
        if name.equals("host") { return !isTrailers && acceptsAuthority(.host, value) }
        guard nghttp2_check_header_value_rfc9113(value.baseAddress, value.count) != 0 else { return false }
        if name.equals("content-length") { return !isTrailers && isOnly(.contentLength, value) && Self.isLength(value) }
        if name.equals("te") { return value.equals("trailers", ignoringCase: true) }
        return !Self.connectionFields.contains { name.equals($0) }
    }

    /// Those of HTTP/1 that are about the connection (RFC 9113 section 8.2.2).
    private static let connectionFields: [StaticString] = [
        "connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade",
    ]

    private mutating func acceptsAuthority(_ field: Seen, _ value: Text) -> Bool {
        nghttp2_check_authority(value.baseAddress, value.count) != 0 && isOnly(field, value)
    }

    /// Whether the field is the first of its name, and not empty.
    private mutating func isOnly(_ field: Seen, _ value: Text) -> Bool {
        seen.insert(field).inserted && !value.isEmpty
    }

    /// Whether the fields together are those of a request.
    private var isComplete: Bool {
        guard method != .connect else { return seen.isDisjoint(with: [.scheme, .path]) && seen.contains(.authority) }
        let hasAll = seen.isSuperset(of: [.method, .scheme, .path]) && !seen.isDisjoint(with: [.authority, .host])
        return hasAll && (!isHTTP || path == .absolute || (path == .asterisk && method == .options))
    }

    /// RFC 3986 section 3.1.
    private static func isScheme(_ text: Text) -> Bool {
        guard let first = text.first, isLetter(first) else { return false }
        return text.allSatisfy { isLetter($0) || isDigit($0) || "+-.".utf8.contains($0) }
    }

    /// Digits, and no more of them than fit; see ``RequestHead/contentLength``.
    private static func isLength(_ text: Text) -> Bool {
        text.allSatisfy(isDigit) && Int(String(decoding: text, as: UTF8.self)) != nil
    }

    private static func isLetter(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }
}

extension RequestRules.Text {
    fileprivate func equals(_ text: StaticString) -> Bool {
        count == text.utf8CodeUnitCount && (baseAddress.map { memcmp($0, text.utf8Start, count) == 0 } ?? true)
    }

    /// - Parameter text: of lower-case letters only.
    fileprivate func equals(_ text: StaticString, ignoringCase: Bool) -> Bool {
        count == text.utf8CodeUnitCount
            && text.withUTF8Buffer { elementsEqual($0) { $0 | 0x20 == $1 } }
    }
}
