internal import Glibc

/// An IPv4 or IPv6 address: 4 or 16 bytes in network order.
public struct IPAddress: Sendable, Hashable, CustomStringConvertible {
    public let bytes: [UInt8]

    /// - Parameter text: in decimal with dots or as RFC 4291 has it, without brackets and zone; nil for anything else.
    public init?(_ text: some StringProtocol) {
        let text = String(text)
        var v4 = in_addr()
        var v6 = in6_addr()
        if inet_pton(AF_INET, text, &v4) == 1 {
            bytes = withUnsafeBytes(of: v4) { Array($0) }
        } else if inet_pton(AF_INET6, text, &v6) == 1 {
            bytes = withUnsafeBytes(of: v6) { Array($0) }
        } else {
            return nil
        }
    }

    /// Nil for addresses of another family.
    init?(_ address: UnsafePointer<sockaddr>) {
        let raw = UnsafeRawPointer(address)
        switch Int32(address.pointee.sa_family) {
        case AF_INET: bytes = withUnsafeBytes(of: raw.loadUnaligned(as: sockaddr_in.self).sin_addr) { Array($0) }
        case AF_INET6: bytes = withUnsafeBytes(of: raw.loadUnaligned(as: sockaddr_in6.self).sin6_addr) { Array($0) }
        default: return nil
        }
    }

    private init(bytes: [UInt8]) { self.bytes = bytes }

    public var description: String {
        guard bytes.count == 16 else { return bytes.map(String.init).joined(separator: ".") }
        return stride(from: 0, to: 16, by: 2).map { String(UInt16(bytes[$0]) << 8 | UInt16(bytes[$0 + 1]), radix: 16) }
            .joined(separator: ":")
    }

    /// Whether it belongs to one host of the Internet: neither private, loopback, link-local, shared, multicast nor reserved (the
    /// special-purpose registries of RFC 6890). An IPv6 address that stands for an IPv4 address is what that is.
    public var isPublic: Bool {
        guard bytes.count == 16 else { return !Self.specialIPv4.contains { contains($0) } }
        let isMapped = contains(Block("::ffff:0:0", 96))
        if isMapped || contains(Block("64:ff9b::", 96)) { return IPAddress(bytes: Array(bytes[12...])).isPublic }
        return contains(Block("2000::", 3)) && !Self.specialIPv6.contains { contains($0) }
    }

    private struct Block {
        let bytes: [UInt8]
        let length: Int

        init(_ text: String, _ length: Int) {
            bytes = IPAddress(text)?.bytes ?? []
            self.length = length
        }
    }

    private func contains(_ block: Block) -> Bool {
        guard block.bytes.count == bytes.count else { return false }
        return (0..<block.length).allSatisfy { bit in
            (bytes[bit / 8] ^ block.bytes[bit / 8]) & (0x80 >> UInt8(bit % 8)) == 0
        }
    }

    private static let specialIPv4 = [
        Block("0.0.0.0", 8), Block("10.0.0.0", 8), Block("100.64.0.0", 10), Block("127.0.0.0", 8),
        Block("169.254.0.0", 16), Block("172.16.0.0", 12), Block("192.0.0.0", 24), Block("192.0.2.0", 24),
        Block("192.88.99.0", 24), Block("192.168.0.0", 16), Block("198.18.0.0", 15), Block("198.51.100.0", 24),
        Block("203.0.113.0", 24), Block("224.0.0.0", 4), Block("240.0.0.0", 4),
    ]

    /// Of 2000::/3: protocol assignments with Teredo, documentation, and 6to4, which may lead to any IPv4 address.
    private static let specialIPv6 = [
        Block("2001::", 23), Block("2001:db8::", 32), Block("2002::", 16), Block("3fff::", 20),
    ]
}
