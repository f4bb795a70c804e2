internal import Glibc

/// An authority, and a key and certificate that it has issued, by openssl, in a directory
/// of their own.
public struct TestCertificates: Sendable {
    public let directory: String
    public var authority: String { "\(directory)/ca.pem" }
    public var certificate: String { "\(directory)/cert.pem" }
    public var key: String { "\(directory)/key.pem" }

    private let names: String

    /// - Parameter names: whom the certificate is for, as openssl spells it.
    public init(names: String = "DNS:localhost,IP:127.0.0.1") throws {
        self.names = names
        var template = Array("/tmp/baud-tls-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw StandInError(errno: errno) }
        directory = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        try issue()
    }

    /// Makes authority, key and certificate anew in the same files.
    public func issue() throws {
        let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
        let names = "-addext subjectAltName=\(names)"
        let script = """
            set -e
            openssl req -x509 \(key) -keyout ca.key -out ca.pem -days 2 -subj /CN=authority
            openssl req \(key) -keyout new.pem -out request.pem -subj /CN=localhost \(names)
            openssl x509 -req -in request.pem -CA ca.pem -CAkey ca.key -days 2 -copy_extensions copy -out cert.pem
            mv new.pem key.pem
            """
        let status = try ChildProcess("/bin/sh", ["-c", "cd \(directory); \(script)"]).wait()
        guard status == 0 else { throw StandInError(errno: EIO) }
    }

    public func remove() throws {
        guard try ChildProcess("/bin/rm", ["-r", directory]).wait() == 0 else { throw StandInError(errno: EIO) }
    }
}
