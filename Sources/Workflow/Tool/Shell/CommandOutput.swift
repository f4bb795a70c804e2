internal import Synchronization

/// What a command prints, however much that is: the beginning and the end for the model, up to 16 MiB in a file, and
/// what is new for those who watch.
///
/// Written on the command's thread, read by the task of the tool. Memory is bounded by the limits below.
final class CommandOutput: Sendable {
    /// Of the spilled file; what comes after it is counted only.
    fileprivate static let spillLimit = 16 << 20
    /// Of what watchers are still to be told; more than that in a tenth of a second is left out for them.
    private static let liveLimit = 16 << 10

    /// What of it the model gets.
    fileprivate struct Capture: ~Copyable {
        var total = 0
        var head: [UInt8] = []
        /// The last bytes after the head; up to twice as many as are shown, so that cutting it down is rare.
        var tail: [UInt8] = []
        var spill: Descriptor?
        var spilled = 0
        var spillFailure: String?
    }

    private struct Live {
        var bytes: [UInt8] = []
        var leftOut = 0
    }

    private let half: Int
    private let openSpill: @Sendable () throws(ToolError) -> Descriptor
    private let spillPath: String
    /// Touched by the command's thread alone until the command has ended: its lock is never waited for.
    private let capture = Mutex(Capture())
    private let live = Mutex(Live())

    init(limit: Int, spillingTo path: String, in workspace: Workspace) {
        half = limit / 2
        spillPath = path
        openSpill = { () throws(ToolError) in try workspace.createNow(path) }
    }

    func append(_ piece: UnsafeRawBufferPointer) {
        capture.withLock { $0.append(piece, half: half, openSpill) }
        live.withLock { live in
            let kept = piece.prefix(Self.liveLimit - live.bytes.count)
            live.bytes.append(contentsOf: kept)
            live.leftOut += piece.count - kept.count
        }
    }

    /// What came since the last time, or nil; a character that is not complete stays for the next time.
    func takeNews() -> String? {
        live.withLock { live in
            let pending = live.leftOut > 0 ? 0 : UTF8Boundary.incompleteSuffix(of: live.bytes[...])
            let ready = live.bytes.dropLast(pending)
            guard !ready.isEmpty else { return nil }
            let note = live.leftOut > 0 ? "\n[... \(live.leftOut) bytes not shown live ...]\n" : ""
            defer { live = Live(bytes: Array(live.bytes.suffix(pending))) }
            return String(decoding: ready, as: UTF8.self) + note
        }
    }

    /// All of it, or the beginning, a note and the end.
    var text: String {
        capture.withLock { capture in
            guard capture.total > 2 * half else { return String(decoding: capture.head + capture.tail, as: UTF8.self) }
            let tail = capture.tail.suffix(half)
            return OutputLimit.join(
                head: OutputLimit.wholeLines(atStartOf: capture.head[...]),
                tail: OutputLimit.wholeLines(atEndOf: tail),
                total: capture.total,
                whole: capture.whole(spillPath)
            )
        }
    }
}

extension CommandOutput.Capture {
    fileprivate mutating func append(
        _ piece: UnsafeRawBufferPointer,
        half: Int,
        _ openSpill: () throws(ToolError) -> Descriptor
    ) {
        if total + piece.count > 2 * half, spill == nil, spillFailure == nil { startSpill(openSpill) }
        writeSpill(piece)
        total += piece.count
        let start = piece.prefix(half - head.count)
        head.append(contentsOf: start)
        tail.append(contentsOf: piece.dropFirst(start.count).suffix(half))
        if tail.count > 2 * half { tail.removeFirst(tail.count - half) }
    }

    /// Begins the file with what has come so far, none of which has been dropped yet.
    private mutating func startSpill(_ open: () throws(ToolError) -> Descriptor) {
        do throws(ToolError) {
            spill = try open()
            (head + tail).withUnsafeBytes { writeSpill($0) }
        } catch {
            spillFailure = error.message
        }
    }

    private mutating func writeSpill(_ bytes: UnsafeRawBufferPointer) {
        let kept = UnsafeRawBufferPointer(rebasing: bytes.prefix(CommandOutput.spillLimit - spilled))
        guard spill != nil, !kept.isEmpty else { return }
        do throws(SystemFailure) {
            try spill?.writeAll(kept)
            spilled += kept.count
        } catch {
            spill = nil
            spillFailure = error.reason
        }
    }

    fileprivate func whole(_ path: String) -> OutputLimit.Whole {
        if let spillFailure { return .lost(reason: spillFailure) }
        return spilled < total ? .beginning(path, bytes: spilled) : .file(path)
    }
}
