internal import CLinux
internal import Glibc
internal import SystemPackage

/// The pipe that a process and its children write to, and the judgement when they are done.
///
/// Owns the reading end; the writing end is handed to the spawning, which closes it. ``drain(of:watching:onOutput:)``
/// reads on a thread of its own.
final class OutputPipe: Sendable {
    let writer: FileDescriptor
    private let reader: Descriptor

    /// For what is still in the pipe when the process has exited. Normally that ends at once; it takes this long where
    /// a child that was left behind holds the pipe.
    private static let patience = Duration.milliseconds(200)
    private static let pieceSize = 64 * 1024

    /// - Throws: ``ToolError`` where the system has no descriptor left.
    init() throws(ToolError) {
        var ends: [CInt] = [-1, -1]
        let result = clinux_pipe(&ends)
        guard result == 0 else {
            throw ToolError("The worker has no descriptor left: \(SystemFailure(-result).reason)")
        }
        reader = Descriptor(ends[0])
        writer = FileDescriptor(rawValue: ends[1])
    }

    /// Passes on what is written until the process has exited and the pipe has ended or the patience with it; then
    /// kills what is left of the process's group.
    ///
    /// - Parameters:
    ///   - process: the leader of its group, not reaped before this returns: so the number is still its own when the
    ///     group is killed.
    ///   - exit: its pidfd, readable when it has exited (Linux 5.4).
    func drain(
        of process: pid_t,
        watching exit: CInt,
        onOutput: @escaping @Sendable (UnsafeRawBufferPointer) -> Void
    ) async throws(ToolError) {
        guard exit >= 0 else { throw ToolError("Commands need Linux 5.4, for pidfd_open(2)") }
        try await onOwnThread { () throws(ToolError) in
            self.copy(until: exit, onOutput)
            kill(-process, SIGKILL)
        }
    }

    private func copy(until exit: CInt, _ onOutput: (UnsafeRawBufferPointer) -> Void) {
        withUnsafeTemporaryAllocation(byteCount: Self.pieceSize, alignment: 16) { buffer in
            var isOpen = true
            var deadline: ContinuousClock.Instant?
            while true {
                let wait = deadline.map { ContinuousClock.now.duration(to: $0) }
                if deadline != nil, !isOpen || wait ?? .zero <= .zero { return }
                var events = [
                    pollfd(fd: isOpen ? reader.raw : -1, events: Int16(POLLIN), revents: 0),
                    pollfd(fd: deadline == nil ? exit : -1, events: Int16(POLLIN), revents: 0),
                ]
                _ = poll(&events, 2, wait.map { CInt($0 / .milliseconds(1)) + 1 } ?? -1)
                if events[0].revents != 0 { isOpen = copyPiece(through: buffer, onOutput) }
                if events[1].revents != 0 { deadline = .now + Self.patience }
            }
        }
    }

    /// - Returns: whether there may be more.
    private func copyPiece(
        through buffer: UnsafeMutableRawBufferPointer,
        _ onOutput: (UnsafeRawBufferPointer) -> Void
    ) -> Bool {
        let count = read(reader.raw, buffer.baseAddress, buffer.count)
        if count > 0 { onOutput(UnsafeRawBufferPointer(rebasing: buffer[..<count])) }
        return count > 0 || (count < 0 && (errno == EAGAIN || errno == EINTR))
    }
}
