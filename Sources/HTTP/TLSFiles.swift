/// The files that make a port one of TLS, all in PEM. They are read again when they change.
public struct TLSFiles: Sendable, Equatable {
    /// The server's certificate, followed by those of its issuers up to, and without, the root.
    public var certificateChain: String
    /// The private key of the first certificate in the chain, without a passphrase.
    public var privateKey: String
    /// The authorities of which one has to have issued a client's certificate; nil demands none of clients.
    public var clientAuthorities: String?

    public init(certificateChain: String, privateKey: String, clientAuthorities: String? = nil) {
        self.certificateChain = certificateChain
        self.privateKey = privateKey
        self.clientAuthorities = clientAuthorities
    }

    /// The paths of all files.
    var paths: [String] { [certificateChain, privateKey] + (clientAuthorities.map { [$0] } ?? []) }
}
