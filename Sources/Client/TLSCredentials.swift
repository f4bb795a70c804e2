internal import HTTP

/// What a client of an `https` server trusts and shows: paths of PEM files, read when the client is made.
public struct TLSCredentials: Sendable, Equatable {
    /// The authorities of which one has to have issued the server's certificate; nil for the system's.
    public var authorities: String?
    /// The client's certificate, followed by those of its issuers, for a server that asks for one.
    public var certificate: String?
    /// The key of that certificate, without a passphrase; nil if it is in the same file.
    public var privateKey: String?

    public init(authorities: String? = nil, certificate: String? = nil, privateKey: String? = nil) {
        self.authorities = authorities
        self.certificate = certificate
        self.privateKey = privateKey
    }
}

extension ServerAddress {
    /// - Returns: nil for a server without TLS.
    /// - Throws: ``BaudClientError/Code/invalidArgument`` for a file that cannot be used, or that nothing is done with.
    func makeTLS(_ credentials: TLSCredentials) throws(BaudClientError) -> ClientTLS? {
        guard credentials.privateKey == nil || credentials.certificate != nil else {
            throw BaudClientError(.invalidArgument, "a key is of no use without its certificate")
        }
        guard usesTLS else {
            guard credentials == TLSCredentials() else {
                throw BaudClientError(.invalidArgument, "certificates are for a server whose URL begins with https://")
            }
            return nil
        }
        do {
            return try ClientTLS(
                authorities: credentials.authorities,
                certificateChain: credentials.certificate,
                privateKey: credentials.privateKey
            )
        } catch {
            throw BaudClientError(.invalidArgument, error.message, cause: error)
        }
    }
}
