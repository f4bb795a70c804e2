import CNghttp2
import NIOCore

/// The last few heads of one connection, by the header lists they were decoded from.
///
/// A client that makes calls sends the same few header lists again and again; each is decoded once, and requests share
/// the result. A list is compared with the one before it as it arrives: what does not differ is not even collected. One
/// that does not repeat costs a comparison and a replacement.
struct RequestHeadCache {
    private static let capacity = 4
    /// Bytes of the longest list that is kept, which bounds what an idle connection holds.
    private static let maxBytes = 1024

    private var entries: [KnownHead] = []
    private var oldest = 0
    /// The entry that the last list was equal to or became. It is one of ``entries``, and used without another reference.
    private var latest: Unmanaged<KnownHead>?
    /// The field of the latest entry that is expected next; nil when the arriving list has turned out to be another.
    private var expected: UnsafeMutablePointer<KnownField>?

    /// A list begins to arrive.
    mutating func begin(isRequest: Bool) {
        expected = isRequest ? latest?._withUnsafeGuaranteedRef { $0.fields } : nil
    }

    /// Takes the next field, if it is in the memory of the expected one; that is nearly all there is to do for most.
    @inline(__always)
    mutating func takes(_ field: ReceivedField) -> Bool {
        guard let expected, expected.pointee.isMemory(of: field) else { return false }
        self.expected = expected + 1
        return true
    }

    /// Takes a field of other memory, if it has the text of the expected one. If not, it is the block's, and so is from then
    /// on what came before.
    mutating func takesText(of field: ReceivedField, insteadOf block: inout HeaderBlock) -> Bool {
        guard let expected, let latest else { return false }
        if latest._withUnsafeGuaranteedRef({ $0.hasText(of: field, at: expected) }) {
            self.expected = expected + 1
            return true
        }
        giveUp(for: &block)
        return false
    }

    /// The head that an equal list meant. The list is complete; if there is no such head, all of it is in the block.
    mutating func head(_ block: inout HeaderBlock) -> RequestHead? {
        if let expected, let latest {
            if let head = latest._withUnsafeGuaranteedRef({ $0.end == expected ? $0.head : nil }) { return head }
            giveUp(for: &block)
        }
        for index in entries.indices where block.equals(entries[index].block) {
            latest = .passUnretained(entries[index])
            return entries[index].head
        }
        return nil
    }

    private mutating func giveUp(for block: inout HeaderBlock) {
        if let expected, let known = latest?.takeUnretainedValue() {
            block.append(known.block, fields: expected - known.fields)
        }
        expected = nil
    }

    /// Keeps what a header list means, unless it is unusually long.
    mutating func keep(_ head: RequestHead, of block: borrowing HeaderBlock) {
        guard block.count <= Self.maxBytes else { return }
        let entry = KnownHead(head, block)
        latest = .passUnretained(entry)
        guard entries.count == Self.capacity else { return entries.append(entry) }
        entries[oldest] = entry
        oldest = (oldest + 1) % Self.capacity
    }

    /// Lets go of everything: what is kept refers to memory of the session, and must not outlive it.
    mutating func removeAll() {
        (latest, expected) = (nil, nil)
        entries = []
    }
}

/// A header field as nghttp2 has decoded it. It has the text of a field that is in a table of HPACK only once, so that
/// there the same memory is the same text.
struct ReceivedField {
    fileprivate let name: OpaquePointer
    fileprivate let value: OpaquePointer

    init(name: OpaquePointer, value: OpaquePointer) {
        (self.name, self.value) = (name, value)
    }

    var nameText: HeaderBlock.Text { Self.text(name) }
    var valueText: HeaderBlock.Text { Self.text(value) }

    private static func text(_ buffer: OpaquePointer) -> HeaderBlock.Text {
        let text = nghttp2_rcbuf_get_buf(buffer)
        return HeaderBlock.Text(start: text.base, count: text.len)
    }
}

/// A field of a header list that came.
private struct KnownField {
    /// In the bytes of the list.
    let nameText: HeaderBlock.Text
    let valueText: HeaderBlock.Text
    /// Its memory, held from the second time on that the field came.
    var name: OpaquePointer?
    var value: OpaquePointer?

    func isMemory(of field: ReceivedField) -> Bool { name == field.name && value == field.value }

    @inline(__always)
    func isText(of field: ReceivedField) -> Bool {
        // Most names are in a table, even where the value is not.
        (name == field.name || HeaderBlock.equals(nameText, field.nameText))
            && HeaderBlock.equals(valueText, field.valueText)
    }
}

/// A header list that came, and what it means; loop-bound.
private final class KnownHead {
    let head: RequestHead
    let block: HeaderBlock
    /// Its fields, and one more that no field is equal to.
    let fields: UnsafeMutablePointer<KnownField>
    let end: UnsafeMutablePointer<KnownField>

    init(_ head: RequestHead, _ block: borrowing HeaderBlock) {
        self.head = head
        self.block = HeaderBlock(block)
        var known: [KnownField] = []
        self.block.visitAll { known.append(KnownField(nameText: $0, valueText: $1)) }
        let nothing = HeaderBlock.Text(start: nil, count: 0)
        fields = .allocate(capacity: known.count + 1)
        end = fields + known.count
        fields.initialize(from: known, count: known.count)
        end.initialize(to: KnownField(nameText: nothing, valueText: nothing))
    }

    deinit {
        for field in UnsafeBufferPointer(start: fields, count: end - fields) {
            if let name = field.name { nghttp2_rcbuf_decref(name) }
            if let value = field.value { nghttp2_rcbuf_decref(value) }
        }
        fields.deallocate()
    }

    /// Whether a known field is equal to this one.
    @inline(__always)
    func hasText(of field: ReceivedField, at known: UnsafeMutablePointer<KnownField>) -> Bool {
        guard known < end, known.pointee.isText(of: field) else { return false }
        // Once only: a text that is in no table has other memory each time.
        if known.pointee.name == nil {
            nghttp2_rcbuf_incref(field.name)
            nghttp2_rcbuf_incref(field.value)
            (known.pointee.name, known.pointee.value) = (field.name, field.value)
        }
        return true
    }
}

extension RequestHead {
    convenience init(_ list: HeaderList, remoteAddress: SocketAddress?) {
        self.init(
            method: list.method,
            path: list.path,
            scheme: list.scheme,
            authority: list.authority.isEmpty ? list.headers["host"] ?? "" : list.authority,
            headers: list.headers,
            version: .http2,
            remoteAddress: remoteAddress
        )
    }
}
