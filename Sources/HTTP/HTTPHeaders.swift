/// An ordered multimap of header fields, the same for both HTTP versions.
///
/// Names are kept in lower case, as HTTP/2 sends them (RFC 9113 section 8.2.1), so that a look-up is a comparison of
/// bytes. Order and repetition are preserved. Pseudo-header fields are never in here; see ``RequestHead``.
public struct HTTPHeaders: Sendable {
    public typealias Element = (name: String, value: String)

    private var fields: [Element]

    /// Takes the pairs in their order; names may be in any case.
    public init(_ pairs: [(String, String)] = []) {
        fields = pairs.map { (name: Self.canonical($0.0), value: $0.1) }
    }

    /// The first value of a name, in any case.
    public subscript(name: String) -> String? {
        firstIndex(of: name).map { fields[$0].value }
    }

    /// All values of a name, in order.
    public func values(_ name: String) -> [String] {
        let name = Self.canonical(name)
        return fields.compactMap { $0.name == name ? $0.value : nil }
    }

    /// Whether any field's name and value satisfy the predicate.
    public func containsField(where predicate: (_ name: String, _ value: String) -> Bool) -> Bool {
        // By index: iterating would copy, and so retain, both strings of every field.
        for index in fields.indices where predicate(fields[index].name, fields[index].value) { return true }
        return false
    }

    private func firstIndex(of name: String) -> Int? {
        for index in fields.indices where fields[index].name == name { return index }
        let canonical = Self.canonical(name)
        return canonical == name ? nil : firstIndex(of: canonical)
    }

    /// Whether there is a field of this name, which is in lower case.
    func contains(lowercased name: String) -> Bool {
        for index in fields.indices where fields[index].name == name { return true }
        return false
    }

    /// Bytes of all names and values.
    var byteCount: Int {
        var count = 0
        for index in fields.indices { count += fields[index].name.utf8.count + fields[index].value.utf8.count }
        return count
    }

    /// Visits the bytes of each field, in order.
    func forEachUTF8(_ visit: (_ name: UnsafeBufferPointer<UInt8>, _ value: UnsafeBufferPointer<UInt8>) -> Void) {
        for index in fields.indices {
            var (name, value) = fields[index]
            name.withUTF8 { name in value.withUTF8 { value in visit(name, value) } }
        }
    }

    /// Appends a field, keeping any other of the same name.
    public mutating func add(_ name: String, _ value: String) {
        fields.append((name: Self.canonical(name), value: value))
    }

    /// Appends a field whose name is in lower case, as it is on every HTTP/2 connection.
    mutating func append(lowercased name: String, _ value: String) {
        fields.append((name: name, value: value))
    }

    /// Replaces every field of this name by one.
    public mutating func set(_ name: String, _ value: String) {
        remove(name)
        add(name, value)
    }

    /// Removes every field of this name.
    public mutating func remove(_ name: String) {
        let name = Self.canonical(name)
        fields.removeAll { $0.name == name }
    }

    public mutating func reserveCapacity(_ count: Int) {
        fields.reserveCapacity(count)
    }

    /// Lower case, and the same string without a copy when it is so already.
    private static func canonical(_ name: String) -> String {
        var name = name
        let isCanonical = name.withUTF8 { bytes in
            !bytes.contains { $0 >= UInt8(ascii: "A") && $0 <= UInt8(ascii: "Z") }
        }
        return isCanonical ? name : name.lowercased()
    }
}

extension HTTPHeaders: RandomAccessCollection {
    public var startIndex: Int { 0 }
    public var endIndex: Int { fields.count }
    public subscript(position: Int) -> Element { fields[position] }
}

extension HTTPHeaders: Equatable {
    public static func == (left: HTTPHeaders, right: HTTPHeaders) -> Bool {
        left.fields.elementsEqual(right.fields, by: ==)
    }
}

extension HTTPHeaders: ExpressibleByDictionaryLiteral {
    public init(dictionaryLiteral elements: (String, String)...) {
        self.init(elements)
    }
}
