import Glibc
import NIOSSL
import Synchronization

/// What a TLS port proves itself with, read from ``TLSFiles`` and renewed when they change.
///
/// ``context`` may be read anywhere; ``refresh()`` reads files and belongs on a thread that may wait for them.
/// Connections keep the context they began with.
final class TLSIdentity: Sendable {
    enum Refresh {
        case unchanged
        case renewed
        /// The files do not fit together, or one is not readable: the identity in use stays.
        case failed(any Error)
    }

    private let files: TLSFiles
    private let state: Mutex<State>

    private struct State {
        var context: NIOSSLContext
        /// The files as they were when they were last read, successfully or not.
        var versions: [FileVersion?]
    }

    /// - Throws: what is wrong with the files.
    init(_ files: TLSFiles) throws {
        self.files = files
        let versions = files.paths.map(FileVersion.init)
        state = Mutex(State(context: try Self.makeContext(files), versions: versions))
    }

    var context: NIOSSLContext { state.withLock { $0.context } }

    /// Reads the files again if one of them is another than before.
    ///
    /// They are seldom replaced at the same moment: a key and a certificate that do not fit each other are a failure
    /// here, and the file that then follows is a change.
    func refresh() -> Refresh {
        let versions = files.paths.map(FileVersion.init)
        guard versions != state.withLock({ $0.versions }) else { return .unchanged }
        let context = Result { try Self.makeContext(files) }
        state.withLock { state in
            state.versions = versions
            if case .success(let context) = context { state.context = context }
        }
        switch context {
        case .success: return .renewed
        case .failure(let error): return .failed(error)
        }
    }

    private static func makeContext(_ files: TLSFiles) throws -> NIOSSLContext {
        let chain = try NIOSSLCertificate.fromPEMFile(files.certificateChain).map {
            NIOSSLCertificateSource.certificate($0)
        }
        let key = NIOSSLPrivateKeySource.privateKey(try NIOSSLPrivateKey(file: files.privateKey, format: .pem))
        var configuration =
            if let authorities = files.clientAuthorities {
                TLSConfiguration.makeServerConfigurationWithMTLS(
                    certificateChain: chain,
                    privateKey: key,
                    trustRoots: .certificates(try NIOSSLCertificate.fromPEMFile(authorities))
                )
            } else {
                TLSConfiguration.makeServerConfiguration(certificateChain: chain, privateKey: key)
            }
        // RFC 9113 section 9.2.
        configuration.minimumTLSVersion = .tlsv12
        configuration.applicationProtocols = ["h2", "http/1.1"]
        return try NIOSSLContext(configuration: configuration)
    }
}

/// Tells one content of a file from the next, by what the file system knows of it.
private struct FileVersion: Equatable {
    let inode: UInt
    let size: Int
    let seconds: Int
    let nanoseconds: Int

    /// Nil when there is no such file.
    init?(path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        (inode, size) = (UInt(status.st_ino), Int(status.st_size))
        (seconds, nanoseconds) = (status.st_mtim.tv_sec, status.st_mtim.tv_nsec)
    }
}
