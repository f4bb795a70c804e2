internal import Configuration
internal import TOMLKit

/// A TOML file as a source of settings. Read once; a value that does not change.
struct TOMLProvider: ConfigProvider, ConfigSnapshot {
    /// The type of the file's value is not the one asked for.
    struct TypeMismatch: Error {}

    /// A value that no setting can have, such as a date.
    private enum Entry: Sendable {
        case value(ConfigContent)
        case unsupported(String)
    }

    let providerName: String
    private let lines: TOMLLines
    private var entries: [[String]: Entry] = [:]
    private var tables: Set<[String]> = []

    /// - Parameter fileName: for error texts.
    init(text: String, fileName: String) throws(ConfigError) {
        providerName = fileName
        lines = TOMLLines(text)
        do {
            add(try TOMLTable(string: text), at: [])
        } catch let error as TOMLParseError {
            throw ConfigError(.malformed, ["\(fileName):\(error.source.begin.line): \(error.description)"])
        } catch {
            throw ConfigError(.malformed, ["\(fileName): no TOML"], cause: error)
        }
    }

    /// All settings and tables of the file, in the order of their lines.
    var paths: [[String]] {
        (Array(entries.keys) + tables).sorted { (line(of: $0) ?? 0, $0.count) < (line(of: $1) ?? 0, $1.count) }
    }

    func isTable(_ path: [String]) -> Bool { tables.contains(path) }

    /// The names directly inside a table, sorted.
    func names(in table: [String]) -> [String] {
        let inside = (Array(entries.keys) + tables).filter { $0.count > table.count && $0.starts(with: table) }
        return Set(inside.map { $0[table.count] }).sorted()
    }

    func line(of path: [String]) -> Int? { lines.line(of: path) }

    /// The value as the file might spell it.
    func spelling(of path: [String]) -> String? {
        switch entries[path] {
        case .value(.string(let text)): "\"\(text)\""
        case .value(.int(let number)): "\(number)"
        case .value(.double(let number)): "\(number)"
        case .value(.bool(let flag)): "\(flag)"
        case .value(.stringArray(let texts)): "\(texts)"
        case .value: nil
        case .unsupported(let text): text
        case nil: isTable(path) ? "{...}" : nil
        }
    }

    private mutating func add(_ table: TOMLTable, at path: [String]) {
        for key in table.keys {
            guard let value = table[key] else { continue }
            if let inner = value.table {
                tables.insert(path + [key])
                add(inner, at: path + [key])
            } else {
                entries[path + [key]] = Self.entry(value)
            }
        }
    }

    private static func entry(_ value: any TOMLValueConvertible) -> Entry {
        if let text = value.string { return .value(.string(text)) }
        if let number = value.int { return .value(.int(number)) }
        if let flag = value.bool { return .value(.bool(flag)) }
        if let number = value.double { return .value(.double(number)) }
        if let array = value.array {
            let texts = array.compactMap { $0.string }
            if texts.count == array.count { return .value(.stringArray(texts)) }
        }
        return .unsupported(value.debugDescription)
    }

    // MARK: ConfigProvider

    func value(forKey key: AbsoluteConfigKey, type: ConfigType) throws -> LookupResult {
        let content: ConfigContent
        switch (entries[key.components], type) {
        case (nil, _):
            guard !isTable(key.components) else { throw TypeMismatch() }
            return LookupResult(encodedKey: key.description, value: nil)
        case (.value(.string(let text)), .string): content = .string(text)
        case (.value(.int(let number)), .int): content = .int(number)
        case (.value(.bool(let flag)), .bool): content = .bool(flag)
        case (.value(.stringArray(let texts)), .stringArray): content = .stringArray(texts)
        default: throw TypeMismatch()
        }
        return LookupResult(encodedKey: key.description, value: ConfigValue(content, isSecret: false))
    }

    nonisolated(nonsending) func fetchValue(forKey key: AbsoluteConfigKey, type: ConfigType) async throws
        -> LookupResult
    {
        try value(forKey: key, type: type)
    }

    nonisolated(nonsending) func watchValue<Return: ~Copyable>(
        forKey key: AbsoluteConfigKey,
        type: ConfigType,
        updatesHandler:
            nonisolated(nonsending) (
                _ updates: ConfigUpdatesAsyncSequence<Result<LookupResult, any Error>, Never>
            ) async throws -> Return
    ) async throws -> Return {
        try await watchValueFromValue(forKey: key, type: type, updatesHandler: updatesHandler)
    }

    func snapshot() -> any ConfigSnapshot { self }

    nonisolated(nonsending) func watchSnapshot<Return: ~Copyable>(
        updatesHandler:
            nonisolated(nonsending) (
                _ updates: ConfigUpdatesAsyncSequence<any ConfigSnapshot, Never>
            ) async throws -> Return
    ) async throws -> Return {
        try await watchSnapshotFromSnapshot(updatesHandler: updatesHandler)
    }
}
