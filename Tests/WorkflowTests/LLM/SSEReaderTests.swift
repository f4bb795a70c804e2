import Testing

@testable import Workflow

struct SSEReaderTests {
    private func read(_ text: String, piecesOf size: Int = .max) throws -> [SSEEvent] {
        var reader = SSEReader()
        var rest = Array(text.utf8)[...]
        var events: [SSEEvent] = []
        while !rest.isEmpty {
            events += try reader.read(Array(rest.prefix(size)))
            rest = rest.dropFirst(size)
        }
        return events
    }

    @Test(arguments: [1, 2, 3, 7, 1000])
    func readsEventsHoweverTheyAreCut(size: Int) throws {
        let text = """
            : a comment
            event: ping
            data: {}

            data: first
            data:second
            id: 7
            retry: 100

            data: grüße 🎉

            """ + "\n"
        let expected = [
            SSEEvent(type: "ping", data: "{}"), SSEEvent(type: "message", data: "first\nsecond"),
            SSEEvent(type: "message", data: "grüße 🎉"),
        ]
        #expect(try read(text, piecesOf: size) == expected)
        #expect(
            try read(
                text.split(separator: "\n", omittingEmptySubsequences: false).joined(separator: "\r\n"),
                piecesOf: size
            ) == expected
        )
        #expect(
            try read(
                text.split(separator: "\n", omittingEmptySubsequences: false).joined(separator: "\r"),
                piecesOf: size
            ) == expected
        )
    }

    @Test func anEventThatIsCutOffIsNotReturned() throws {
        #expect(try read("data: whole\n\ndata: half\n") == [SSEEvent(type: "message", data: "whole")])
    }

    @Test func keepsTrailingBlanksAndEmptyData() throws {
        #expect(try read("data: {} \t \n\ndata\n\n").map(\.data) == ["{} \t ", ""])
    }

    @Test func anEventWithoutDataIsNone() throws {
        #expect(try read("event: x\n\n\n\n:\n\n").isEmpty)
    }

    @Test func skipsAByteOrderMark() throws {
        #expect(try read("\u{feff}data: 1\n\n", piecesOf: 1).map(\.data) == ["1"])
    }

    @Test func anEventThatIsTooLargeIsRefused() throws {
        var reader = SSEReader()
        let piece = [UInt8](repeating: UInt8(ascii: "a"), count: 1 << 20)
        #expect(throws: ModelError.self) {
            for _ in 0...16 { _ = try reader.read(piece) }
        }
    }
}
