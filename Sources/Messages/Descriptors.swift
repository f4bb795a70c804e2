internal import CProtos

/// The descriptors of the contract's files, for tools that learn it from a server.
///
/// The bytes are the compiler's own; `tools/generate` makes the index of them.
public enum Descriptors {
    struct Extension: Sendable, Equatable {
        /// The message that is extended.
        let type: String
        let number: Int32

        init(of type: String, number: Int32) {
            self.type = type
            self.number = number
        }
    }

    struct File: Sendable {
        let name: String
        /// Where its serialized `FileDescriptorProto` stands in the descriptor set.
        let range: Range<Int>
        let imports: [String]
        /// The full names of what it declares.
        let symbols: [String]
        let extensions: [Extension]
    }

    /// A file of this name, such as `baud/v1/run.proto`, and those it imports, directly or not: each a serialized
    /// `google.protobuf.FileDescriptorProto`. Nil if there is none.
    public static func file(named name: String) -> [[UInt8]]? {
        files.first { $0.name == name }.map(bytesWithImports)
    }

    /// The file that declares a service, method, message, field or enum, by its full name, as ``file(named:)`` has it.
    public static func file(declaring symbol: String) -> [[UInt8]]? {
        files.first { $0.symbols.contains(symbol) }.map(bytesWithImports)
    }

    /// The file that declares an extension of a message, as ``file(named:)`` has it.
    public static func file(extending type: String, number: Int32) -> [[UInt8]]? {
        files.first { $0.extensions.contains(Extension(of: type, number: number)) }.map(bytesWithImports)
    }

    /// The numbers of all extensions of a message; none where the message is not known either.
    public static func extensionNumbers(of type: String) -> [Int32] {
        files.flatMap(\.extensions).filter { $0.type == type }.map(\.number)
    }

    private static func bytesWithImports(_ file: File) -> [[UInt8]] {
        var found = [file]
        var index = 0
        while index < found.count {
            let missing = found[index].imports.filter { name in !found.contains { $0.name == name } }
            found += missing.compactMap { name in files.first { $0.name == name } }
            index += 1
        }
        return found.map { bytes($0.range) }
    }

    private static func bytes(_ range: Range<Int>) -> [UInt8] {
        guard let set = descriptor_set_bytes() else { return [] }
        return Array(UnsafeBufferPointer(start: set, count: descriptor_set_length())[range])
    }
}
