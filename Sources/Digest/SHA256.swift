/// SHA-256 (FIPS 180-4): a message is appended part by part, then finished. A value without I/O.
public struct SHA256: Sendable {
    /// Bytes of a block, and of the digest.
    public static let blockCount = 64
    public static let digestCount = 32

    private var state: [UInt32] = [
        0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19,
    ]
    /// The beginning of a block that is not complete.
    private var rest: [UInt8] = []
    private var count: UInt64 = 0

    public init() { rest.reserveCapacity(Self.blockCount) }

    /// The digest of a whole message.
    public static func digest(_ message: some Sequence<UInt8>) -> [UInt8] {
        var hash = SHA256()
        hash.append(message)
        return hash.finish()
    }

    public mutating func append(_ bytes: some Sequence<UInt8>) {
        for byte in bytes {
            rest.append(byte)
            count &+= 1
            guard rest.count == Self.blockCount else { continue }
            compress()
            rest.removeAll(keepingCapacity: true)
        }
    }

    /// The digest of what was appended; the value is of no use afterwards. Section 5.1.1: a one bit, zeros, and the length in bits.
    public consuming func finish() -> [UInt8] {
        let bits = count &* 8
        append(CollectionOfOne(0x80))
        while rest.count != Self.blockCount - 8 { append(CollectionOfOne(0)) }
        append((0..<8).map { UInt8(truncatingIfNeeded: bits >> (56 - 8 * $0)) })
        return state.flatMap { word in (0..<4).map { UInt8(truncatingIfNeeded: word >> (24 - 8 * $0)) } }
    }

    /// Section 6.2.2, for the block in `rest`.
    private mutating func compress() {
        withUnsafeTemporaryAllocation(of: UInt32.self, capacity: 64) { words in
            for t in 0..<16 {
                words[t] = rest[4 * t..<4 * t + 4].reduce(0) { $0 << 8 | UInt32($1) }
            }
            for t in 16..<64 {
                let (a, b) = (words[t - 15], words[t - 2])
                let low = Self.rotate(a, 7) ^ Self.rotate(a, 18) ^ (a >> 3)
                let high = Self.rotate(b, 17) ^ Self.rotate(b, 19) ^ (b >> 10)
                words[t] = words[t - 16] &+ low &+ words[t - 7] &+ high
            }
            var (a, b, c, d) = (state[0], state[1], state[2], state[3])
            var (e, f, g, h) = (state[4], state[5], state[6], state[7])
            for t in 0..<64 {
                let high = Self.rotate(e, 6) ^ Self.rotate(e, 11) ^ Self.rotate(e, 25)
                let choice = (e & f) ^ (~e & g)
                let first = h &+ high &+ choice &+ Self.constants[t] &+ words[t]
                let low = Self.rotate(a, 2) ^ Self.rotate(a, 13) ^ Self.rotate(a, 22)
                let majority = (a & b) ^ (a & c) ^ (b & c)
                (h, g, f, e, d, c, b, a) = (g, f, e, d &+ first, c, b, a, first &+ low &+ majority)
            }
            for (index, word) in [a, b, c, d, e, f, g, h].enumerated() { state[index] &+= word }
        }
    }

    private static func rotate(_ word: UInt32, _ count: UInt32) -> UInt32 { word >> count | word << (32 - count) }

    /// Section 4.2.2: of the cube roots of the first 64 primes, the first 32 bits behind the point.
    private static let constants: [UInt32] = primes(64).map { prime in
        // The greatest x with x^3 <= prime * 2^96, by halves; the conversion cuts the root's integer part off.
        let target = UInt128(prime) << 96
        var (low, high) = (UInt128(0), UInt128(1) << 36)
        while low < high {
            let middle = (low + high + 1) / 2
            if middle * middle * middle <= target { low = middle } else { high = middle - 1 }
        }
        return UInt32(truncatingIfNeeded: low)
    }

    private static func primes(_ count: Int) -> [Int] {
        var primes: [Int] = []
        for number in 2... {
            if !primes.contains(where: { number.isMultiple(of: $0) }) { primes.append(number) }
            if primes.count == count { break }
        }
        return primes
    }
}

/// HMAC-SHA-256 (RFC 2104, RFC 6234).
public enum HMACSHA256 {
    public static func code(for message: some Sequence<UInt8>, key: [UInt8]) -> [UInt8] {
        let short = key.count > SHA256.blockCount ? SHA256.digest(key) : key
        let padded = short + Array(repeating: 0, count: SHA256.blockCount - short.count)
        var inner = SHA256()
        inner.append(padded.lazy.map { $0 ^ 0x36 })
        inner.append(message)
        var outer = SHA256()
        outer.append(padded.lazy.map { $0 ^ 0x5c })
        outer.append(inner.finish())
        return outer.finish()
    }
}

extension Sequence<UInt8> {
    /// Two lower-case hexadecimal digits for each byte.
    public var hexadecimal: String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}
