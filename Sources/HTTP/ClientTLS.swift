import NIOCore
import NIOSSL

/// What a client demands of a server by TLS, version 1.2 at least, and shows to one that asks for a certificate.
public struct ClientTLS: Sendable {
    private let context: NIOSSLContext

    /// Reads the files, once; it may wait for the disk.
    ///
    /// - Parameters:
    ///   - authorities: a PEM file of those that may have issued the server's certificate; nil for the system's.
    ///   - certificateChain: a PEM file of the client's certificate, followed by those of its issuers; nil to have none.
    ///   - privateKey: the PEM file of that certificate's key, without a passphrase; nil if it is in the same file.
    /// - Throws: ``ConnectError``, which names the file that is no good.
    public init(
        authorities: String? = nil,
        certificateChain: String? = nil,
        privateKey: String? = nil
    ) throws(ConnectError) {
        var configuration = TLSConfiguration.makeClientConfiguration()
        // RFC 9113 section 9.2.
        configuration.minimumTLSVersion = .tlsv12
        configuration.applicationProtocols = ["h2"]
        if let authorities {
            configuration.trustRoots = .certificates(try Self.certificates(authorities))
        }
        if let certificateChain {
            configuration.certificateChain = try Self.certificates(certificateChain).map { .certificate($0) }
            configuration.privateKey = .privateKey(try Self.key(privateKey ?? certificateChain))
        }
        do {
            context = try NIOSSLContext(configuration: configuration)
        } catch {
            throw ConnectError("the certificate and its key cannot be used together", cause: error)
        }
    }

    /// The handler of one connection. The server's certificate has to be for this host: a name, or an IP address.
    func makeHandler(host: String) throws -> NIOSSLClientHandler {
        let isAddress = (try? SocketAddress(ipAddress: host, port: 0)) != nil
        // Without a name the address that was connected to is compared (RFC 9110 section 4.3.5).
        return try NIOSSLClientHandler(context: context, serverHostname: isAddress ? nil : host)
    }

    private static func certificates(_ path: String) throws(ConnectError) -> [NIOSSLCertificate] {
        do {
            let certificates = try NIOSSLCertificate.fromPEMFile(path)
            if !certificates.isEmpty { return certificates }
        } catch {
            throw ConnectError("\(path): no certificates in PEM can be read from it", cause: error)
        }
        throw ConnectError("\(path): there is no certificate in it")
    }

    private static func key(_ path: String) throws(ConnectError) -> NIOSSLPrivateKey {
        do {
            return try NIOSSLPrivateKey(file: path, format: .pem)
        } catch {
            throw ConnectError("\(path): no private key in PEM can be read from it", cause: error)
        }
    }
}

extension ConnectError {
    /// What the TLS library says, in plainer words where it is what usually goes wrong; nil for what is not of TLS.
    init?(describingTLS error: any Error) {
        switch error {
        case let error as NIOSSLExtraError where error == .failedToValidateHostname:
            self.init("the server's certificate is for another host", cause: error)
        case NIOSSLError.handshakeFailed(let reason), NIOSSLError.shutdownFailed(let reason):
            self.init(describing: reason)
        case let error as BoringSSLError:
            self.init(describing: error)
        case let error as NIOSSLError:
            self.init("TLS failed: \(error)", cause: error)
        case _:
            return nil
        }
    }

    private init(describing error: BoringSSLError) {
        guard case .sslError(let stack) = error, let last = stack.last.map({ "\($0)" }) else {
            self.init("TLS failed: \(error)", cause: error)
            return
        }
        for (mark, meaning) in Self.meanings where last.contains(mark) {
            self.init(meaning, cause: error)
            return
        }
        self.init("TLS failed: \(last)", cause: error)
    }

    /// What BoringSSL's names of errors, and of alerts that the server sends, mean to a client.
    private static let meanings = [
        ("CERTIFICATE_VERIFY_FAILED", "the server's certificate was not issued by an authority that is trusted here"),
        ("CERTIFICATE_REQUIRED", "the server asks for a client certificate"),
        ("ALERT_UNKNOWN_CA", "the server does not accept the client's certificate"),
        ("ALERT_CERTIFICATE", "the server does not accept the client's certificate"),
        ("ALERT_BAD_CERTIFICATE", "the server does not accept the client's certificate"),
        ("NO_APPLICATION_PROTOCOL", "the server does not offer HTTP/2 over TLS (ALPN h2)"),
        ("WRONG_VERSION_NUMBER", "the server does not speak TLS"),
        ("HTTP_REQUEST", "the server does not speak TLS"),
    ]
}
