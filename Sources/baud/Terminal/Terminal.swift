import Glibc

/// An output of this process, as a place to show text: what it can do, and the way there.
///
/// Writing blocks the calling thread, as suits a command that has nothing to do but to show what comes.
struct Terminal: Sendable {
    /// The reader of the output has gone.
    struct Closed: Error {}

    let descriptor: Int32
    /// Whether escape sequences are welcome: colours, and lines that are written over.
    let takesEscapes: Bool

    static let output = Terminal(STDOUT_FILENO)
    static let error = Terminal(STDERR_FILENO)

    init(_ descriptor: Int32) {
        self.descriptor = descriptor
        takesEscapes = Self.takesEscapes(isTerminal: isatty(descriptor) == 1, environment: Environment.value)
    }

    /// By the conventions of `NO_COLOR` (set and not empty: none) and `TERM=dumb`.
    static func takesEscapes(isTerminal: Bool, environment: (String) -> String?) -> Bool {
        isTerminal && environment("NO_COLOR")?.isEmpty ?? true && environment("TERM") != "dumb"
    }

    var palette: Palette { Palette(isColoured: takesEscapes) }

    /// Columns; 100 where there is no screen to tell, such as in a file.
    var width: Int {
        var size = winsize()
        guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 100 }
        return Int(size.ws_col)
    }

    /// - Throws: ``Closed``, also for an output that fails in another way: there is nobody to be told.
    func write(_ text: String) throws(Closed) {
        var text = text
        let isWritten = text.withUTF8 { bytes in
            var rest = UnsafeRawBufferPointer(bytes)
            while !rest.isEmpty {
                let count = Glibc.write(descriptor, rest.baseAddress, rest.count)
                if count > 0 {
                    rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(count))
                } else if count == 0 || errno != EINTR {
                    return false
                }
            }
            return true
        }
        guard isWritten else { throw Closed() }
    }
}

enum Environment {
    /// A variable of this process's environment.
    static func value(_ name: String) -> String? {
        getenv(name).map { String(cString: $0) }
    }
}
