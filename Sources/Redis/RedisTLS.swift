internal import NIOSSL

/// How connections are encrypted, and how server and client prove who they are.
///
/// Made once, from files that are read at that time: what is put into them later takes a new process to come into use.
public struct RedisTLS: Sendable {
    /// The files, PEM, and the name; an empty text stands for the default.
    public struct Settings: Sendable, Equatable {
        /// Authorities of which one must have issued the server's certificate. Default: those that the system trusts.
        public var authorities = ""
        /// The client's own certificate with its issuers, and the key to it: both or neither.
        public var certificate = ""
        public var privateKey = ""
        /// The name that the server's certificate must bear. Default: the host that is connected to. A certificate that bears
        /// the address that is connected to will also do.
        public var serverName = ""

        public init(
            authorities: String = "",
            certificate: String = "",
            privateKey: String = "",
            serverName: String = ""
        ) {
            self.authorities = authorities
            self.certificate = certificate
            self.privateKey = privateKey
            self.serverName = serverName
        }

        var isEmpty: Bool { self == Settings() }
    }

    private let context: NIOSSLContext
    private let serverName: String

    /// Reads the files. - Throws: `.configuration` for files that cannot be read or do not fit together.
    public init(_ settings: Settings = Settings()) throws(RedisError) {
        guard settings.certificate.isEmpty == settings.privateKey.isEmpty else {
            throw RedisError(.configuration, "a client certificate needs its key, and a key its certificate")
        }
        do {
            context = try NIOSSLContext(configuration: Self.configuration(settings))
        } catch {
            throw RedisError(.configuration, "the files for TLS cannot be used", cause: error)
        }
        serverName = settings.serverName
    }

    private static func configuration(_ settings: Settings) throws -> TLSConfiguration {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        if !settings.authorities.isEmpty {
            configuration.trustRoots = .certificates(try NIOSSLCertificate.fromPEMFile(settings.authorities))
        }
        if !settings.certificate.isEmpty {
            configuration.certificateChain = try NIOSSLCertificate.fromPEMFile(settings.certificate)
                .map { .certificate($0) }
            configuration.privateKey = .privateKey(try NIOSSLPrivateKey(file: settings.privateKey, format: .pem))
        }
        return configuration
    }

    /// The handler of one connection, which proves that the server is `host`.
    func makeHandler(host: String) throws -> NIOSSLClientHandler {
        let name = serverName.isEmpty ? host : serverName
        do {
            return try NIOSSLClientHandler(context: context, serverHostname: name)
        } catch let error as NIOSSLExtraError where error == .cannotUseIPAddressInSNI {
            // An address is not sent as a name; without one, the certificate is held against the address connected to.
            return try NIOSSLClientHandler(context: context, serverHostname: nil)
        }
    }
}
