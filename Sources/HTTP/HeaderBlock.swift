import Glibc

/// One header list as it arrives, field by field, in HTTP/2.
///
/// nghttp2 has checked the syntax (RFC 9113 section 8.2 and 8.3) before a field gets here, but bounds neither the size
/// nor the number of the fields: that is done here.
struct HeaderBlock {
    private(set) var method = ""
    private(set) var path = ""
    private(set) var scheme = ""
    private(set) var authority = ""
    /// The `:status` of a response, or 0.
    private(set) var status = 0
    private(set) var headers = HTTPHeaders()
    /// The size by the rule of RFC 9113 section 6.5.2.
    private var size = 0

    /// Whether this is the head of a message, rather than its trailers.
    var isHead: Bool { !method.isEmpty || status != 0 }
    /// Whether this is a response of the 1xx class, which precedes the real one.
    var isInformational: Bool { status >= 100 && status < 200 }

    /// Adds a field; false when the list is too large to be accepted.
    mutating func add(
        name: UnsafeBufferPointer<UInt8>,
        value: UnsafeBufferPointer<UInt8>,
        limits: HTTPLimits,
        strings: inout StringCache
    ) -> Bool {
        size += name.count + value.count + 32
        guard size <= limits.maxHeaderListBytes, headers.count < limits.maxHeaderCount else { return false }
        if name.first == UInt8(ascii: ":") {
            addPseudo(name: name, value: strings.string(value))
        } else {
            if headers.isEmpty { headers.reserveCapacity(8) }
            headers.append(lowercased: strings.string(name), strings.string(value))
        }
        return true
    }

    /// Tells the five names apart by their length and second byte.
    private mutating func addPseudo(name: UnsafeBufferPointer<UInt8>, value: String) {
        switch (name.count, name[1]) {
        case (5, _): path = value
        case (7, UInt8(ascii: "m")): method = value
        case (7, UInt8(ascii: "s")) where name[2] == UInt8(ascii: "c"): scheme = value
        case (7, _): status = Int(value) ?? 0
        case (10, _): authority = value
        case (_, _): break
        }
    }
}

/// Strings seen before on the same connection, so that a repeated path or header value costs no allocation.
///
/// A small direct-mapped cache: a slot holds the last string that fell into it.
struct StringCache {
    private var slots = [String](repeating: "", count: 32)

    /// The bytes as a string; ill-formed UTF-8 is replaced, see RFC 9110 section 5.5 on obs-text.
    mutating func string(_ bytes: UnsafeBufferPointer<UInt8>) -> String {
        // Up to 15 bytes are stored in the string itself. Long values are seldom repeated, and would pin memory.
        guard bytes.count > 15, bytes.count <= 128 else { return String(decoding: bytes, as: UTF8.self) }
        let last = bytes.count - 1
        let slot = (bytes.count &+ Int(bytes[last]) &* 7 &+ Int(bytes[last / 2]) &* 3) & 31
        let isSame =
            slots[slot].utf8.count == bytes.count
            && slots[slot].utf8.withContiguousStorageIfAvailable {
                memcmp($0.baseAddress!, bytes.baseAddress!, bytes.count) == 0
            } ?? false
        if !isSame { slots[slot] = String(decoding: bytes, as: UTF8.self) }
        return slots[slot]
    }
}
