/// `%` and two hexadecimal digits stand for a byte (RFC 3986 section 2.1).
package enum PercentEncoding {
    /// Escapes every byte that is not plain; `%` never is.
    package static func encode(_ text: String, isPlain: (UInt8) -> Bool) -> String {
        func stands(_ byte: UInt8) -> Bool { byte != UInt8(ascii: "%") && isPlain(byte) }
        guard !text.utf8.allSatisfy(stands) else { return text }
        var bytes: [UInt8] = []
        for byte in text.utf8 {
            if stands(byte) {
                bytes.append(byte)
            } else {
                bytes += [UInt8(ascii: "%"), digit(byte >> 4), digit(byte & 15)]
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// - Parameter plusIsSpace: as in the query of a URL.
    /// - Returns: nil where an escape is broken or the bytes are no UTF-8.
    package static func decode(_ text: Substring, plusIsSpace: Bool = false) -> String? {
        guard text.utf8.contains(where: { $0 == UInt8(ascii: "%") || plusIsSpace && $0 == UInt8(ascii: "+") }) else {
            return String(text)
        }
        return bytes(Array(text.utf8), plusIsSpace: plusIsSpace, keepsBroken: false).flatMap {
            String(validating: $0, as: UTF8.self)
        }
    }

    /// What is no escape stands for itself, and what is no UTF-8 is replaced.
    package static func decodeLeniently(_ text: String) -> String {
        let bytes = bytes(Array(text.utf8), plusIsSpace: false, keepsBroken: true)
        return bytes.map { String(decoding: $0, as: UTF8.self) } ?? text
    }

    private static func bytes(_ text: [UInt8], plusIsSpace: Bool, keepsBroken: Bool) -> [UInt8]? {
        var bytes: [UInt8] = []
        var index = 0
        while index < text.count {
            switch text[index] {
            case UInt8(ascii: "%"):
                if let byte = escape(text, at: index) {
                    bytes.append(byte)
                    index += 2
                } else if keepsBroken {
                    bytes.append(text[index])
                } else {
                    return nil
                }
            case UInt8(ascii: "+") where plusIsSpace: bytes.append(UInt8(ascii: " "))
            case let byte: bytes.append(byte)
            }
            index += 1
        }
        return bytes
    }

    /// The byte that an escape stands for; nil where there is none.
    private static func escape(_ text: [UInt8], at index: Int) -> UInt8? {
        guard index + 2 < text.count, let high = value(text[index + 1]), let low = value(text[index + 2]) else {
            return nil
        }
        return high << 4 | low
    }

    private static func digit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "A") + value - 10
    }

    private static func value(_ digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
        case _: nil
        }
    }
}
