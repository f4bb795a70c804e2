internal import Glibc
internal import Synchronization

/// Ports of the loopback address for servers that must be told theirs.
public enum TestPort {
    /// Below the range from which the system takes the ports of outgoing connections; where to begin differs by process.
    private static let range = 10_000..<30_000
    private static let next = Atomic<Int>(Int(getpid()) * 97 % range.count)

    /// A port that nothing listens on, and that this process has not given out before.
    public static func free() -> Int {
        while true {
            let count = next.wrappingAdd(1, ordering: .relaxed).oldValue
            let port = range.lowerBound + count % range.count
            if isFree(port) { return port }
        }
    }

    private static func isFree(_ port: Int) -> Bool {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        let status = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        return status == 0
    }
}
